"""Several jobs by one client."""

import sys
from types import SimpleNamespace

from flink_jobs import runtime, together


def test_modules_are_built_in_order_each_from_its_own_origin(monkeypatch):
    built = []
    monkeypatch.setattr(runtime, "origin", "")
    for name in ("first", "second"):
        main = lambda name=name: built.append((name, runtime.origin))  # noqa: E731
        monkeypatch.setitem(sys.modules, f"a_package.{name}", SimpleNamespace(main=main))
    monkeypatch.setitem(sys.modules, "a_package", SimpleNamespace())
    together.main(["a_package.second=file:/saved/chk-4", "a_package.first="])
    assert built == [("second", "file:/saved/chk-4"), ("first", "")]
