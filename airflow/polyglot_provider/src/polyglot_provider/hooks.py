"""Where Polyglot is: its command, the folder of its runs, its services."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from polyglot_provider.runs import Command, Run, named

DEFAULT = "polyglot_default"


@dataclass(frozen=True)
class Installation:
    """What a connection says, with defaults for the local stack."""

    command: tuple[str, ...] = ("polyglot",)
    directory: str = ""
    runs: Path = field(
        default_factory=lambda: Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "polyglot"
    )
    flink: str = "http://127.0.0.1:18081"
    kafka: str = "127.0.0.1:19092"
    lake: str = "file://var/lake"
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Installation:
        """Return what a connection's extra fields say.

        Raises:
            ValueError: there is a field that nobody knows.
        """
        known = cls.__dataclass_fields__.keys()
        if unknown := sorted(extra.keys() - known):
            raise ValueError(f"the connection has unknown fields: {', '.join(unknown)}; there are {', '.join(known)}")
        found = {name: value for name, value in extra.items() if value not in (None, "")}
        if "command" in found:
            found["command"] = (found["command"],) if isinstance(found["command"], str) else tuple(found["command"])
        if "runs" in found:
            found["runs"] = Path(found["runs"])
        return cls(**found)


class PolyglotHook(BaseHook):
    """The installation of one connection."""

    conn_name_attr = "polyglot_conn_id"
    default_conn_name = DEFAULT
    conn_type = "polyglot"
    hook_name = "Polyglot"

    def __init__(self, polyglot_conn_id: str = DEFAULT) -> None:
        super().__init__()
        self.polyglot_conn_id = polyglot_conn_id

    @cached_property
    def installation(self) -> Installation:
        """Return what the connection says; the defaults where the default connection does not exist."""
        try:
            return Installation.of(self.get_connection(self.polyglot_conn_id).extra_dejson)
        except AirflowNotFoundException:
            if self.polyglot_conn_id != DEFAULT:
                raise
            return Installation()

    def command(self, arguments: Sequence[str], *, timeout_s: float = 0.0, turn: str = "") -> Command:
        """Return a command line of Polyglot's, which prints one JSON document."""
        here = self.installation
        return Command((*here.command, *arguments, "--json"), here.directory or str(Path.cwd()), timeout_s, turn)

    def run(self, *name: object) -> Run:
        """Return the run of this name."""
        here = self.installation
        return Run(here.runs / named(*name), here.environment)
