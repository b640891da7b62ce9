"""Files of reference data as frames: untouched fields, numbers as the text they were, one identity per fact."""

import json

import pytest

from collectors.reference import ReferenceFile, Supplement
from polyglot.cli import run
from runtime.console import CommandError, Exit

YAHOO = "Datetime,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n"
NOON = 1_714_564_800_000_000


def frames(path, told=None, after=0):
    return [
        json.loads(one) for block in ReferenceFile(path, told or Supplement()).blocks(after) for one in block.payload
    ]


def write(tmp_path, text, name="f"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_price_row_is_a_close_and_a_frame_for_each_action(tmp_path):
    path = write(tmp_path, YAHOO + "2024-05-01,1,2,0.5,1.50,1.4,10,0.25,2.0\n2024-05-02,1,2,1,1,1,10,0.0,0\n")
    found = frames(path, Supplement("CALM", "USD", 3))
    assert [(one["channel"], one.get("kind")) for one in found] == [
        ("daily_close", None), ("corporate_action", "cash_dividend"), ("corporate_action", "split"),
        ("daily_close", None),
    ]  # fmt: skip
    assert {(one["symbol"], one["currency"], one["revision"]) for one in found} == {("CALM", "USD", "3")}
    assert found[0]["fields"]["Close"] == "1.50"  # as it stood in the file


def test_json_numbers_stay_the_text_they_are(tmp_path):
    rows = '{"action_id": "d", "amount": 0.10, "revision": 1e2, "symbol": "ABC"}', '{"date": "-", "close": 12.3400}'
    found = frames(write(tmp_path, f"[{', '.join(rows)}]"))
    assert found[0]["fields"]["amount"] == "0.10"
    assert found[0]["fields"]["revision"] == "1e2"
    assert [one["symbol"] for one in found] == ["ABC", ""]
    assert found[1]["fields"]["close"] == "12.3400"
    assert [one["channel"] for one in found] == ["corporate_action", "daily_close"]


def test_a_payload_is_canonical(tmp_path):
    one, other = write(tmp_path, '{"b": 1, "close": "2"}', "a"), write(tmp_path, '{"close":"2",   "b":1}', "b")
    payloads = [block.payload for path in (one, other) for block in ReferenceFile(path, Supplement()).blocks(0)]
    assert payloads[0] == payloads[1] == [b'{"channel":"daily_close","fields":{"b":"1","close":"2"},"symbol":""}']


def test_a_broken_line_is_a_frame_as_it_is(tmp_path):
    path = write(tmp_path, '{"close": "1"}\n{"close": \n\n"text"\n')
    (block,) = ReferenceFile(path, Supplement()).blocks(0)
    assert block.payload[1:] == [b'{"close": ', b"text"]
    assert block.channel[1:] == ["unassigned", "unassigned"]


def test_a_short_and_a_long_csv_row_are_kept(tmp_path):
    path = write(tmp_path, "date,close\n2024-05-01\n2024-05-02,1,surplus\n")
    assert [one["fields"] for one in frames(path)] == [
        {"date": "2024-05-01"}, {"date": "2024-05-02", "close": "1", "(more)": ["surplus"]},
    ]  # fmt: skip


def test_the_same_source_means_the_same_frames_and_goes_on_where_it_was(tmp_path):
    path = write(tmp_path, "date,close\n" + "".join(f"2024-05-{day:02},{day}\n" for day in range(1, 31)))
    whole = frames(path)
    assert frames(path, after=12) == whole[12:]
    assert [block.seq[0] for block in ReferenceFile(path, Supplement()).blocks(12)] == [13]
    names = {
        ReferenceFile(path, told).source_id
        for told in (Supplement(), Supplement(), Supplement("A"), Supplement(revision=1))
    }
    assert len(names) == 3


def test_the_knowledge_time_is_what_was_told(tmp_path):
    path = write(tmp_path, "date,close\n2024-05-01,1\n")
    (block,) = ReferenceFile(path, Supplement(as_of_us=NOON)).blocks(0)
    assert (list(block.receive_us), list(block.event_time)) == ([NOON], [None])


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "[1, 2"])
def test_what_is_no_reference_data_is_told(tmp_path, text):
    with pytest.raises(CommandError) as failure:
        frames(write(tmp_path, text))
    assert failure.value.code == Exit.USAGE


def test_a_file_that_is_not_there_and_a_wrong_time_are_told(capsys, tmp_path):
    assert run(["feed", "reference", "--capture", str(tmp_path / "none.csv")]) == Exit.USAGE
    assert "no such file" in capsys.readouterr().err
    path = write(tmp_path, "date,close\n")
    assert run(["feed", "reference", "--capture", str(path), "--as-of", "noon"]) == Exit.USAGE
    assert "--as-of" in capsys.readouterr().err
