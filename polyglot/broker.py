"""What a broker's errors mean to a command."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from polyglot.config import KafkaSettings
from polyglot.console import CommandError, Exit

_NO_LEADER_YET = {
    KafkaError._NOENT,  # noqa: SLF001 - librdkafka found no leader of any partition that was asked for
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def no_leader_yet(error: BaseException) -> bool:
    """Tell whether asking again helps: a topic was just created, or a broker started, and its logs are not open yet."""
    return isinstance(error, KafkaException) and error.args[0].code() in _NO_LEADER_YET


def no_answer(kafka: KafkaSettings, error: KafkaException) -> CommandError:
    """Return what a command says of a broker that cannot be reached."""
    return CommandError(
        f"no answer from Kafka at {kafka.bootstrap_servers}: {error.args[0].str()}",
        hint="Start it with: polyglot up",
        code=Exit.UNAVAILABLE,
    )
