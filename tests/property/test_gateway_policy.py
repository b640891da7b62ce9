"""The gateway's lists alone, without walls: whatever a text looks like, what reaches beyond the tables is refused.

The engine's process runs as the gateway starts it, with confinement off and without the HTTP server. What counts is
not what it says but what happened: see ``tests/integration/clickhouse/attacks/``.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.clickhouse.attacks.legitimate import LEGITIMATE
from integration.clickhouse.attacks.machine import PREPARE, ROLES, Ask, Bare, Outside, Walless
from integration.clickhouse.attacks.variants import rows_apart, send, soup, variant
from integration.clickhouse.attacks.writes import ATTACKS

#: Attacks that no list refuses, and why they do nothing all the same.
DEFUSED = {
    "read: identifier for a path": "default is a plain database",
    "read: path as a table": "default is a plain database",
    "read: path as a table in backticks": "default is a plain database",
    "read: path as a table of default": "default is a plain database",
    "read: path behind USE default": "default is a plain database",
    "read: path for an identifier of default": "default is a plain database",
    "write: insert into a path": "default is a plain database",
    "write: insert into a path with rows": "default is a plain database",
    "read: a script behind rows": "rows never join a text",
    "write: a script behind rows": "rows never join a text",
    "run: a script behind rows": "rows never join a text",
    "connect: a script behind rows": "rows never join a text",
    "read: a script in a parameter": "chDB binds parameters as values",
    "read: a script behind values": "rows that are more than literals are read as one statement first",
    "read: a script in a parameter's name": "the connection sets nothing whose name is none",
    "write: a script in a parameter's name": "the connection sets nothing whose name is none",
}


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    engine = Walless(tmp_path_factory.mktemp("lists"))
    for text in PREPARE:
        assert engine.ask("admin", Ask(text)).code == 0
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Yield an engine without lists, and an outside of its own: what it connects to may come late."""
    engine = Bare(tmp_path_factory.mktemp("bare") / "engine")
    for text in PREPARE:
        engine.ask("admin", Ask(text))
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield engine, made
    engine.stop()
    made.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_a_known_attack_does_nothing_for_any_role(lists, outside, name):
    for role in ROLES:
        answers = ATTACKS[name].run(lists, role, outside)
        assert outside.harm(*(answer.body for answer in answers)) == ""
        assert any(answer.refused for answer in answers) or name in DEFUSED, answers


def test_each_attack_is_one(bare):
    """Without lists each does harm, if it can be seen on a machine without the servers that it wants."""
    engine, outside = bare
    proved = {name: attack for name, attack in ATTACKS.items() if attack.proved}
    harmless = []
    for name, attack in proved.items():
        answers = attack.run(engine, "", outside)
        if not outside.harm(*(answer.body for answer in answers)):
            harmless.append((name, answers))
    assert harmless == []


@given(st.randoms(use_true_random=False))
def test_no_spelling_is_let_through(lists, outside, dice):
    for _ in range(4):
        text = variant(dice, outside)
        for role in ROLES:
            answer = send(text, lists, role, outside)
            assert answer.refused, f"{role}: {text!r} ran: {answer}"


@given(st.randoms(use_true_random=False))
def test_no_heap_of_pieces_does_harm(lists, outside, dice):
    for role in ROLES:
        send(soup(dice), lists, role, outside)


def test_many_spellings_are_attacks(bare):
    """A fifth of them must do harm where nobody refuses them: the others the engine cannot read, or they want more."""
    engine, outside = bare
    dice = Random(18)
    harmful = 0
    for _ in range(150):
        text = variant(dice, outside)
        if "delete" not in text.lower():  # takes seconds to fail
            answer = engine.ask("", Ask(text, params={"x": "file"}))
            harmful += outside.harm(answer.body) != ""
    assert harmful >= 30


def test_legitimate_statements_run(lists):
    refused = []
    for allowed in LEGITIMATE:
        for text in allowed.texts:
            answer = lists.ask(allowed.role, rows_apart(text))
            if answer.code:
                refused.append((allowed.role, text, answer.body[-500:]))
    assert refused == []
