"""What a job keeps as state: its operators by uid, and the versions of the folds' state.

``savepoints/manifests/`` has the manifest of each job as it is now. A change is a visible diff: it says which
savepoints can still be restored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

#: The manifests of this code, ``JOB.json``.
FOLDER = Path(__file__).parent / "manifests"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator that may keep state: what it is, and for a fold the versions that it restores; the last it writes."""

    kind: str
    states: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The operators of a job by uid."""

    job: str
    operators: Mapping[str, Operator]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the manifest that `flink_jobs.manifest` has written.

        Raises:
            ValueError: it is none.
        """
        try:
            operators = {
                str(uid): Operator(str(one["kind"]), tuple(map(int, one.get("states", ()))))
                for uid, one in document["operators"].items()
            }
            return cls(str(document["job"]), operators)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no manifest of a job: {error!r}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the manifest in a file."""
        return cls.of(json.loads(path.read_text()))

    def document(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        return {
            "job": self.job,
            "operators": {
                uid: {"kind": one.kind, **({"states": list(one.states)} if one.states else {})}
                for uid, one in sorted(self.operators.items())
            },
        }
