"""Disks that do not answer, and disks that are full."""

from __future__ import annotations

import signal
import time

from devstack.chaos.target import NotApplicableError, Target


def stall(target: Target) -> str:
    """Let a process stand still for some seconds, as on a disk that does not answer."""
    component, seconds = target.choose(("taskmanager", "kafka", "clickhouse")), target.dice.uniform(2, 6)
    process = target.process(component)
    target.demand_load()
    process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        process.send_signal(signal.SIGCONT)
    return f"{component} for {seconds:.1f} s"


def disk_full(target: Target) -> str:
    """Let the lake's or the checkpoints' disk be full over at least one checkpoint. They take turns."""
    if not target.disks:
        raise NotApplicableError("this machine lets us mount no small disk")
    disk = target.choose(target.disks)
    seconds = target.settings.flink.checkpoint_interval_s * target.dice.uniform(1.1, 1.5)
    used = disk.fill()
    try:
        time.sleep(seconds)
    finally:
        disk.free()
    return f"{disk.folder.name} at {used / 1e6:.1f} MB for {seconds:.1f} s"
