"""A command that has stopped jobs is interrupted once: the way back is not."""

import signal
import subprocess
import sys

import pytest
from support.patience import patient

PROGRAM = """
import signal
from polyglot.cli._signals import interrupted_once

interrupted_once()
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt as error:
    print("interrupted by", error, flush=True)
    input()
    print("tidied up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_tidies_up_is_not_interrupted_again(number):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"interrupted by {number.name}\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate("\n", timeout=patient(60))
        assert (rest, process.returncode) == ("tidied up\n", 0)
