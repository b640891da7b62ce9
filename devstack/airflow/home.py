"""Airflow's folder, its keys and its settings: everything under ``<var_dir>/airflow``."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from runtime.config import ROOT, Settings
from runtime.console import CommandError, Exit
from runtime.layout import Layout

#: Who may log in.
USER = "operator"
_LOG_FILES = {"base_log_folder": "tasks", "dag_processor_child_process_log_directory": "dag-processor"}


def folder(settings: Settings) -> Path:
    """Return Airflow's home."""
    return settings.var_dir.resolve() / "airflow"


def executable(settings: Settings) -> Path:
    """Return the ``airflow`` of its environment.

    Raises:
        CommandError: it is not installed.
    """
    found = settings.airflow.environment.resolve() / "bin" / "airflow"
    if not found.exists():
        raise CommandError(f"there is no {found}", hint="install it with: make airflow-setup", code=Exit.MISSING)
    return found


def password(settings: Settings) -> str:
    """Return the password of `USER`, made once, in a file that only its owner reads."""
    return _secrets(settings)[USER]


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables of Airflow's processes; options that ours has (``AIRFLOW__…``) stay as they are."""
    home, keys = folder(settings), _keys(settings)
    password(settings)
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": ROOT / "airflow" / "dags",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "default_task_retry_delay": 60,
            "dagbag_import_timeout": 120,  # Kubernetes' client alone takes seconds to import
            "execution_api_server_url": f"{settings.airflow.url}/execution/",
            "fernet_key": keys["fernet"],
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": _passwords_file(settings),
        },
        "api": {
            "host": "127.0.0.1",
            "port": settings.airflow.port,
            "base_url": settings.airflow.url,
            "workers": 1,
            "secret_key": keys["api"],
        },
        "api_auth": {"jwt_secret": keys["jwt"]},
        "database": {"sql_alchemy_conn": f"sqlite:///{home}/airflow.db"},
        "logging": {name: home / "log" / value for name, value in _LOG_FILES.items()},
        "openlineage": {
            "transport": json.dumps(
                {"type": "file", "log_file_path": str(home / "lineage" / "events.jsonl"), "append": True}
            ),
            "namespace": "polyglot",
        },
        "usage_data_collection": {"enabled": False},
    }
    return {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": "",
        "SPT_NOENV": "1",  # titles of processes would overwrite the environment that marks them as ours
        "AIRFLOW_CONN_POLYGLOT_DEFAULT": json.dumps({"conn_type": "polyglot", "extra": connection(settings)}),
        **{
            f"AIRFLOW__{section}__{name}".upper(): str(value)
            for section, values in options.items()
            for name, value in values.items()
        },
        **{name: value for name, value in os.environ.items() if name.startswith("AIRFLOW__")},
    }


def connection(settings: Settings) -> dict[str, object]:
    """Return what Airflow's tasks must know of this installation; no password is among it."""
    return {
        "command": [str(Path(sys.executable).with_name("polyglot"))],
        "directory": str(Path.cwd()),  # where this command found its polyglot.toml
        "runs": str(folder(settings) / "runs"),
        "flink": settings.flink.url,
        "kafka": settings.kafka.bootstrap_servers,
        "lake": settings.lake_uri,
        # Airflow's Python must not look where this one looks; the command must.
        "environment": {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
    }


def prepare(settings: Settings) -> None:
    """Make the folders that Airflow expects."""
    home = folder(settings)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # Airflow creates files for everybody, and its database has what tasks were given
    for name in ("runs", "lineage", "log"):
        (home / name).mkdir(exist_ok=True)


def layout(settings: Settings) -> Layout:
    """Return where Airflow's processes have their state and output, beside the stack's."""
    return Layout.at(folder(settings))


def _passwords_file(settings: Settings) -> Path:
    return folder(settings) / "secrets" / "passwords.json"


def _secrets(settings: Settings) -> dict[str, str]:
    return _kept(_passwords_file(settings), lambda: {USER: secrets.token_urlsafe(18)})


def _keys(settings: Settings) -> dict[str, str]:
    def make() -> dict[str, str]:
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return {"fernet": fernet, "jwt": secrets.token_urlsafe(48), "api": secrets.token_urlsafe(48)}

    return _kept(folder(settings) / "secrets" / "keys.json", make)


def _kept(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what the file holds, made once: never, not for a moment, is it readable for others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    with (path.parent / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            draft = path.with_suffix(".draft")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(make(), file)
            draft.replace(path)
        path.chmod(0o600)
        found: dict[str, str] = json.loads(path.read_bytes())
    return found
