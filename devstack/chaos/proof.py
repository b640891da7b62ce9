"""What must hold after a round, whatever hit it: nothing lost, nothing twice, stream equal to replay."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from devstack.chaos.audit import Audit
from devstack.chaos.repairs import Repairs
from devstack.chaos.target import Target
from devstack.demo.reconciliation import reconcile
from operations.drain import drain
from runtime.console import CommandError, Console

_DRAIN_TIMEOUT_S = 600.0
_COUNTS = ("raw", "raw_distinct", "bronze", "normalized", "duplicates", "dead_letters_by_reason", "bars", "quote_bars")


class Proof:
    """The proofs of one stack's rounds; each covers everything since the stack began."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._repairs = Repairs(target)
        self._audit = Audit(target.settings)
        self.identities: set[tuple[str, str, str]] = set()

    def run(self, console: Console) -> dict[str, Any]:
        """Drain, answer repair requests, verify, balance and audit; say whether all of it holds.

        Raises:
            CommandError: it does not drain, or a command failed.
        """
        seconds = drain(self._target.settings, console, _DRAIN_TIMEOUT_S)
        requests = self._repairs.answer()
        if requests:
            seconds += drain(self._target.settings, console, _DRAIN_TIMEOUT_S)
        console.info(f"drained in {seconds:.0f} s, repair requests: {requests or 'none'}; verifying")
        verified = verify()
        counted, topics = reconcile(self._target.settings, verified), self._audit.run()
        lost = len(self.identities) - counted["raw_distinct"]
        holds = (
            verified["passed"]
            and all(counted["balance"].values())
            and not (lost or topics["missing_sequence_numbers"] or topics["conflicting_copies"])
        )
        return {
            "drain_s": round(seconds, 1),
            "repair_requests": requests,
            "counts": {name: counted[name] for name in _COUNTS},
            "lost": lost,
            "balanced": all(counted["balance"].values()),
            "topics": topics,
            "verified": verified["records"],
            "differences": verified["differences"],
            "passed": holds,
        }


def verify() -> dict[str, Any]:
    """Run `polyglot verify` over everything.

    Raises:
        CommandError: it could not compare.
    """
    command = [sys.executable, "-m", "polyglot.cli", "verify", "--fail-on-empty", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise CommandError(f"polyglot verify failed with exit code {done.returncode}") from None
    return document
