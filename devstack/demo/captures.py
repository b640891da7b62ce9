"""What a capture file is: its venue, from the shape of its frames, and the pace at which to feed it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collectors.capture import Capture
from runtime.console import CommandError, Exit

_LOOK_AT = 20_000


def _frames(path: Path) -> Iterator[Any]:
    seen = 0
    for block in Capture("binance_spot", path).blocks(0):
        for payload in block.payload:
            seen += 1
            if seen > _LOOK_AT:
                return
            try:
                yield json.loads(payload)
            except ValueError:
                continue


def detect_venue(path: Path) -> str:
    """Return the venue that speaks like this file.

    Raises:
        CommandError: no frame tells.
    """
    for frame in _frames(path):
        if isinstance(frame, list):
            return "kraken"
        if not isinstance(frame, dict):
            continue
        if frame.get("type") in ("match", "last_match", "ticker", "subscriptions", "heartbeat"):
            return "coinbase"
        data = frame.get("data", frame)
        if not isinstance(data, dict) or "s" not in data:
            continue
        if "ps" in data or str(data["s"]).endswith("_PERP"):
            return "binance_coinm"
        if data.get("e") == "bookTicker" or "pu" in data:  # spot's bookTicker has no "e", its depth no "pu"
            return "binance_usdm"
        if "u" in data and "e" not in data:
            return "binance_spot"
    raise CommandError(f"cannot tell which venue {path} is from", hint="Say it with --venue", code=Exit.USAGE)


def speed_for(paths: list[Path], frames_per_s: float) -> float:
    """Return the factor at which these captures, one after the other, give ``frames_per_s`` on average."""
    count, micros = 0, 0
    for path in paths:
        first = last = None
        for block in Capture("binance_spot", path).blocks(0):
            times = [int(t) for t in block.receive_us]
            if times:
                first = times[0] if first is None else first
                last = times[-1]
                count += len(times)
        if first is not None and last is not None:
            micros += last - first
    return max(0.01, frames_per_s * micros / 1e6 / count) if count and micros else 1.0
