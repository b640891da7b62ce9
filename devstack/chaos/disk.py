"""A folder on a small disk of its own that can be filled: a tmpfs, whose size may change while it is mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_SIZE = "4g"  # a bound, not an allocation
_PAGE = 4096


class SmallDisk:
    """A tmpfs over a folder.

    Raises:
        OSError: this machine does not let us mount one; the message is mount's own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "polyglot-chaos", str(folder))

    def fill(self) -> int:
        """Leave no room for another byte; return how many are used."""
        for _ in range(20):  # somebody may write between the look and the change
            usage = os.statvfs(self.folder)
            used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            try:
                self._resize(str(max(used, _PAGE)))
            except OSError:
                continue
            return used
        raise OSError(f"{self.folder} grows too fast to be filled")

    def free(self) -> None:
        """Make room again."""
        self._resize(_SIZE)

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.folder))

    def release(self) -> None:
        """Unmount it; what was on it stays in the folder. Nothing may use it any more."""
        kept = self.folder.with_name(f"{self.folder.name}.kept")
        shutil.copytree(self.folder, kept, symlinks=True)
        unmount(self.folder)
        self.folder.rmdir()
        kept.rename(self.folder)


def unmount(folder: Path) -> None:
    """Unmount what is mounted over a folder, if anything is."""
    if folder.is_mount():
        _run("umount", str(folder))


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise OSError(f"there is no {command[0]} here")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
