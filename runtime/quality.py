"""Load the data-quality rules in force, for jobs, replays and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.config import Settings
from runtime.console import CommandError, Exit

if TYPE_CHECKING:
    from schemas.quality import Quality


def rules(settings: Settings) -> Quality:
    """Return the data-quality rules in force.

    Raises:
        CommandError: the file cannot be right.
    """
    from schemas.quality import QualityError, load  # noqa: PLC0415

    try:
        return load(settings.quality_file)
    except QualityError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
