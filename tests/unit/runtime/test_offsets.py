import pytest

from runtime import offsets
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.offsets import OffsetReader


def test_a_broker_that_is_not_there_is_a_message_not_a_trace(monkeypatch):
    monkeypatch.setattr(offsets, "_TIMEOUT_S", 0.2)
    with pytest.raises(CommandError, match=r"no answer from Kafka at 127\.0\.0\.1:9") as raised:
        OffsetReader(Settings(kafka={"bootstrap_servers": "127.0.0.1:9"})).ends(["a"])
    assert raised.value.code == Exit.UNAVAILABLE
