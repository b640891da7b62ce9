import fcntl
import socket

import pytest

from devstack.local import control
from devstack.local.component import Component
from devstack.local.components import components, fingerprint
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.layout import Layout
from runtime.stack_state import State


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path / "var", cache_dir=tmp_path / "cache")


@pytest.fixture
def console():
    return Console(quiet=True)


def test_a_taken_port_is_named_with_its_user_and_the_setting_that_moves_it():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        port = bound.getsockname()[1]
        component = Component("kafka", ("x",), "", {port: "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS"}, probe=str)
        with pytest.raises(CommandError) as refused:
            control._check_ports([component], State(stack_id="x"))
    for part in (f"port {port} (kafka)", "pid ", "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS"):
        assert part in str(refused.value)


def test_down_without_a_stack_is_fine(settings, console):
    assert control.down(settings, console) is False
    assert not settings.var_dir.exists(), "down made a folder"


def test_two_commands_never_work_on_one_stack(settings, console):
    layout = Layout.at(settings.var_dir)
    with control.exclusive(layout), pytest.raises(CommandError, match="another `polyglot"):
        control.down(settings, console)
    control.down(settings, console)


def test_the_lock_ends_with_its_holder(settings):
    layout = Layout.at(settings.var_dir)
    with control.exclusive(layout):
        pass
    with layout.lock.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_wipe_deletes_data_but_keeps_reports(settings, console):
    layout = Layout.at(settings.var_dir)
    for folder in (layout.kafka, layout.flink / "conf", layout.stack, layout.var / "lake", layout.var / "report"):
        folder.mkdir(parents=True)
    (layout.var / "report" / "demo.json").touch()
    (layout.var / control.MARKER).touch()
    control.down(settings, console, wipe=True)
    assert {path.name for path in layout.var.iterdir()} == {"stack", "report"}
    assert (layout.var / "report" / "demo.json").exists()


def test_wipe_refuses_a_folder_that_up_did_not_make(settings, console):
    precious = settings.var_dir / "thesis.tex"
    (settings.var_dir / "stack").mkdir(parents=True)
    precious.touch()
    with pytest.raises(CommandError, match="was not made by"):
        control.down(settings, console, wipe=True)
    assert precious.exists()


def test_wipe_does_not_follow_links_out_of_the_folder(settings, console, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (settings.var_dir / "stack").mkdir(parents=True)
    (settings.var_dir / control.MARKER).touch()
    (settings.var_dir / "lake").symlink_to(outside)
    control.down(settings, console, wipe=True)
    assert (outside / "file").exists()


def test_a_local_broker_with_security_settings_is_refused(tmp_path, console):
    settings = Settings(var_dir=tmp_path, kafka={"security_protocol": "SSL"})
    with pytest.raises(CommandError, match="PLAINTEXT") as refused:
        control.up(settings, console)
    assert refused.value.code is Exit.USAGE


def test_an_unknown_component_is_refused_with_the_known_ones(settings):
    with pytest.raises(CommandError, match=r"'flnk'.*kafka, flink, clickhouse, redis"):
        components(settings, ["flnk"])


def test_flink_means_both_of_its_processes(settings):
    assert [one.name for one in components(settings, ["flink"])] == ["jobmanager", "taskmanager"]


def test_a_component_with_other_settings_has_another_fingerprint(tmp_path):
    prints = {
        fingerprint(components(Settings(var_dir=tmp_path, redis={"port": port}), ["redis"])[0])
        for port in (1111, 1111, 2222)
    }
    assert len(prints) == 2


def test_remote_services_are_not_started(tmp_path):
    settings = Settings(var_dir=tmp_path, clickhouse={"host": "ch.example"}, flink={"host": "flink.example"})
    managed = {one.name for one in components(settings) if one.managed}
    assert managed == {"kafka", "redis"}


def test_tail_shows_the_end_of_a_log(tmp_path):
    path = tmp_path / "x.log"
    assert control.tail(path) == ""
    path.write_text("\n".join(map(str, range(100))))
    assert control.tail(path, 2).splitlines()[1:] == ["98", "99"]
