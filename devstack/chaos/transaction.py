"""A producer that is not one of ours: it writes raw records in transactions, one of which dies with the broker.

What it had sent lies in the log and must never be seen; what its successor commits must be.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaException, Producer

from collectors.block import Block, assigned
from collectors.wrap import Wrapper
from runtime.config import Settings
from runtime.console import CommandError
from schemas.domains import raw_topic

VENUE, SYMBOL = "sim", "TXUSDT"
ABORTED, COMMITTED = 50, 20
_TIMEOUT_S = 60.0


def interrupt(
    settings: Settings, first_id: int, now_us: Callable[[], int], blow: Callable[[], None]
) -> list[tuple[str, str, str]]:
    """Open a transaction, let ``blow`` take the broker away and bring it back, then commit another one.

    Args:
        settings: where the broker is.
        first_id: the first trade id; the following ``ABORTED + COMMITTED`` are used.
        now_us: event time of a transaction's trades, µs UTC, asked when it is made: on a slow machine more event time
            passes while the broker is away than windows are kept.
        blow: returns when the broker answers again.

    Returns:
        Venue, channel and event id of each committed record.

    Raises:
        CommandError: the broker does not take the records.
    """
    lost = _trades(first_id, ABORTED, now_us())
    name = f"polyglot-chaos-{first_id}"
    try:
        producer = _producer(settings, name)
        producer.init_transactions(_TIMEOUT_S)
        producer.begin_transaction()
        _send(producer, lost, first_id)
        blow()
        # The successor's first act is to abort what its predecessor left open.
        successor = _producer(settings, name)
        _retry(lambda: successor.init_transactions(_TIMEOUT_S))
        successor.begin_transaction()
        kept = _trades(first_id + ABORTED, COMMITTED, now_us())
        _send(successor, kept, first_id)
        successor.commit_transaction(_TIMEOUT_S)
        producer.purge()
    except KafkaException as error:
        raise CommandError(f"the transactional producer failed: {error.args[0].str()}") from error
    return [(VENUE, *one) for one in zip(kept.channel, kept.event_id, strict=True)]


def _producer(settings: Settings, name: str) -> Producer:
    return Producer(
        {
            **settings.kafka.librdkafka(), "transactional.id": name, "transaction.timeout.ms": 60_000,
            "partitioner": "murmur2_random", "log_level": 0,
        }
    )  # fmt: skip


def _retry(call: Callable[[], None]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            call()
        except KafkaException as error:
            if time.monotonic() > deadline or not error.args[0].retriable():
                raise
            time.sleep(1.0)
        else:
            return


def _trades(first_id: int, count: int, time_us: int) -> Block:
    low, ms = SYMBOL.lower(), time_us // 1000
    frames = [
        f'{{"stream":"{low}@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"{SYMBOL}","t":{first_id + n},'
        f'"p":"100.{n:02d}","q":"1.5","X":"MARKET","m":true}}}}'.encode()
        for n in range(count)
    ]
    return assigned(VENUE, first_id, [time_us + 5_000] * count, frames)


def _send(producer: Producer, block: Block, first_id: int) -> None:
    wrapper = Wrapper(VENUE, f"chaos:{first_id}")
    rows = zip(block.channel, block.entity_id, wrapper.wrap(block), block.receive_us, strict=True)
    for channel, entity, value, received in rows:
        producer.produce(raw_topic(VENUE, channel), value, entity, timestamp=received // 1000)
    if left := producer.flush(_TIMEOUT_S):
        raise CommandError(f"{left} transactional records were not taken")
