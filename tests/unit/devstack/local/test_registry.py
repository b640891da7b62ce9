"""A configured registry: probed, shown, and given the contracts when the stack starts."""

import pytest
from pydantic import SecretStr
from support.registry import FakeRegistry, served

from devstack.local import status
from devstack.local.components import components
from devstack.local.control import after_start
from devstack.local.status import Health
from runtime.config import Settings
from runtime.console import CommandError
from schemas.contracts import all_contracts
from schemas.domains import domains


def configured(url, tmp_path, **more):
    return Settings(var_dir=tmp_path, registry={"url": url, **more})


def registry_of(found):
    (one,) = [one for one in found if one.name == "registry"]
    return one


def test_it_is_a_component_that_is_never_started(tmp_path):
    one = registry_of(components(configured("http://registry.example:8081", tmp_path)))
    assert (one.managed, one.url) == (False, "http://registry.example:8081")
    assert [one.name for one in components(configured("http://x", tmp_path), ["kafka"])] == ["kafka"]
    assert "registry" not in [one.name for one in components(Settings(var_dir=tmp_path))]


def test_up_gives_it_the_contracts_under_their_pinned_ids_and_status_shows_them(tmp_path):
    fake = FakeRegistry(first=100)
    with served(fake) as url:
        settings = configured(url, tmp_path, import_ids=True, username="u", password=SecretStr("p"))
        after_start(settings, "registry")
        shown = status._examine(registry_of(components(settings)), None, {})
    assert fake.ids == {one.id: one.schema for one in all_contracts()}
    assert (shown.health, shown.detail) == (Health.HEALTHY, f"{len(domains().topics)} subjects")
    assert fake.authorization == {"Basic dTpw"}


def test_one_that_counts_otherwise_fails_the_start(tmp_path):
    with served(FakeRegistry(first=100)) as url, pytest.raises(CommandError, match="under id 100"):
        after_start(configured(url, tmp_path), "registry")
