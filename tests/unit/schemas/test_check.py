"""Each way to break a contract is found; each allowed change is not."""

import dataclasses
import json

import pytest

from operations.contracts.check import check, pin
from operations.contracts.history import HistoryError, committed
from operations.contracts.lock import LOCK, dump, parse, withdrawn
from schemas.contracts import FOLDER


def without(name):
    return lambda fields: [field for field in fields if field["name"] != name]


def retyped(name, new_type):
    return lambda fields: [{**field, "type": new_type} if field["name"] == name else field for field in fields]


def with_field(**field):
    return lambda fields: [*fields, field]


def decimal(precision, scale):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def test_the_contracts_as_they_stand_pass_against_their_whole_history(folder):
    assert check(folder.path, folder.past()) == []
    assert check(FOLDER, committed(FOLDER)) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("trade", with_field(name="sequence", type="long", default=0)),
        ("trade", with_field(name="note", type=["null", "string"], default=None)),
        ("raw_envelope", with_field(name="host", type="string", default="")),
        ("trade", retyped("venue_trade_id", ["string", "null"])),
        ("trade", lambda fields: list(reversed(fields))),
    ],
    ids=["default", "nullable", "envelope-default", "widened", "reordered"],
)
def test_a_compatible_new_version_passes(folder, name, change):
    folder.next_version(name, change)
    assert check(folder.path, folder.past()) == []


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("trade", without("size"), "trade.v2 breaks readers of trade.v1: field 'size' is gone"),
        ("raw_envelope", without("channel"), "raw_envelope.v1 cannot read raw_envelope.v2: field 'channel' has no def"),
        ("trade", with_field(name="x", type="long"), "trade.v2 cannot read trade.v1: field 'x' has no default"),
        ("trade", retyped("symbol", "long"), "field 'symbol' is long, and data with string exist"),
        ("trade", retyped("symbol", "bytes"), "field 'symbol' is bytes, and data with string exist"),
        ("trade", retyped("entity_seq", "int"), "field 'entity_seq' is int, and data with long exist"),
        ("trade", retyped("price", decimal(28, 8)), "field 'price' means"),
        ("trade", retyped("price", decimal(38, 12)), "field 'price' means"),
        ("trade", retyped("price", "bytes"), "field 'price' means"),
        (
            "trade",
            retyped("event_time", {"type": "long", "logicalType": "timestamp-millis"}),
            "field 'event_time' means",
        ),
        # A wider type is readable by new readers only: enough for most contracts, not for the envelope.
        ("raw_envelope", retyped("channel", ["null", "string"]), "raw_envelope.v1 cannot read raw_envelope.v2"),
    ],
)
def test_an_incompatible_new_version_is_found(folder, name, change, message):
    folder.next_version(name, change)
    found = check(folder.path, folder.past())
    assert [line for line in found if message in line], found


def test_every_version_is_compared_with_every_older_one(folder):
    folder.next_version("trade", with_field(name="flag", type="long", default=0))
    document = folder.read("trade.v2.avsc")
    # v3 reads v2, but not v1, which never had the field.
    document["fields"] = [
        {"name": "flag", "type": "long"} if field["name"] == "flag" else field for field in document["fields"]
    ]
    folder.write("trade.v3.avsc", document)
    folder.pin_by_hand("trade.v3.avsc")
    assert check(folder.path, folder.past()) == [
        "trade.v3 cannot read trade.v1: field 'flag' has no default, and data without it exist"
    ]


def test_a_field_with_a_default_may_go_except_from_the_envelope_only_if_old_readers_have_it(folder):
    folder.next_version("trade", with_field(name="flag", type="long", default=0))
    document = folder.read("trade.v2.avsc")
    document["fields"] = without("flag")(document["fields"])
    folder.write("trade.v3.avsc", document)
    folder.pin_by_hand("trade.v3.avsc")
    assert check(folder.path, folder.past()) == []


def test_a_renamed_record_is_found(folder):
    folder.write("trade.v2.avsc", {**folder.read("trade.v1.avsc"), "name": "tick"})
    folder.pin_by_hand("trade.v2.avsc")
    assert check(folder.path, folder.past()) == [
        "trade.v2.avsc: the record is called 'tick'; it must be 'trade'",
        "trade.v2 cannot read trade.v1: the record is called tick, not trade",
    ]


def test_an_edited_pinned_file_is_found(folder):
    path = folder.path / "trade.v1.avsc"
    path.write_text(path.read_text().replace("One print", "A print"))
    assert check(folder.path, folder.past()) == [
        "trade.v1.avsc differs from the text pinned with id 22: restore it and put the change into trade.v2.avsc"
    ]


def test_an_edited_file_whose_lock_was_edited_along_is_found_in_the_history(folder):
    path = folder.path / "trade.v1.avsc"
    path.write_text(path.read_text().replace("One print", "A print"))
    folder.relock([one for one in folder.pins() if one.name != "trade"])
    folder.pin_by_hand("trade.v1.avsc", 22)
    assert check(folder.path) == []
    commit = folder.past()[0].commit
    assert check(folder.path, folder.past()) == [
        f"trade.v1 was pinned with another text in commit {commit}: a change needs a new version"
    ]


def test_a_version_that_is_withdrawn_begins_anew_under_another_id(folder):
    (old,) = [one for one in folder.pins() if one.name == "trade"]
    path = folder.path / "trade.v1.avsc"
    path.write_text(path.read_text().replace("One print", "A print"))
    others = [one for one in folder.pins() if one != old]
    folder.relock(others, (old,))
    (new,), wrong = pin(folder.path, folder.past())
    assert (new.label, wrong) == ("trade.v1", [])
    assert new.id > max(one.id for one in (*others, old))
    assert check(folder.path, folder.past()) == []
    folder.relock([*others, dataclasses.replace(new, id=old.id)], (old,))
    assert f"{LOCK}: id {old.id} is there 2 times" in check(folder.path, folder.past())
    folder.relock([*others, dataclasses.replace(new, id=old.id)], ())
    assert any("was pinned with another text" in one for one in check(folder.path, folder.past()))


def test_a_pin_that_disappears_is_found_even_after_further_commits(folder):
    folder.relock([one for one in folder.pins() if one.name != "repair_request"])
    (folder.path / "repair_request.v1.avsc").unlink()
    first = folder.past()[0].commit
    folder.commit()
    assert check(folder.path, folder.past()) == [
        f"repair_request.v1 was pinned with id 7 in commit {first} and is gone: data with that id exist"
    ]
    assert check(folder.path, folder.past("HEAD")) == [], "one revision alone cannot know it"
    assert check(folder.path, folder.past("HEAD~1"))


def test_a_changed_id_and_a_reused_id_are_found(folder):
    pins = folder.pins()
    folder.relock([dataclasses.replace(one, id=98) if one.name == "quote" else one for one in pins])
    folder.write("fee.v1.avsc", {**folder.read("trade.v1.avsc"), "name": "fee"})
    folder.pin_by_hand("fee.v1.avsc", 3)
    commit = folder.past()[0].commit
    assert check(folder.path, folder.past()) == [
        f"quote.v1 had id 3 in commit {commit} and has 98: an id never changes",
        f"id 3 was quote.v1 in commit {commit} and is fee.v1: an id is never reused",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pins: [*pins, dataclasses.replace(pins[0], name="copy", file="copy.v1.avsc")], "id 1 is there 2 times"),
        (lambda pins: [*pins, dataclasses.replace(pins[0], id=99)], "contract raw_envelope.v1 is there 2 times"),
        (lambda pins: [dataclasses.replace(pins[0], id=0), *pins[1:]], "raw_envelope.v1 has id 0"),
        (lambda pins: [dataclasses.replace(pins[0], version=2), *pins[1:]], "raw_envelope has versions [2]"),
        (lambda pins: [dataclasses.replace(pins[0], file="a.avsc"), *pins[1:]], "it must be raw_envelope.v1.avsc"),
    ],
)
def test_a_broken_lock_is_found(folder, change, message):
    folder.relock(change(folder.pins()))
    assert message in "\n".join(check(folder.path))


@pytest.mark.parametrize("text", ["", "[]", '{"schemas": [{"name": "x"}]}', '{"schemas": [{"id": "1"}]}'])
def test_an_unreadable_lock_is_one_message(folder, text):
    (folder.path / LOCK).write_text(text)
    [found] = check(folder.path)
    assert "is not a list of pins" in found


def test_missing_unpinned_and_invalid_files_are_found(folder):
    (folder.path / "quote.v1.avsc").unlink()
    folder.write("new.v1.avsc", {})
    folder.write("bad.v1.avsc", "string")
    folder.pin_by_hand("bad.v1.avsc")
    folder.write("worse.v1.avsc", {"type": "record", "name": "worse", "fields": [{"name": "a", "type": "nothing"}]})
    folder.pin_by_hand("worse.v1.avsc")
    found = check(folder.path)
    assert "new.v1.avsc is not pinned: polyglot contracts pin" in found
    assert "quote.v1.avsc is pinned with id 3 but is not there: readers of that id would fail" in found
    assert [line.split(" record")[0] for line in found if "not an Avro" in line] == [
        "bad.v1.avsc is not an Avro",
        "worse.v1.avsc is not an Avro",
    ]


def test_pin_gives_the_next_ids_in_order_of_name_and_version(folder):
    document = folder.read("trade.v1.avsc")
    folder.write("trade.v2.avsc", document)
    folder.write("fee.v1.avsc", {**document, "name": "fee"})
    before = (folder.path / LOCK).read_text()
    last = max(one.id for one in folder.pins())
    new, wrong = pin(folder.path, folder.past())
    assert wrong == []
    assert [(one.label, one.id) for one in new] == [("fee.v1", last + 1), ("trade.v2", last + 2)]
    after = (folder.path / LOCK).read_text()
    # Two lines more and nothing else moved, so that a review shows the new pins alone.
    lines = before.splitlines()
    kept = lines[: lines.index(" ],") - 1]  # without the last pin, which gets a comma
    assert after.splitlines()[: len(kept)] == kept
    assert check(folder.path, folder.past()) == []
    assert pin(folder.path, folder.past()) == ([], [])


def test_pin_never_gives_away_an_id_that_history_knows(folder):
    last = max(folder.pins(), key=lambda one: one.id)
    folder.relock([one for one in folder.pins() if one != last])
    (folder.path / last.file).unlink()
    folder.write("fee.v1.avsc", {**folder.read("trade.v1.avsc"), "name": "fee"})
    new, wrong = pin(folder.path, folder.past())
    assert [one.id for one in new] == [last.id + 1]
    assert len(wrong) == 1
    assert f"{last.label} was pinned with id {last.id}" in wrong[0]


def test_pin_refuses_an_incompatible_version_and_leaves_the_lock_alone(folder):
    before = (folder.path / LOCK).read_bytes()
    document = folder.read("trade.v1.avsc")
    folder.write("trade.v2.avsc", {**document, "fields": without("price")(document["fields"])})
    _, wrong = pin(folder.path, folder.past())
    assert len(wrong) == 1
    assert "field 'price' is gone" in wrong[0]
    assert (folder.path / LOCK).read_bytes() == before


def test_pin_refuses_a_badly_named_file(folder):
    folder.write("Trade.avsc", {})
    assert pin(folder.path) == (
        [],
        ["Trade.avsc: a contract file is named <name>.v<version>.avsc, in lower case, versions from 1"],
    )


def test_the_lock_is_written_as_it_is_committed():
    text = (FOLDER / LOCK).read_text()
    assert dump(parse(text), withdrawn(text)) == text
    lines = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith("  ")]
    assert lines == [*json.loads(text)["schemas"], *json.loads(text)["withdrawn"]]


def test_history_of_no_repository_and_of_no_revision_are_errors(folder, tmp_path, monkeypatch):
    with pytest.raises(HistoryError, match="no-such-revision"):
        folder.past("no-such-revision")
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(HistoryError, match="not a git repository"):
        committed(outside)


def test_history_before_the_lock_existed_is_empty(folder):
    folder.git("checkout", "--quiet", "--orphan", "empty")
    folder.git("rm", "--quiet", "-r", "--cached", ".")
    (folder.path.parent / "README").write_text("x")
    folder.git("add", "README")
    folder.git("commit", "--quiet", "--message", "no contracts")
    assert folder.past("HEAD") == []
