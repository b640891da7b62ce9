"""The undocumented options by which a group window fires again for late rows, in this one place.

First result at the watermark; every accepted late row emits the whole recomputed aggregate at once; state is kept by
event time until the watermark passes ``window_end + lateness`` (laws 5 and 6). Windows still open are emitted every
``EARLY`` of processing time, so that the view holds the day's bar before midnight, and converges when a feed stops.
The group window's syntax is deprecated in favour of a table function that drops late rows;
``tests/integration`` fails if a newer Flink ignores any of these.
"""

from __future__ import annotations

EARLY = "2 s"


def late_firing(lateness_ms: int) -> dict[str, str]:
    """Return the options for windows that accept rows up to ``lateness_ms`` behind the watermark."""
    return {
        "table.exec.emit.allow-lateness": f"{lateness_ms} ms",
        "table.exec.emit.late-fire.enabled": "true",
        "table.exec.emit.late-fire.delay": "0 ms",
        "table.exec.emit.early-fire.enabled": "true",
        "table.exec.emit.early-fire.delay": EARLY,
        "table.exec.sink.upsert-materialize": "NONE",
        # A row goes out to six windows: fewer flushes, of fuller buffers.
        "execution.buffer-timeout.interval": "20 ms",
        # Bars come one by one, not as micro-batches.
        "python.fn-execution.bundle.size": "1000",
        "python.fn-execution.bundle.time": "20",
    }
