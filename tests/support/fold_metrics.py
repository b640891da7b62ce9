"""What folds count of themselves, as Flink's REST interface has it, and its Prometheus endpoint."""

from __future__ import annotations

import math

import httpx
from prometheus_client.parser import text_string_to_metric_families

from flink_jobs.fold_accounts import BALANCE, RECORDS_IN, WATERMARK_LAG
from support.folds import FOLDS
from support.patience import wait_for
from support.stack import Stack

#: Flink writes ``_`` for a space.
_FOLDS = {name.replace(" ", "_") for name in FOLDS}
_PREFIX = "flink_taskmanager_job_task_operator_fold_"
#: Fold → metric → sum over its subtasks.
Counts = dict[str, dict[str, float]]


def by_rest(stack: Stack) -> Counts:
    """Return what Flink's web UI shows; at most a second old."""
    found: Counts = {}
    with httpx.Client(base_url=stack.settings.flink.url, timeout=30) as flink:
        for job in flink.get("/jobs/overview").json()["jobs"]:
            if job["state"] != "RUNNING":
                continue
            for vertex in flink.get(f"/jobs/{job['jid']}").json()["vertices"]:
                path = f"/jobs/{job['jid']}/vertices/{vertex['id']}/subtasks/metrics"
                ids = [one["id"] for one in flink.get(path).json() if one["id"].startswith("account.fold.")]
                if ids:
                    asked = flink.get(path, params={"get": ",".join(ids), "agg": "sum"}).json()
                    for one in asked:
                        fold, name = one["id"].removeprefix("account.fold.").rsplit(".", 1)
                        found.setdefault(fold, {})[name] = float(one["sum"])
    return found


def by_prometheus(url: str) -> Counts:
    """Return what the TaskManager's endpoint exposes now."""
    found: Counts = {}
    for family in text_string_to_metric_families(httpx.get(url, timeout=30).text):
        for one in family.samples:
            if one.name.startswith(_PREFIX):
                its = found.setdefault(one.labels["fold"], {})
                name = one.name.removeprefix(_PREFIX)
                its[name] = its.get(name, 0) + one.value
    return found


def counts(stack: Stack) -> Counts:
    """Return what both say when nothing moves any more; each record that came must be in it as one thing."""
    (url,) = [one["metrics_url"] for one in stack.json("status")["components"] if one["name"] == "taskmanager"]

    def agreed() -> Counts:
        found = by_rest(stack)
        one, other = _without_lags(found), _without_lags(by_prometheus(url))
        assert one == other
        assert one.keys() == _FOLDS
        return found

    found = wait_for(agreed, 60, "the two do not say the same", every=0.5)
    for fold, its in found.items():
        assert its[RECORDS_IN] == sum(its.get(name, 0) for name in BALANCE), (fold, its)
    assert {fold for fold, its in found.items() if WATERMARK_LAG in its} == {"bars", "quote_bars"}
    return found


def _without_lags(found: Counts) -> Counts:
    return {fold: {name: value for name, value in its.items() if name != WATERMARK_LAG} for fold, its in found.items()}


def lags(found: Counts) -> list[float]:
    """Return the lags of watermarks that there are, s."""
    said = [its[WATERMARK_LAG] for its in found.values() if WATERMARK_LAG in its]
    return [one for one in said if not math.isnan(one)]
