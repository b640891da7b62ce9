# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: a 64-bit digest of a payload's content, to compare a second copy of an event with the first.

The content of a payload is its bytes without what differs from connection to connection:

- ``WRAPPED`` (Binance): of ``{"stream":"…","data":X}`` it is X, so that a bare and a combined stream agree;
- ``TYPED`` (Coinbase): without a leading ``{"type":"match"`` or ``{"type":"last_match"``, the same print twice;
- ``WHOLE``: all bytes.

The digest of n bytes, all arithmetic modulo 2^64: ``h = n * C1``; for each 8 bytes as a little-endian number w (the
last ones padded with zeros) ``h = (h ^ w) * C2; h ^= h >> 32``; at the end ``h = (h ^ (h >> 29)) * C3; h ^= h >> 32``.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I64, LONG, helper, kernel
from udfs.kernels.reading import same
from udfs.kernels.slices import Longs, Octets

WHOLE, WRAPPED, TYPED = 0, 1, 2
#: ``{"stream":"`` at 0, ``","data":`` at 11, ``{"type":"last_match"`` at 20, ``{"type":"match"`` at 40.
WORDS = np.frombuffer(b'{"stream":"","data":{"type":"last_match"{"type":"match"', dtype=np.uint8)


@helper
def _content(shape: int, words: Octets, data: Octets, at: int, end: int) -> tuple[int, int]:
    """Return where the content begins and ends."""
    if shape == 1 and end - at > 21 and data[end - 1] == 125 and same(data, at, words, 0, 11):
        quote = at + 11
        while quote < end and data[quote] != 34 and data[quote] != 92:
            quote += 1
        if end - quote > 10 and same(data, quote, words, 11, 9):
            return quote + 9, end - 1
    elif shape == 2:
        if end - at > 20 and same(data, at, words, 20, 20):
            return at + 20, end
        if end - at > 15 and same(data, at, words, 40, 15):
            return at + 15, end
    return at, end


@helper
def _digest(data: Octets, at: int, end: int) -> int:
    value = np.uint64(end - at) * np.uint64(0x9E3779B97F4A7C15)
    while at < end:
        size = min(end - at, 8)
        word = np.uint64(0)
        for k in range(size):
            word |= np.uint64(data[at + k]) << np.uint64(8 * k)
        value = (value ^ word) * np.uint64(0xC2B2AE3D27D4EB4F)
        value ^= value >> np.uint64(32)
        at += size
    value = (value ^ (value >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.int64(value ^ (value >> np.uint64(32)))


@kernel(LONG, LONG, BYTES, BYTES, I64, I64, I64)
def content_digests(shape: int, words: Octets, data: Octets, at: Longs, size: Longs, out: Longs) -> int:
    """Fill the digest of each payload's content. Returns how many there are."""
    for i in range(len(at)):
        begin, end = _content(shape, words, data, at[i], at[i] + size[i])
        out[i] = _digest(data, begin, end)
    return len(at)
