"""Commands that stay, as optional components."""

import os
from itertools import takewhile

import pytest

from devstack.local import control, status
from devstack.local.components import BUILDERS, NAMES, OPTIONAL, components, fingerprint
from devstack.local.status import Health
from runtime.config import Settings
from runtime.console import Console
from runtime.layout import Layout
from runtime.process import Identity
from runtime.stack_state import Running, State, write_state


def names(settings, *arguments):
    return [one.name for one in components(settings, *arguments)]


@pytest.fixture
def settings(tmp_path):
    return Settings(
        var_dir=tmp_path / "var", kafka={"bootstrap_servers": "127.0.0.1:9"}, flink={"rest_port": 9},
        clickhouse={"port": 9}, redis={"port": 9}, metrics={"port": 9},
    )  # fmt: skip


def test_they_run_only_where_they_are_asked_for(tmp_path, settings):
    assert not set(names(settings)) & set(OPTIONAL)
    assert names(settings, ["kafka"], ["repair"]) == ["kafka", "repair"]
    assert names(settings, (), ["metrics"])[-1] == "metrics"
    for name in OPTIONAL:
        assert name in names(Settings(var_dir=tmp_path, **{name: {"enabled": True}}))
    assert set(OPTIONAL) < set(NAMES)


def test_each_runs_a_command_that_exists_and_has_these_options(settings):
    from typer.testing import CliRunner

    from polyglot.cli import build

    for name in (one for one in OPTIONAL if one != "s3"):
        command = BUILDERS[name](settings).command
        assert command[1:3] == ("-m", "polyglot.cli")
        names = [*takewhile(lambda part: not part.startswith("--"), command[3:])]
        assert names == {"maintenance": ["tables", "maintain"]}.get(name, [name])
        shown = CliRunner().invoke(build(), [*names, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert all(option in shown.output for option in command if option.startswith("--"))


def test_other_settings_are_another_fingerprint(tmp_path):
    def prints(**changed):
        return fingerprint(BUILDERS["repair"](Settings(var_dir=tmp_path, repair=changed)))

    assert prints(rest_s=5) != prints(rest_s=6)


def test_one_without_a_port_is_healthy_while_its_process_runs(settings):
    layout = Layout.at(settings.var_dir)
    with pytest.raises(ConnectionError):
        control._ask(BUILDERS["repair"](settings))
    me = Identity.of(os.getpid())
    write_state(layout, State(stack_id="x", components={"repair": Running(pid=me.pid, created=me.created)}))
    control._ask(BUILDERS["repair"](settings))
    (shown,) = (one for one in status.collect(settings) if one.name == "repair")
    assert (shown.health, shown.pid) == (Health.HEALTHY, me.pid)
    write_state(layout, State(stack_id="x", components={"repair": Running(last_exit="exit 3", restarts=2)}))
    (shown,) = (one for one in status.collect(settings) if one.name == "repair")
    assert (shown.health, shown.detail, shown.restarts) == (Health.STOPPED, "exit 3", 2)


def test_the_port_of_metrics_is_checked_like_any(settings, tmp_path):
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        taken = Settings(var_dir=tmp_path, metrics={"port": bound.getsockname()[1]})
        with pytest.raises(control.CommandError, match="POLYGLOT_METRICS__PORT"):
            control.up(taken, Console(quiet=True), only=["metrics"], build=False)
