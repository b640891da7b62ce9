"""Airflow's secrets and ports while it runs, and what is left of it when it has ended: last on its stack."""

import stat

import psutil
import pytest
from support.patience import patient

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def test_secrets_are_their_owners_and_nothing_stays_behind(airflow):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (airflow.home / "secrets").glob("*.json")}
    assert modes == {"passwords.json": 0o600, "keys.json": 0o600}
    everything = psutil.Process(airflow.process.pid).children(recursive=True)
    assert len(everything) >= 4
    listening = {
        address.laddr.ip for one in everything for address in one.net_connections() if address.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}
    airflow.close()
    assert airflow.process.returncode == 0
    assert psutil.wait_procs(everything, timeout=patient(10))[1] == []
