"""What a test does without something that it needs: it is skipped, but in CI, where nobody reads skips, it fails."""

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip the test with the reason; fail it where ``CI`` is set."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
