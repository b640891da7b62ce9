"""Which tests one of pytest-xdist's workers gets together: those of a file, or of a folder that shares a stack."""

from __future__ import annotations

from xdist.scheduler.loadfile import LoadFileScheduling

#: Folders whose files share what they start.
TOGETHER = ("tests/integration/scenarios/", "tests/integration/collectors/")


class LoadFolderScheduling(LoadFileScheduling):
    """As ``--dist loadfile``, but some folders are given away as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))
