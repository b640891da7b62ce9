"""A page of Airflow's server with a proof's report, for those who are logged in."""

from __future__ import annotations

import os
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.configuration import conf

from polyglot_provider.hooks import Installation
from polyglot_provider.runs import Run, named

PREFIX = "/polyglot"
#: What a page may load: nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_PART = re.compile(r"[A-Za-z0-9._=+-]{1,250}")


def address(dag_id: str, run: Run) -> str:
    """Return the address of a run's newest report on Airflow's server."""
    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}{PREFIX}/reports/{quote(dag_id)}/{quote(run.folder.name)}"


def find(runs: Path, dag_id: str, run: str) -> Any:
    """Return the newest report of a run of this DAG; None if there is none, and for names that are paths."""
    if not _PART.fullmatch(run) or not run.startswith(f"{named(dag_id)}+"):
        return None
    for attempt in reversed(Run(runs / run).attempts()):
        document = attempt.document
        if isinstance(document, dict) and "tables" in document:
            return document
    return None


@cache
def app() -> Any:
    """Return the application under `PREFIX` of Airflow's server; who may see a DAG's runs may see its reports."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity  # noqa: PLC0415
    from airflow.api_fastapi.core_api.security import requires_access_dag  # noqa: PLC0415
    from fastapi import Depends, FastAPI, HTTPException  # noqa: PLC0415
    from fastapi.responses import HTMLResponse  # noqa: PLC0415

    pages = FastAPI(title="Polyglot", docs_url=None, redoc_url=None, openapi_url=None)
    allowed = Depends(requires_access_dag("GET", DagAccessEntity.RUN))

    @pages.get("/reports/{dag_id}/{run}", dependencies=[allowed])
    def report(dag_id: str, run: str) -> HTMLResponse:
        found = find(_runs(), dag_id, run)
        if found is None:
            raise HTTPException(404, "no such report")
        return HTMLResponse(html(found), headers={"Content-Security-Policy": POLICY})

    return pages


def _runs() -> Path:
    # The server may not look up connections for itself: what it serves is named in its environment.
    from airflow.models.connection import Connection  # noqa: PLC0415

    text = os.environ.get("AIRFLOW_CONN_POLYGLOT_DEFAULT", "")
    return Installation.of(Connection.from_json(text).extra_dejson).runs if text else Installation().runs


async def served(scope: Any, receive: Any, send: Any) -> None:
    """Serve the application; it is made when it is first asked for, since every process of Airflow loads plugins."""
    await app()(scope, receive, send)


class ReportsPlugin(AirflowPlugin):
    """Adds the page to Airflow's server."""

    name = "polyglot"
    fastapi_apps = [{"app": served, "url_prefix": PREFIX, "name": "Polyglot's reports"}]  # noqa: RUF012 - as its base


def html(document: dict[str, Any]) -> str:
    """Return a report as a page without scripts."""
    span = document["range"]
    verdict = "equal" if document["passed"] else f"{document['differences']:,} differences"
    rows = "".join(
        _row([table["table"], table["status"], f"{table['replayed']:,}", f"{table['found']:,}", _counts(table)])
        for table in document["tables"]
    )
    samples = "".join(
        _row([table["table"], one["kind"], one["key"], _fields(one["fields"])])
        for table in document["tables"]
        for one in table["samples"]
    )
    checks = "".join(_row([one["name"], "holds" if one["holds"] else "BROKEN"]) for one in document["checks"])
    return (
        "<!doctype html><meta charset=utf-8><title>Verify</title>"
        "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
        "td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}</style>"
        f"<h1>{escape(verdict)}</h1>"
        f"<p>{escape(str(span['from'] or 'the beginning'))} to {escape(str(span['to'] or 'the end'))}, "
        f"{escape(str(document['entity'] or 'all entities'))}: {document['records']:,} records replayed.</p>"
        + _table(["table", "verdict", "replayed", "found", "differences"], rows)
        + (_table(["check", "verdict"], checks) if checks else "")
        + (_table(["table", "difference", "key", "replay / store"], samples) if samples else "")
    )


def _row(cells: list[Any]) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _table(columns: list[str], rows: str) -> str:
    return "<table><tr>" + "".join(f"<th>{escape(one)}</th>" for one in columns) + f"</tr>{rows}</table>"


def _counts(table: dict[str, Any]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in table["differences"].items() if count)


def _fields(fields: dict[str, Any]) -> str:
    shown = {name: both for name, both in fields.items() if name != "value"} or fields
    return "; ".join(f"{name}: {both['replay']} / {both['found']}" for name, both in shown.items())
