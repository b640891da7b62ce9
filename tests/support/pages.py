"""Code of a page in docs, as a reader would copy it."""

from __future__ import annotations

import re

from runtime.config import ROOT


def python_blocks(page: str) -> list[str]:
    """Return the Python code of a page below docs/, block by block."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
