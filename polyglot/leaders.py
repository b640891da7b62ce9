"""Which errors say only that a partition's leader has not opened its log yet, so that asking again helps."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

_NOT_YET = {
    KafkaError._NOENT,  # noqa: SLF001 - librdkafka found no leader of any partition that was asked for
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def no_leader_yet(error: BaseException) -> bool:
    """Tell whether a broker that was just started, or a topic that was just created, answers so for a moment."""
    return isinstance(error, KafkaException) and error.args[0].code() in _NOT_YET
