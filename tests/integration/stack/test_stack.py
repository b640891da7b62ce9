"""The whole stack on real processes: up, kill -9 of everything in turn with its data coming back, down without traces.

The tests of this module are one story and run in order.
"""

import json
import os
import re
import signal
import socket
import stat
import time
from datetime import UTC, datetime

import httpx
import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from redis import Redis
from support.metrics import samples
from support.patience import patient, wait_for

from runtime import accounts
from runtime.ports import is_open
from runtime.stack_state import read_state

pytestmark = pytest.mark.integration

TOPIC = "normalized.trade.v1"
ALL = ["kafka", "jobmanager", "taskmanager", "clickhouse", "redis"]
#: A capture's record time: a broker with time-based retention would delete it, and one with its own clock replace it.
LONG_AGO_MS = int(datetime(2019, 3, 1, tzinfo=UTC).timestamp() * 1000)


def produce(stack, values):
    failed = []
    producer = Producer({**stack.settings.kafka.librdkafka(), "acks": "all", "message.max.bytes": 16_000_000})
    for value in values:
        producer.produce(
            TOPIC, value, key=b"sim:TEST", timestamp=LONG_AGO_MS,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )  # fmt: skip
    assert producer.flush(60) == 0
    assert not failed


def consume(stack):
    consumer = Consumer(
        {
            **stack.settings.kafka.librdkafka(),
            "group.id": f"test-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    records, ended = [], set()
    deadline = time.monotonic() + patient(60)
    while len(ended) < 4 and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
        else:
            records.append((message.timestamp()[1], message.value()))
    consumer.close()
    assert len(ended) == 4, "the topic could not be read to its end"
    return records


def clickhouse(stack, query):
    conf = stack.settings.clickhouse
    answer = httpx.post(conf.url, content=query, auth=(conf.username, conf.find_password()), timeout=10)
    assert answer.is_success, answer.text
    return answer.text.strip()


def redis(stack):
    return Redis(stack.settings.redis.host, stack.settings.redis.port, decode_responses=True)


def kill(stack, name):
    pid = stack.pid(name)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(name) != pid, 180, f"{name} was not started again")


def healthy(stack):
    document = stack.json("status")
    return {one["name"]: one for one in document["components"] if one["health"] == "healthy"}


def test_up_starts_everything(stack):
    document = stack.json("up", "--no-build")
    assert [one["name"] for one in document["components"]] == ALL
    assert all(one["health"] == "healthy" for one in document["components"])
    assert all(one["memory"] > 0 for one in document["components"])
    assert all(re.match(r"\d+\.\d+", one["version"]) for one in document["components"]), document["components"]
    assert document["seconds"] < 60


def test_topics_are_there_as_the_contracts_say(stack):
    steps = stack.json("topics")["steps"]
    assert steps
    assert {step["action"] for step in steps} == {"keep"}


def test_everything_listens_on_loopback_only(stack):
    pids = {process.pid for process in stack.running()}
    assert pids
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.pid in pids
    }
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_passwords_are_in_a_file_and_in_no_process_that_others_can_look_at(stack):
    assert stat.S_IMODE(stack.layout.secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE(stack.layout.accounts.stat().st_mode) == 0o600
    made = accounts.read(stack.layout.accounts)
    assert {name: one["role"] for name, one in made.items()} == {"polyglot": "admin", "reader": "reader"}
    for process in stack.running():
        told = " ".join([*process.cmdline(), *process.environ().values()])
        assert not [name for name, one in made.items() if one["password"] in told], process
    logs = b"".join(path.read_bytes() for path in stack.layout.logs.rglob("*") if path.is_file())
    assert not [name for name, one in made.items() if one["password"].encode() in logs]


def test_any_client_reads_with_what_the_command_line_tells(stack):
    login = stack.json("clickhouse-login", "--password")
    url, auth = f"http://{login['host']}:{login['port']}", (login["user"], login["password"])
    assert httpx.post(url, content="SELECT currentDatabase()", auth=auth).is_success
    assert httpx.post(url, content="CREATE TABLE polyglot.mine (n UInt8) ENGINE = Memory", auth=auth).is_error
    for wrong in ("polyglot", ""):  # what was published once, and nothing
        assert httpx.post(url, content="SELECT 1", auth=("polyglot", wrong)).status_code in (401, 403)


def test_the_idle_stack_fits_its_memory_budget(stack):
    """The one at work: tests/integration/scenarios/test_everything.py."""
    assert sum(one["memory"] for one in healthy(stack).values()) < 6 * 1024**3


def test_up_again_changes_nothing(stack):
    before = {name: stack.pid(name) for name in ALL}
    stack.json("up", "--no-build")
    assert {name: stack.pid(name) for name in ALL} == before


def test_up_with_other_settings_is_refused(stack, monkeypatch):
    monkeypatch.setitem(stack.env, "POLYGLOT_FLINK__TASKMANAGER_MEMORY_MB", "2500")
    done = stack.run("up", "--no-build")
    assert done.returncode == 2
    assert "polyglot down" in done.stderr


def test_flinks_own_metrics_are_where_status_says(stack):
    urls = {one["name"]: one["metrics_url"] for one in stack.json("status")["components"] if one["metrics_url"]}
    assert urls.keys() == {"jobmanager", "taskmanager"}
    for name, metric in (("jobmanager", "numRegisteredTaskManagers"), ("taskmanager", "Status_JVM_Memory_Heap_Used")):
        exposed = samples(httpx.get(urls[name], timeout=30).text)
        assert max(value for (found, *_), value in exposed.items() if found == f"flink_{name}_{metric}") > 0


def test_doctor_knows_the_ports_as_ours(stack):
    findings = {one["check"]: one for one in json.loads(stack.run("doctor", "--json").stdout)}
    ports = [one for check, one in findings.items() if check.startswith("port ")]
    assert len(ports) == len(stack.ports)
    assert {one["found"] for one in ports} == {"used by this stack"}


def test_records_survive_the_brokers_death_with_their_own_times(stack):
    values = [f"{number}".encode() for number in range(1000)] + [b"x" * 5_000_000]
    produce(stack, values)
    kill(stack, "kafka")
    wait_for(lambda: "kafka" in healthy(stack))
    records = consume(stack)
    assert sorted(value for _, value in records) == sorted(values)
    assert {timestamp for timestamp, _ in records} == {LONG_AGO_MS}


def test_status_shows_what_a_consumer_group_has_not_read(stack):
    consumer = Consumer({**stack.settings.kafka.librdkafka(), "group.id": "behind"})
    consumer.commit(offsets=[TopicPartition(TOPIC, partition, 0) for partition in range(4)], asynchronous=False)
    consumer.close()
    assert {"group": "behind", "lag": 1001, "expired": 0} in stack.json("status")["groups"]


def test_a_killed_taskmanager_is_back_with_its_slots(stack):
    kill(stack, "taskmanager")
    url = f"{stack.settings.flink.url}/overview"
    wait_for(lambda: httpx.get(url).json()["slots-available"] == 4, 180, "no new TaskManager registered")
    wait_for(lambda: httpx.get(url).json()["taskmanagers"] == 1, 180, "the dead TaskManager was not given up")


def test_a_killed_jobmanager_is_back_with_its_taskmanager(stack):
    kill(stack, "jobmanager")
    wait_for(lambda: {"jobmanager", "taskmanager"} <= healthy(stack).keys())


def test_acknowledged_rows_survive_the_gateways_death(stack):
    clickhouse(stack, "CREATE TABLE IF NOT EXISTS polyglot.kept (n UInt32) ENGINE = MergeTree ORDER BY n")
    clickhouse(stack, "INSERT INTO polyglot.kept SELECT number FROM numbers(1000)")
    kill(stack, "clickhouse")
    assert wait_for(lambda: clickhouse(stack, "SELECT count(), sum(n) FROM polyglot.kept")) == "1000\t499500"


def test_the_cache_survives_its_death_up_to_a_second(stack):
    redis(stack).set("kept", "yes")
    time.sleep(1.5)  # the promise is `appendfsync everysec`
    kill(stack, "redis")
    assert wait_for(lambda: redis(stack).get("kept")) == "yes"


def test_components_outlive_the_supervisor_and_up_takes_them_over(stack):
    before = {name: stack.pid(name) for name in ALL}
    supervisor = int(stack.layout.pid_file("supervisor").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_supervised(stack))
    assert "not supervised" in stack.json("status")["components"][0]["detail"]
    stack.json("up", "--no-build")
    assert {name: stack.pid(name) for name in ALL} == before
    assert is_supervised(stack)


def is_supervised(stack):
    state = read_state(stack.layout)
    return bool(state and state.supervised)


def test_down_leaves_no_process_and_no_open_port(stack):
    done = stack.json("down")
    assert done == {"was_running": True, "wiped": False}
    assert stack.running() == []
    assert [port for port in stack.ports if is_open(port)] == []
    assert stack.json("status", expect=3)["components"]


def test_a_port_in_use_is_named_with_its_user(stack):
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", stack.settings.redis.port))
        bound.listen()
        done = stack.run("up", "--no-build")
    assert done.returncode == 1
    for part in (f"port {stack.settings.redis.port} (redis)", f"pid {os.getpid()}", "POLYGLOT_REDIS__PORT"):
        assert part in done.stderr
    assert stack.running() == []


def test_a_component_that_cannot_start_is_told_with_its_log_and_nothing_is_left(stack, monkeypatch):
    monkeypatch.setitem(stack.env, "POLYGLOT_KAFKA__MAX_MESSAGE_BYTES", "-5")
    done = stack.run("up", "--no-build", "--only", "kafka", "--only", "redis")
    assert done.returncode == 1
    assert "kafka does not start" in done.stderr
    assert "max.message.bytes" in done.stderr or "message.max.bytes" in done.stderr
    assert stack.running() == []


def test_a_second_start_finds_the_data_again(stack):
    stack.json("up", "--no-build", "--with", "repair", "--with", "metrics")
    assert len(consume(stack)) == 1001
    assert clickhouse(stack, "SELECT count() FROM polyglot.kept") == "1000"
    assert redis(stack).get("kept") == "yes"
    assert stack.json("topics")["steps"]


def test_what_stays_on_request_is_supervised_like_the_rest(stack):
    assert healthy(stack).keys() == {*ALL, "repair", "metrics"}
    exposed = samples(httpx.get(stack.settings.metrics.url, timeout=30).text)
    assert exposed["polyglot_broker_up",] == 1
    assert exposed["polyglot_consumer_lag_records", "behind", TOPIC] == 1001
    kill(stack, "repair")
    wait_for(lambda: "repair" in healthy(stack))


def test_down_works_on_a_half_dead_stack_without_its_supervisor(stack):
    supervisor = int(stack.layout.pid_file("supervisor").read_text())
    victims = [supervisor, stack.pid("kafka"), stack.pid("taskmanager")]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    stack.json("down", "--wipe")
    assert stack.running() == []
    assert [port for port in stack.ports if is_open(port)] == []
    assert {path.name for path in stack.settings.var_dir.iterdir()} <= {"stack"}
