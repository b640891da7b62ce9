"""The action that stops a job."""

from __future__ import annotations

from schemas.quality import Rule


class QualityStop(Exception):  # noqa: N818 - a verdict of the rules, not a fault of the program
    """A rule with the action *stop* found its record; nothing of its block may be written."""

    def __init__(self, rule: Rule, record: str, observed: str, expected: str) -> None:
        super().__init__(
            f"quality rule {rule.name} of {rule.topic} stops the job at {record}: found {observed}, expected "
            f"{expected}. Nothing of its block was written. Find out why; then correct the source or the rule "
            "(schemas/quality.toml), and resume with: polyglot submit"
        )
