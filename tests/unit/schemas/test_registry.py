"""Registration, against a registry in memory that answers as Confluent's does."""

import httpx
import pytest
from pydantic import SecretStr
from support.registry import FakeRegistry

from operations.contracts.registry import Registry, register
from runtime.config import RegistrySettings
from runtime.console import CommandError, Exit
from schemas.contracts import all_contracts, contract
from schemas.domains import domains

_PINNED = {one.id for one in all_contracts()}
#: Ids that the lock does not give away.
HOLES = frozenset(range(1, max(_PINNED))) - _PINNED


@pytest.fixture
def fake():
    return FakeRegistry(taken=HOLES)


def client(fake, **settings):
    url = "http://registry.test/"
    return Registry(RegistrySettings(url=url, **settings), transport=httpx.MockTransport(fake))


def test_an_empty_registry_gets_every_contract_under_its_pinned_id(fake):
    done = register(client(fake), all_contracts(), domains().topics.values())
    assert {one.subject for one in done} == {f"{topic}-value" for topic in domains().topics}
    assert fake.ids == {one.id: one.schema for one in all_contracts()}
    assert fake.subjects["normalized.trade.v1-value"] == {1: contract("trade").id}
    assert set(fake.levels) == set(fake.subjects)
    assert fake.levels["raw.sim.trade.v1-value"] == "FULL_TRANSITIVE"
    assert fake.levels["analytics.bar.v1-value"] == "BACKWARD_TRANSITIVE"


def test_a_registry_that_uses_up_a_number_per_subject_gives_the_pinned_ids_too():
    fake = FakeRegistry(wasteful=True, taken=HOLES)
    register(client(fake), all_contracts(), domains().topics.values())
    assert fake.ids == {one.id: one.schema for one in all_contracts()}
    assert len(fake.subjects) == len(domains().topics)


def test_a_second_run_adds_nothing(fake):
    first = register(client(fake), all_contracts(), domains().topics.values())
    fake.calls.clear()
    assert register(client(fake), all_contracts(), domains().topics.values()) == first
    assert not [path for method, path in fake.calls if method == "POST" and path.endswith("/versions")]


def test_an_id_that_belongs_to_another_schema_is_refused_before_anything_is_written(fake):
    fake.ids[3] = {"type": "record", "name": "somebody_elses", "fields": []}
    with pytest.raises(CommandError, match=r"id 3 is pinned for quote\.v1, and the registry has somebody_elses"):
        register(client(fake), all_contracts(), domains().topics.values())
    assert {method for method, _ in fake.calls} == {"GET"}


def test_a_registry_that_counts_differently_fails_at_the_first_id():
    fake = FakeRegistry(first=100)
    for _ in ("at registration", "and whenever it is tried again"):
        with pytest.raises(
            CommandError, match=r"has raw_envelope\.v1 under id 100 in .*; ids\.lock pinned 1"
        ) as failure:
            register(client(fake), all_contracts(), domains().topics.values())
        assert "--import" in failure.value.hint
        assert list(fake.ids) == [100]


def test_a_registry_that_counts_from_1_cannot_know_which_numbers_the_lock_skipped():
    first = min(one.id for one in all_contracts() if one.id > min(HOLES))
    with pytest.raises(CommandError, match=rf"under id {min(HOLES)} in .*; ids\.lock pinned {first}"):
        register(client(FakeRegistry()), all_contracts(), domains().topics.values())


def test_a_registry_without_import_mode_says_so():
    def answer(request):
        return httpx.Response(404)

    with pytest.raises(CommandError, match="has no IMPORT mode"):
        register(client(answer), all_contracts(), domains().topics.values(), imported=True)


def test_import_tells_such_a_registry_the_ids_and_leaves_it_writable():
    fake = FakeRegistry(first=100)
    register(client(fake), all_contracts(), domains().topics.values(), imported=True)
    assert fake.ids == {one.id: one.schema for one in all_contracts()}
    assert set(fake.modes.values()) == {"READWRITE"}


def test_credentials_are_sent_and_a_refusal_is_told(fake):
    register(client(fake, username="u", password=SecretStr("p")), all_contracts(), [])
    assert fake.authorization == {"Basic dTpw"}
    with pytest.raises(CommandError, match=r"refused GET /schemas/ids/1 \(401\): no"):
        register(client(lambda _: httpx.Response(401, text="no")), all_contracts(), [])


def test_something_else_at_that_address_is_told():
    with pytest.raises(CommandError, match="no Confluent-compatible registry at http://registry"):
        register(client(lambda _: httpx.Response(404)), all_contracts(), domains().topics.values())


def test_without_a_registry_or_an_answer_there_is_a_hint():
    with pytest.raises(CommandError) as failure:
        Registry(RegistrySettings())
    assert failure.value.code == Exit.USAGE
    assert "POLYGLOT_REGISTRY__URL" in failure.value.hint

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(CommandError, match="does not answer: refused") as failure:
        register(client(refuse), all_contracts(), [])
    assert failure.value.code == Exit.UNAVAILABLE
