"""Every kind of Kafka client against a broker with SASL and TLS that asks for certificates, by our settings alone.

The password holds what JAAS and property files use themselves.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr
from support.certificates import Certificates, sign
from support.flink_rows import rows
from support.patience import wait_for

from devstack.local.kafka import broker
from flink_jobs.io import topics
from operations.topics import apply, plan
from runtime.config import ROOT, KafkaSettings, Settings
from runtime.ports import free_ports
from schemas.contracts import contract

pytestmark = [pytest.mark.integration, pytest.mark.long]

TOPIC = "normalized.trade.v1"
AWKWARD = r"""it's "quoted" \ and = odd"""
#: The same as a JAAS value.
AWKWARD_IN_JAAS = r"""it's \"quoted\" \\ and = odd"""
PRICES = [Decimal("1.000000000001"), Decimal("-2.5"), Decimal("1000000000000000.000000000001")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return sign(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory, certificates) -> Iterator[Settings]:
    """Start the local stack's broker with one more listener; return the settings of its clients."""
    home = tmp_path_factory.mktemp("broker")
    (port,) = free_ports(1, run=3)
    one = broker(Settings(var_dir=home, kafka={"bootstrap_servers": f"127.0.0.1:{port}"}))
    one.prepare()
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    more = {
        "listeners": f"BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1},SECURE://127.0.0.1:{port + 2}",
        "advertised.listeners": f"BROKER://127.0.0.1:{port},SECURE://127.0.0.1:{port + 2}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": f'{module} required user_alice="{AWKWARD_IN_JAAS}";',
        "listener.name.secure.ssl.client.auth": "required",
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(certificates.server),
        "listener.name.secure.ssl.truststore.type": "PEM",
        "listener.name.secure.ssl.truststore.location": str(certificates.ca),
    }
    with Path(one.command[-1]).open("a") as file:
        file.writelines(f"{name}={value}\n".replace("\\", "\\\\") for name, value in more.items())
    kafka = KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{port + 2}", security_protocol="SASL_SSL", sasl_mechanism="PLAIN",
        sasl_username="alice", sasl_password=SecretStr(AWKWARD),
        ssl_ca_location=certificates.ca, ssl_keystore_location=certificates.client,
    )  # fmt: skip
    output = home / "broker.out"
    with output.open("wb") as out, subprocess.Popen(one.command, stdout=out, stderr=out) as process:
        try:
            _await(one.probe, process, output)
            settings = Settings(var_dir=home, kafka=kafka)
            apply(settings, [step for step in plan(settings) if step.topic == TOPIC])
            _produce(kafka)
            yield settings
        finally:
            process.terminate()


def _await(probe, process, output) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(output.read_text())
        probe()
        return True

    wait_for(answers, 90, "the service does not answer", every=0.2)


def _produce(kafka: KafkaSettings) -> None:
    trade = contract("trade")
    schema = fastavro.parse_schema(trade.schema)
    plain = {"string": "x", "long": 7, "int": 3}
    producer = Producer({**kafka.librdkafka(), "acks": "all"})
    for price in PRICES:
        row = {one["name"]: plain.get(_base(one["type"]), Decimal(0)) for one in trade.schema["fields"]}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, {**row, "price": price, "event_time": 1_700_000_000_123_456})
        producer.produce(TOPIC, key=b"k", value=trade.header + out.getvalue())
    assert producer.flush(30) == 0


def _base(avro) -> str:
    return avro["type"] if isinstance(avro, dict) else avro


def _refusal(kafka: KafkaSettings) -> str:
    """Return what librdkafka says of a broker that does not let it in."""
    errors: list[str] = []
    admin = AdminClient({**kafka.librdkafka(), "error_cb": lambda error: errors.append(str(error)), "log_level": 0})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=5)
    admin.poll(1)
    return " ".join(errors)


def test_the_broker_refuses_who_has_another_password_or_no_certificate(secured):
    kafka = secured.kafka
    assert "uthentication fail" in _refusal(kafka.model_copy(update={"sasl_password": SecretStr(AWKWARD + "x")}))
    assert "SSL" in _refusal(kafka.model_copy(update={"ssl_keystore_location": None}))


def test_flinks_client_reads_what_was_produced(secured):
    found = rows(
        TOPIC, topics.consumer(secured, topics.STORES), "trade",
        {"price": "DECIMAL(28, 12)", "event_time": "BIGINT", "entity_seq": "BIGINT", "venue": "STRING"},
    )  # fmt: skip
    assert sorted(found) == sorted([f"{price:.12f}", "1700000000123456", "7", "x"] for price in PRICES)


def test_sparks_client_reads_what_was_produced(secured, tmp_path):
    source = {
        "librdkafka": secured.kafka.librdkafka(), "java": secured.kafka.java(), "scratch": str(tmp_path),
        "topic": TOPIC,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SPARK, json.dumps(source)], cwd=ROOT, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [f"{price:.12f}" for price in sorted(PRICES)]


SPARK = """
import json, sys
from pathlib import Path
from batch.spark.session import spark_session
from batch.spark.topics import Broker, decoded, extents, read
from runtime.config import settings
source = json.loads(sys.argv[1])
broker = Broker(source["librdkafka"], source["java"])
with spark_session(settings().cache_dir / "jars" / "spark", Path(source["scratch"]), memory_mb=768) as spark:
    rows = read(spark, broker, list(extents(broker, [source["topic"]]).values()))
    prices = rows.select(decoded(rows["value"], "trade").alias("d")).select("d.price").collect()
    print(json.dumps([f"{price:.12f}" for price in sorted(row.price for row in prices)]))
"""
