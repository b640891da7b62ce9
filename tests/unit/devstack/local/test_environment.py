"""Who of the stack's processes gets our passwords."""

import sys

import pytest

from devstack.local.component import Component
from devstack.local.components import BUILDERS
from devstack.local.environment import without_passwords
from devstack.local.supervisor import Supervisor
from runtime.config import Settings
from runtime.stack_state import Running

SECRETS = {
    "POLYGLOT_CLICKHOUSE__PASSWORD": "p", "polyglot_kafka__sasl_password": "p", "POLYGLOT_KAFKA__SSL_KEY_PASSWORD": "p",
    "POLYGLOT_GATEWAY__USERS": '{"ann": {"password": "p"}}',
    "POLYGLOT_REDIS": '{"password": "p"}', "Polyglot_Registry": '{"password": "p"}',
}  # fmt: skip
HARMLESS = {
    "PATH": "/bin", "POLYGLOT_CLICKHOUSE__USERNAME": "u", "POLYGLOT_KAFKA__SSL_CA_LOCATION": "/ca.pem",
    "POLYGLOT_GATEWAY__CONFINEMENT": "off", "POLYGLOT_LOG": "x.log", "AWS_SECRET_ACCESS_KEY": "for the lake",
}  # fmt: skip


def test_passwords_go_and_all_else_stays():
    assert without_passwords({**SECRETS, **HARMLESS}) == HARMLESS


def test_every_password_of_the_settings_is_known():
    names = {
        f"POLYGLOT_{section}__{field}".upper(): "p"
        for section, info in Settings.model_fields.items()
        if hasattr(info.annotation, "model_fields")
        for field, inner in info.annotation.model_fields.items()
        if "SecretStr" in str(inner.annotation)
    }
    assert len(names) >= 6
    sections = {name.partition("__")[0]: "{}" for name in names}
    assert without_passwords({**names, **sections}) == {}


def test_only_our_own_commands_log_in(tmp_path):
    settings = Settings(var_dir=tmp_path)
    assert {name for name, build in BUILDERS.items() if build(settings).logs_in} == {
        "repair",
        "adjust",
        "maintenance",
        "metrics",
    }


def test_flinks_processes_have_no_password_and_the_gateway_only_those_of_its_users(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = Settings(var_dir=tmp_path, redis={}, registry={}, kafka={}, clickhouse={})
    for name in ("jobmanager", "taskmanager"):
        assert not SECRETS.keys() & BUILDERS[name](settings).env.keys()
    assert BUILDERS["clickhouse"](settings).env == {"POLYGLOT_GATEWAY__USERS": SECRETS["POLYGLOT_GATEWAY__USERS"]}


@pytest.mark.parametrize("logs_in", [True, False])
def test_a_component_is_started_with_what_it_needs(logs_in, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGLOT_CLICKHOUSE__PASSWORD", "p")
    started = []
    monkeypatch.setattr("devstack.local.supervisor.spawn", lambda *_, env, **__: started.append(env) or sys.exit())
    component = Component("x", ("x",), "", {}, probe=str, logs_in=logs_in)
    supervisor = Supervisor(Settings(var_dir=tmp_path), [component], "id")
    with pytest.raises(SystemExit):
        supervisor._start(component, Running())
    assert ("POLYGLOT_CLICKHOUSE__PASSWORD" in started[0]) is logs_in
    assert started[0]["POLYGLOT_STACK_ID"] == "id"
