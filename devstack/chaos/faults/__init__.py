"""What is done to a running stack. A fault returns when it is done; recovery goes on beside the feed."""

from __future__ import annotations

from collections.abc import Callable

from devstack.chaos.faults.feeds import clock_jump, kill_collector, pause_collector, pause_venue
from devstack.chaos.faults.jobs import rescale, stop_past_horizon
from devstack.chaos.faults.processes import (
    kill_broker,
    kill_clickhouse,
    kill_jobmanager,
    kill_python_worker,
    kill_taskmanager,
    restart_broker_in_transaction,
)
from devstack.chaos.faults.storage import disk_full, stall
from devstack.chaos.target import Target

#: Does it and returns one line of detail; raises `NotApplicableError` where it cannot be done.
Fault = Callable[[Target], str]
FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        kill_taskmanager, kill_jobmanager, kill_python_worker, kill_broker, restart_broker_in_transaction,
        kill_clickhouse, kill_collector, pause_collector, pause_venue, clock_jump, stall, disk_full, rescale,
        stop_past_horizon,
    )
}  # fmt: skip
