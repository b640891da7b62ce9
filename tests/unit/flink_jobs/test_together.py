"""Several jobs by one client."""

import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

from flink_jobs import environment as runtime
from flink_jobs import together


def test_modules_are_built_in_order_each_from_its_own_origin(monkeypatch):
    built = []
    monkeypatch.setattr(runtime, "origin", "")
    for name in ("first", "second"):
        main = lambda name=name: built.append((name, runtime.origin))  # noqa: E731
        monkeypatch.setitem(sys.modules, f"a_package.{name}", SimpleNamespace(main=main))
    monkeypatch.setitem(sys.modules, "a_package", SimpleNamespace())
    together.main(["a_package.second=file:/saved/chk-4", "a_package.first="])
    assert built == [("second", "file:/saved/chk-4"), ("first", "")]


def test_a_job_starts_from_its_origin(monkeypatch):
    given = MagicMock()
    monkeypatch.setattr(runtime, "Configuration", lambda: given)
    monkeypatch.setattr(runtime, "StreamExecutionEnvironment", MagicMock())
    for origin in ("", "file:/saved/chk-4"):
        given.reset_mock()
        monkeypatch.setattr(runtime, "origin", origin)
        runtime.start("ingest")
        options = dict(call.args for call in given.set_string.call_args_list)
        assert options.get("execution.state-recovery.path", "") == origin
