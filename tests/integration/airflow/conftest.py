"""One stack with two days of data, and Airflow beside it, for all tests of this folder."""

import pytest
from support.absent import absent
from support.airflow import Airflow
from support.stack import started

from runtime.config import ROOT

FRAMES = 4_000
DAYS = ("2026-01-05", "2026-01-06")
#: `.ci/airflow` leaves it where Airflow could not be fetched.
UNREACHABLE = ROOT / "ci-artifacts" / "airflow.unreachable"


@pytest.fixture(scope="package")
def stack(tmp_path_factory):
    if not (ROOT / ".venv-airflow" / ".project").exists():
        if UNREACHABLE.exists():
            pytest.skip(UNREACHABLE.read_text())
        absent("Airflow is not installed: make airflow-setup")
    with started(tmp_path_factory.mktemp("airflow"), rules="") as one:
        for day in DAYS:
            one.json("feed", "sim", "--simulate", str(FRAMES), "--seed", "7", "--start", f"{day}T10:00:00")
        one.json("drain", "--timeout", "600")
        yield one


@pytest.fixture(scope="package")
def airflow(stack):
    one = Airflow(stack)
    try:
        one.log_in()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="package")
def days():
    """The days of what was fed."""
    return DAYS
