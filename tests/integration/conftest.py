"""What all tests with real processes share: ports of each worker's own, JVMs for a short life, sources in no hurry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime import ports

_EACH = 4_000


@pytest.fixture(scope="session", autouse=True)
def _beside_another_worker(worker_id: str) -> Iterator[None]:
    """Give each of pytest-xdist's workers a part of the ports, its JVMs the quick compiler alone, and its jobs time.

    A port is chosen seconds before its service listens on it. The optimizing compiler takes a fifth of the processor
    time of a stack that lives for minutes, for a speed that no test asks for; and asking for records so often that the
    latency objectives are met takes a third of what a stack between two feeds does.
    """
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    whole = ports.RESERVED
    first = whole.start + number * _EACH % len(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "RESERVED", range(first, first + _EACH))
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
        patch.setenv("POLYGLOT_FLINK__LATENCY_FACTOR", "4")
        yield
