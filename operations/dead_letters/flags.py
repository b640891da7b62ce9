"""How often each data-quality rule had something to say, counted in the topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from operations.dead_letters.listing import DeadLetterEntry, Filter, dead_letters
from operations.dead_letters.reading import records
from runtime.config import Settings
from schemas.domains import domains
from schemas.quality import ADJUSTMENTS, Quality

_REASON = "quality."
#: What records of adjusted series are versions of, besides their entity.
_KEYS = {"adjustment_factor": ("ex_date",), "adjusted_bar": ("date", "as_of")}


@dataclass(frozen=True)
class Line:
    """One rule of one topic; an action that is not declared (any more) is taken from its records."""

    topic: str
    rule: str
    action: str
    count: int

    def document(self) -> dict[str, Any]:
        """Return the line for ``--json``."""
        return asdict(self)


def counts(settings: Settings, quality: Quality, rejected: Iterable[DeadLetterEntry] | None = None) -> list[Line]:
    """Return a line per rule: declared ones, and those of records from before.

    `rejected` are dead letters of any reason, for a caller who has read them.
    A rule that stops a job writes nothing: see ``polyglot jobs`` for it.

    Raises:
        CommandError: the broker does not answer.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    contracts = {f"{topic.contract}.v1": name for name, topic in domains().topics.items() if topic.contract}
    of_rules = Filter(reason="quality")
    for letter in dead_letters(settings, of_rules) if rejected is None else filter(of_rules.takes, rejected):
        rule = letter.reason.removeprefix(_REASON)
        found[contracts.get(letter.contract, letter.topic), rule, "fail"] += 1
    topics = [name for name, topic in domains().topics.items() if topic.contract == "quality_flag"]
    flags = {(r["topic"], r["rule"], r["event_id"]) for _, r in records(settings, topics, "quality_flag")}
    found.update((topic, rule, "flag") for topic, rule, _ in flags)
    for name in ADJUSTMENTS:
        found.update((topic, rule, "flag") for topic, rule, *_ in _adjustments(settings, name))
    declared: dict[tuple[str, str, str], int] = {(rule.topic, rule.name, rule.action): 0 for rule in quality.rules}
    both = sorted({**declared, **found}.items())
    return [Line(topic, rule, action, count) for (topic, rule, action), count in both]


def _adjustments(settings: Settings, name: str) -> set[tuple[Any, ...]]:
    """Return what kernels of adjusted series marked: topic, rule and the record's key, whatever version said so."""
    rules, topics = ADJUSTMENTS[name], [topic for topic, spec in domains().topics.items() if spec.contract == name]
    return {
        (topic, rule, record["entity_id"], *(record[key] for key in _KEYS[name]))
        for topic, record in records(settings, topics, name, tuple(rules))
        for rule in record["rules"].split(",")
        if rule in rules
    }
