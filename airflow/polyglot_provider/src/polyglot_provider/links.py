"""Buttons on a task's page. The operator says where they lead: it knows its run's folder and its job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class FlinkUiLink(BaseOperatorLink):
    """The job in Flink's web UI."""

    name = "Flink UI"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing while there is no job."""
        return str(operator.flink_page(ti_key))


class VerifyReportLink(BaseOperatorLink):
    """The report of a proof, on Airflow's own server."""

    name = "Verify report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; the page is there once the proof has ended."""
        return str(operator.report_page(ti_key))
