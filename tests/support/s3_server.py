"""An S3 server for a test, without a stack around it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.local.s3_server import object_store
from runtime.config import Settings
from runtime.ports import free_ports
from support.patience import patient, wait_for


@contextmanager
def s3_server(var: Path) -> Iterator[Settings]:
    """Run the stack's own S3 server alone; its keys and data are in ``var``."""
    (port,) = free_ports(1, run=11)
    settings = Settings(var_dir=var, s3={"enabled": True, "port": port})
    component = object_store(settings)
    component.prepare()
    with (var / "s3.log").open("wb") as log:
        server = subprocess.Popen(component.command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: server.poll() is not None or _answers(component.probe), 60, "the S3 server does not come up")
        assert server.poll() is None, (var / "s3.log").read_text()[-2000:]
        yield settings
    finally:
        server.terminate()
        server.wait(patient(30))


def _answers(probe) -> bool:
    try:
        return bool(probe())
    except Exception:  # noqa: BLE001 - refused, reset, 503: it is not there yet
        return False
