"""How kernels are compiled: without reference counting, and from the sources that are there."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.errors import NumbaError

import udfs
from udfs.kernels import jit

ROOT = Path(next(iter(udfs.__path__)))
PRIVATE = "_nrt"


def test_numba_still_compiles_without_reference_counting() -> None:
    def total(values: np.ndarray) -> int:
        found = 0
        for k in range(len(values)):
            found += values[k]
        return found

    def swap(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return pair[1]

    signature = numba.types.int64(jit.I64)
    assert numba.njit(signature, **jit.OPTIONS)(total)(np.arange(4)) == 6
    counted = numba.njit(swap)
    counted((np.zeros(1), np.zeros(1)))
    assert "NRT_incref" in "".join(counted.inspect_llvm().values())
    plain = numba.njit(**jit.OPTIONS)(lambda pair: pair[1][0])
    plain((np.zeros(1), np.zeros(1)))
    assert "NRT_incref" not in "".join(plain.inspect_llvm().values())


def test_a_kernel_that_allocates_is_refused() -> None:
    def allocate(n: int) -> int:
        return len(np.zeros(n))

    assert numba.njit(numba.types.int64(numba.types.int64))(allocate)(3) == 3
    with pytest.raises(NumbaError):
        numba.njit(numba.types.int64(numba.types.int64), **jit.OPTIONS)(allocate)


def test_the_option_stands_in_one_place() -> None:
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*.py") if PRIVATE in path.read_text()]
    assert found == [Path("kernels/jit.py")]


def test_every_kernel_is_compiled_from_what_the_digest_covers() -> None:
    folders = {
        path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.py") if "kernels.jit import" in path.read_text()
    }
    assert folders == set(jit.FOLDERS) - {"values"}


def test_the_cache_is_named_after_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in jit.FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "kernels/jit.py").write_text("a = 1\n")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "kernels/jit.py"))
    digests = [jit.sources_digest.__wrapped__()]
    (tmp_path / "windows/words.py").write_text("b = 1\n")
    digests.append(jit.sources_digest.__wrapped__())
    (tmp_path / "windows/words.py").write_text("b = 2\n")
    digests.append(jit.sources_digest.__wrapped__())
    assert len(set(digests)) == 3
