import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.capture import Capture, split_line
from runtime.console import CommandError, Exit

TRADE = b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":%d,"p":"1","q":"1","m":true}}'
NS = 1_723_161_255_030_314_667


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"1723161255030314667 {}", (1_723_161_255_030_314, b"{}")),
        (b"1723161255030314999 {}", (1_723_161_255_030_314, b"{}")),  # cut, not rounded
        (b"1723161255.0303147: {}", (1_723_161_255_030_314, b"{}")),
        (b"1723161255.03: {}", (1_723_161_255_030_000, b"{}")),
        (b"1723161255: {}", (1_723_161_255_000_000, b"{}")),
        (b"1723161255.:{}", (1_723_161_255_000_000, b"{}")),
        (b"1723161255.5:  {}", (1_723_161_255_500_000, b" {}")),  # one blank is the separator, the next is the frame's
        (b"1723161255030314667  {}", (1_723_161_255_030_314, b" {}")),
        (b"1723161255030314667 ", (1_723_161_255_030_314, b"")),
        (b"1723161255030314667 {}\r", (1_723_161_255_030_314, b"{}\r")),
        (b"1723161255030314667 \xff\x00", (1_723_161_255_030_314, b"\xff\x00")),
        (b"{}", (None, b"{}")),
        (b"", (None, b"")),
        (b"1723161255030314667", (None, b"1723161255030314667")),
        (b"1723161255030 {}", (None, b"1723161255030 {}")),  # milliseconds are no form of ours
        (b"9999999999999999999 {}", (None, b"9999999999999999999 {}")),  # the year 2286
        (b"9999999999: {}", (None, b"9999999999: {}")),
        (b"-1723161255.5: {}", (None, b"-1723161255.5: {}")),
    ],
)
def test_a_line_is_a_time_and_the_frame_byte_for_byte(line, expected):
    assert split_line(line) == expected


# 2,000,000,000.1 has no exact float; neither have most of these.
@given(seconds=st.integers(1_230_768_000, 4_102_444_799), fraction=st.text("0123456789", max_size=12))
def test_seconds_become_micros_without_a_float(seconds, fraction):
    time, frame = split_line(f"{seconds}.{fraction}: x".encode())
    assert (time, frame) == (seconds * 10**6 + int((fraction + "000000")[:6]), b"x")


def write(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    path.write_bytes(b"\n".join(lines) + end)
    return path


def rows(capture: Capture, after: int = 0) -> list[tuple]:
    return [
        row
        for block in capture.blocks(after)
        for row in zip(block.seq, block.receive_us, block.payload, block.event_id, strict=True)
    ]


def lines(count: int) -> list[bytes]:
    return [b"%d " % (NS + i * 1000) + TRADE % i for i in range(count)]


def test_every_line_is_a_frame_numbered_from_one(tmp_path):
    found = rows(Capture("binance_usdm", write(tmp_path / "a", lines(4500))))
    assert [row[0] for row in found] == list(range(1, 4501))
    assert [row[1] for row in found] == [NS // 1000 + i for i in range(4500)]
    assert [row[2] for row in found] == [TRADE % i for i in range(4500)]
    assert found[7][3] == "binance_usdm:BTCUSDT:trade:7"


def test_lines_without_a_time_take_that_of_the_line_before(tmp_path):
    path = write(tmp_path / "a", [b"garbage", b"", *lines(1), b"more \xff", *lines(1)])
    assert [row[1:3] for row in rows(Capture("sim", path))] == [
        (NS // 1000, b"garbage"),
        (NS // 1000, b""),
        (NS // 1000, TRADE % 0),
        (NS // 1000, b"more \xff"),
        (NS // 1000, TRADE % 0),
    ]


def test_resuming_yields_what_a_whole_run_would_have(tmp_path):
    path = write(tmp_path / "a", [*lines(2500), b"no time", *lines(10)])
    capture = Capture("sim", path)
    everything = rows(capture)
    for after in (0, 1, 1999, 2000, 2500, 2501, len(everything)):
        assert rows(capture, after) == everything[after:]


def test_gzip_is_told_by_its_content_and_may_have_several_members(tmp_path):
    plain = write(tmp_path / "plain.gz", lines(10))
    zipped = tmp_path / "zipped"
    zipped.write_bytes(gzip.compress(b"\n".join(lines(10)[:4]) + b"\n") + gzip.compress(b"\n".join(lines(10)[4:])))
    assert rows(Capture("sim", zipped)) == rows(Capture("sim", plain))


def test_a_damaged_gzip_gives_all_it_has_and_then_says_so(tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines(20_000)))[:-2000])
    found: list[bytes] = []
    with pytest.raises(CommandError, match=r"cut\.gz is damaged after line \d+"):
        found.extend(frame for block in Capture("sim", path).blocks(0) for frame in block.payload)
    assert len(found) > 5000
    assert found == [TRADE % i for i in range(len(found))]


def test_a_file_without_any_time_is_no_capture(tmp_path):
    with pytest.raises(CommandError, match="no line begins with a receive time") as error:
        list(Capture("sim", write(tmp_path / "a", [b"{}", b"{}"])).blocks(0))
    assert error.value.code == Exit.USAGE


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CommandError, match="no such capture"):
        Capture("sim", tmp_path / "none")


def test_the_source_id_follows_the_content_not_the_name(tmp_path):
    one = Capture("sim", write(tmp_path / "a", lines(3))).source_id
    assert Capture("sim", write(tmp_path / "b", lines(3))).source_id == one
    assert Capture("sim", write(tmp_path / "c", lines(4))).source_id != one
