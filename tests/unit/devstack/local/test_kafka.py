import base64

from devstack.local import probes
from devstack.local.kafka import broker, broker_port, cluster_id, server_properties, version
from runtime.config import Settings


def test_everything_listens_on_loopback():
    properties = server_properties(19092, "/data", 1000)
    assert properties["listeners"] == "BROKER://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert properties["advertised.listeners"] == "BROKER://127.0.0.1:19092"


def test_old_and_future_record_times_are_accepted_and_kept():
    properties = server_properties(19092, "/data", 1000)
    assert properties["log.message.timestamp.type"] == "CreateTime"
    assert properties["log.retention.ms"] == "-1"
    # The broker's default refuses records stamped more than an hour ahead of its own clock.
    assert int(properties["log.message.timestamp.after.max.ms"]) == 2**63 - 1
    assert int(properties["log.message.timestamp.before.max.ms"]) == 2**63 - 1


def test_a_large_record_passes_every_limit():
    properties = server_properties(19092, "/data", 90_000_000)
    for name in ("message.max.bytes", "replica.fetch.max.bytes", "fetch.max.bytes"):
        assert int(properties[name]) >= 90_000_000, name


def test_topics_are_never_created_by_accident():
    assert server_properties(1, "/data", 1)["auto.create.topics.enable"] == "false"


def test_the_first_bootstrap_server_is_the_one_to_start(tmp_path):
    settings = Settings(var_dir=tmp_path, kafka={"bootstrap_servers": "127.0.0.1:1234,other:9092"})
    assert broker_port(settings) == ("127.0.0.1", 1234)
    assert set(broker(settings).ports) == {1234, 1235}
    assert broker(settings).managed


def test_a_broker_elsewhere_is_not_ours_to_start(tmp_path):
    settings = Settings(var_dir=tmp_path, kafka={"bootstrap_servers": "broker.example:9092"})
    assert not broker(settings).managed


def test_the_cluster_keeps_its_id(tmp_path):
    path = tmp_path / "cluster.id"
    fresh = cluster_id(path)
    assert len(base64.urlsafe_b64decode(fresh + "==")) == 16
    path.write_text(fresh + "\n")
    assert cluster_id(path) == fresh


def test_the_version_is_that_of_the_jars(tmp_path):
    assert version(tmp_path) == ""
    for name in ("kafka-server-4.1.1.jar", "kafka-server-common-9.9.9.jar", "kafka-clients-8.8.8.jar"):
        (tmp_path / name).touch()
    assert version(tmp_path) == "4.1.1"


def test_a_broker_of_ours_has_a_version_and_one_elsewhere_tells_none(tmp_path, monkeypatch):
    jars = tmp_path / "jars" / "kafka"
    jars.mkdir(parents=True)
    (jars / "kafka-server-4.1.1.jar").touch()
    told = {}
    monkeypatch.setattr(
        "devstack.local.kafka.probe_kafka",
        lambda conf, version: told.update({conf["bootstrap.servers"]: version}) or probes.Answer(version),
    )
    for servers in ("127.0.0.1:19092", "kafka.example.org:9092"):
        broker(Settings(cache_dir=tmp_path, var_dir=tmp_path, kafka={"bootstrap_servers": servers})).probe()
    assert told == {"127.0.0.1:19092": "4.1.1", "kafka.example.org:9092": ""}
