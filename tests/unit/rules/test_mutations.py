"""Mutations are tried at night only: here each must still fit the source, and name tests that there are."""

from pathlib import Path

import pytest
from mutants import Mutation
from mutations import MUTATIONS, ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.law)
def test_a_mutation_fits_the_source(mutation: Mutation) -> None:
    text = (ROOT / mutation.path).read_text()
    assert text.count(mutation.keeps) == 1, f"{mutation.path} does not have exactly one {mutation.keeps!r}"
    assert mutation.breaks != mutation.keeps
    assert [name for name in mutation.tests if not Path(ROOT, name).exists()] == []
