"""The environment of the stack's processes: ours, without the passwords that a process has no use for."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Settings are passwords by name, or sections that may hold one (``POLYGLOT_KAFKA='{"sasl_password": …}'``); their
#: names are read in either case.
_SECRET = re.compile(
    r"POLYGLOT_(\w+PASSWORD|KAFKA|CLICKHOUSE|REDIS|REGISTRY|S3|S3__\w+_KEY|GATEWAY__USERS)", re.IGNORECASE
)


def without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold no password of our settings, nor of the gateway's users."""
    return {name: value for name, value in environment.items() if not _SECRET.fullmatch(name)}
