"""Where Java is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def java() -> str:
    """Return the JVM to run: JAVA_HOME's, else the PATH's."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else (shutil.which("java") or "java")
