"""Several jobs by one client: its JVM, its interpreter and what they load cost far more than building a job does.

flink run -pym flink_jobs.together MODULE[=SAVEPOINT]…
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from flink_jobs import environment


def main(arguments: Sequence[str]) -> None:
    """Build and submit the modules' jobs, in this order; each from a checkpoint or savepoint if there is one."""
    for argument in arguments:
        module, _, environment.origin = argument.partition("=")
        importlib.import_module(module).main()


if __name__ == "__main__":
    main(sys.argv[1:])
