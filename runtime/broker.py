"""What a broker's errors mean to a command."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from runtime.config import KafkaSettings
from runtime.console import CommandError, Exit

#: What a client asks again after: the errors that an answer about a partition can have and the protocol's guide calls
#: retriable (https://kafka.apache.org/protocol#protocol_error_codes), without that of its disk.
_NO_LEADER_YET = {
    KafkaError._NOENT,  # noqa: SLF001 - librdkafka found no leader of any partition that was asked for
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.LISTENER_NOT_FOUND,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
_NO_SUCH_PARTITION = {
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - librdkafka's own
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def until_led(timeout_s: float) -> Retrying:
    """Return how to ask of partitions whose logs may not be open yet: a topic is new, or the broker has just started.

    A broker names itself as their leader before that.
    """
    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaException) and _code(error) in _NO_LEADER_YET),
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(0.1),
        reraise=True,
    )


def no_such_partition(error: KafkaException) -> bool:
    """Tell whether a broker has answered, ``until_led`` at the end, that it does not have a partition."""
    return _code(error) in _NO_SUCH_PARTITION


def _code(error: KafkaException) -> int:
    return int(error.args[0].code())


def no_answer(kafka: KafkaSettings, error: KafkaException) -> CommandError:
    """Return what a command says of a broker that cannot be reached."""
    return CommandError(
        f"no answer from Kafka at {kafka.bootstrap_servers}: {error.args[0].str()}",
        hint="Start it with: polyglot up",
        code=Exit.UNAVAILABLE,
    )
