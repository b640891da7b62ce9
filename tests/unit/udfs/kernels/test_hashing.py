"""Hashes of slices are MurmurHash3's, and a record's hash says which fields it has, in which order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.kernels import hashing
from udfs.kernels.slices import Slices

#: By the reference implementation (x64, 128 bits, seed 0).
KNOWN = {
    b"": "00000000000000000000000000000000",
    b"hello": "cbd8a7b341bd9b025b1e906a48ae1d19",
    b"The quick brown fox jumps over the lazy dog": "e34bbc7bbc071b6c7a433ca9c49a9347",
}
_ROTATE = (1 << 64) - 1


def hashed(values: list[bytes]) -> list[str]:
    low, high = (np.empty(len(values), np.uint64) for _ in range(2))
    hashing.hash_slices(*Slices.of(values).parts, low, high)
    return [f"{a:016x}{b:016x}" for a, b in zip(low.tolist(), high.tolist(), strict=True)]


def rotated(word: int, by: int) -> int:
    return (word << by | word >> 64 - by) & _ROTATE


def mixed(word: int) -> int:
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & _ROTATE
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & _ROTATE
    return word ^ word >> 33


def murmur(value: bytes) -> str:
    """The same hash in plain Python."""
    one, two = 0x87C37B91114253D5, 0x4CF5AD432745937F
    low = high = 0
    whole = len(value) // 16 * 16
    for at in range(0, whole, 16):
        a, b = (int.from_bytes(value[at + k : at + k + 8], "little") for k in (0, 8))
        low ^= rotated(a * one & _ROTATE, 31) * two & _ROTATE
        low = (rotated(low, 27) + high) * 5 + 0x52DCE729 & _ROTATE
        high ^= rotated(b * two & _ROTATE, 33) * one & _ROTATE
        high = (rotated(high, 31) + low) * 5 + 0x38495AB5 & _ROTATE
    a, b = (int.from_bytes(value[whole + k :][: 8 if k == 0 else 7], "little") for k in (0, 8))
    low ^= rotated(a * one & _ROTATE, 31) * two & _ROTATE ^ len(value)
    high ^= rotated(b * two & _ROTATE, 33) * one & _ROTATE ^ len(value)
    low = low + high & _ROTATE
    high = high + low & _ROTATE
    low, high = mixed(low), mixed(high)
    low = low + high & _ROTATE
    return f"{low:016x}{high + low & _ROTATE:016x}"


@pytest.mark.parametrize("value", KNOWN)
def test_known_hashes(value: bytes) -> None:
    assert hashed([value]) == [murmur(value)] == [KNOWN[value]]


@given(st.lists(st.binary(max_size=80), min_size=1))
def test_hashes_are_those_of_plain_python(values: list[bytes]) -> None:
    assert hashed(values) == [murmur(value) for value in values]


@given(st.lists(st.integers(-(1 << 127), (1 << 127) - 1), min_size=1))
def test_decimals_are_read_as_two_words(numbers: list[int]) -> None:
    values = [n.to_bytes((n.bit_length() + 8) // 8, "big", signed=True) for n in numbers]
    low, high = (np.empty(len(values), np.uint64) for _ in range(2))
    hashing.decimal_words(*Slices.of(values).parts, low, high)
    found = [a | b << 64 for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    assert found == [n & (1 << 128) - 1 for n in numbers]


@given(st.lists(st.sampled_from([b"a", b"ab", b"", b"a#1", b"a#", b"#1", b"a1", b"a#1x", b"x:9#12"]), min_size=1))
def test_what_several_records_of_a_frame_share(values: list[bytes]) -> None:
    slices = Slices.of(values)
    sizes = np.empty(len(values), np.int64)
    hashing.without_number(*slices.parts, sizes)
    shared = {b"a#1": b"a", b"x:9#12": b"x:9", b"#1": b""}
    assert Slices(slices.data, slices.start, sizes).tolist() == [shared.get(value, value) for value in values]
