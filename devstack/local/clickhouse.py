"""The ClickHouse endpoint: our HTTP gateway over a confined engine, and the accounts that may use it."""

from __future__ import annotations

import os
import sys

from devstack.local.component import Component
from devstack.local.probes import probe_clickhouse
from runtime import accounts
from runtime.config import Settings
from runtime.console import CommandError
from runtime.layout import Layout
from runtime.ports import is_local


def gateway(settings: Settings) -> Component:
    """Return the gateway as a component."""
    layout = Layout.at(settings.var_dir)

    def prepare() -> None:
        layout.clickhouse.mkdir(parents=True, exist_ok=True)
        provide_accounts(settings)

    return Component(
        name="clickhouse",
        # Passwords are in the file: everybody on the machine can read a command line.
        command=(
            sys.executable, "-m", "devstack.gateway", "--host", "127.0.0.1", "--port", str(settings.clickhouse.port),
            "--data", str(layout.clickhouse), "--users", str(layout.accounts),
        ),
        url=settings.clickhouse.url,
        ports={settings.clickhouse.port: "POLYGLOT_CLICKHOUSE__PORT"},
        probe=lambda: probe_clickhouse(settings.clickhouse),
        env={name: value for name, value in os.environ.items() if name.upper() == "POLYGLOT_GATEWAY__USERS"},
        prepare=prepare,
        stop_after=("taskmanager", "jobmanager"),
        logs=(layout.output("clickhouse"),),
        config=f"admin {settings.clickhouse.username}, {_password_agrees(settings)}",
        managed=is_local(settings.clickhouse.host),
    )  # fmt: skip


def provide_accounts(settings: Settings) -> None:
    """Make sure that the local gateway's accounts are there; a password that is set becomes the admin's.

    Raises:
        CommandError: the user name or the password is none to use, or the file is not readable.
    """
    password = settings.clickhouse.password
    given = None if password is None else password.get_secret_value()  # one that is empty is false, too
    accounts.provide(Layout.at(settings.var_dir).accounts, settings.clickhouse.username, given)


def _password_agrees(settings: Settings) -> str:
    """Return whether a password that is set is the one in the file: else a running gateway has another.

    It becomes part of the fingerprint, which is in a file that others may read: no password, and no hash of one.
    """
    if settings.clickhouse.password is None:
        return "as in the file"
    try:
        known = accounts.read(Layout.at(settings.var_dir).accounts)
    except CommandError:
        known = {}
    there = known.get(settings.clickhouse.username)
    same = there is not None and there["password"] == settings.clickhouse.password.get_secret_value()
    return "as in the file" if same else "another than in the file"
