"""Security settings as each client takes them, with passwords that hold what its notation uses itself."""

import re
import ssl
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr, ValidationError
from support.certificates import sign

from devstack.local.probes import probe_clickhouse
from flink_jobs.io import stores, topics
from runtime.config import FLINK_SHADING, ClickHouseSettings, KafkaSettings, Settings

AWKWARD = r"""it's "quoted" \ and; = {odd}"""
LOGIN = {"security_protocol": "SASL_SSL", "sasl_username": "al'ice", "sasl_password": SecretStr(AWKWARD)}


def login(mechanism="PLAIN", **more):
    return KafkaSettings(sasl_mechanism=mechanism, **LOGIN, **more)


def jaas(text):
    """Read a JAAS entry: module, flag, and values in which a backslash stands before what is meant literally."""
    entry = re.fullmatch(r'(\S+) required username="((?:[^"\\]|\\.)*)" password="((?:[^"\\]|\\.)*)";', text)
    assert entry, text
    return entry[1], *(re.sub(r"\\(.)", r"\1", value) for value in entry.groups()[1:])


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize(("engine", "jar", "shading"), [
    ("flink", "flink-sql-connector-kafka-*.jar", FLINK_SHADING), ("spark", "kafka-clients-*.jar", ""),
])  # fmt: skip
def test_the_login_module_is_a_class_of_the_clients_own_jar(mechanism, engine, jar, shading):
    (path,) = (Settings().cache_dir / "jars" / engine).glob(jar)
    module, username, password = jaas(login(mechanism).java(shading=shading)["sasl.jaas.config"])
    assert module.replace(".", "/") + ".class" in zipfile.ZipFile(path).namelist()
    assert (username, password) == ("al'ice", AWKWARD)


@pytest.mark.parametrize(
    "make", [lambda conf: topics.consumer(conf, topics.SHARDS), topics.producer], ids=["in", "out"]
)
def test_every_kafka_client_of_flink_logs_in_with_the_shaded_module(make):
    found = make(Settings(kafka=login("SCRAM-SHA-512")))
    module, username, password = jaas(found["sasl.jaas.config"])
    assert module == FLINK_SHADING + "org.apache.kafka.common.security.scram.ScramLoginModule"
    assert (username, password) == ("al'ice", AWKWARD)
    assert found["sasl.mechanism"] == "SCRAM-SHA-512"
    assert found["security.protocol"] == "SASL_SSL"


def test_the_sink_of_clickhouse_gets_the_password_as_it_is():
    conf = Settings(clickhouse={"secure": True, "password": AWKWARD, "ca_location": "/etc/it's/ca.pem"})
    sink = stores.clickhouse_options(conf, "bars")
    assert (sink["password"], sink["ca-location"]) == (AWKWARD, "/etc/it's/ca.pem")
    assert sink["url"].startswith("https://")


def test_librdkafka_gets_the_password_as_it_is():
    conf = login().librdkafka()
    assert (conf["sasl.mechanism"], conf["sasl.username"], conf["sasl.password"]) == ("PLAIN", "al'ice", AWKWARD)
    AdminClient({**conf, "bootstrap.servers": "127.0.0.1:1", "log_level": 0})  # refuses properties it does not know


def test_certificates_reach_both_kinds_of_clients():
    conf = login(ssl_ca_location="/ca.pem", ssl_keystore_location="/me.pem", ssl_key_password=SecretStr("k'"))
    assert {name: value for name, value in conf.librdkafka().items() if name.startswith("ssl.")} == {
        "ssl.ca.location": "/ca.pem", "ssl.certificate.location": "/me.pem", "ssl.key.location": "/me.pem",
        "ssl.key.password": "k'",
    }  # fmt: skip
    java = {name: value for name, value in conf.java().items() if name.startswith("ssl.")}
    assert java == {
        "ssl.truststore.type": "PEM", "ssl.truststore.location": "/ca.pem",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": "/me.pem", "ssl.key.password": "k'",
    }  # fmt: skip
    assert topics.consumer(Settings(kafka=conf), topics.SHARDS).items() >= java.items()
    assert topics.producer(Settings(kafka=conf)).items() >= java.items()


def test_a_truststore_takes_the_place_of_the_pem_for_java_only():
    conf = login(
        ssl_ca_location="/ca.pem", ssl_truststore_location="/trust.jks", ssl_truststore_password=SecretStr("t")
    )
    java = conf.java()
    assert (java["ssl.truststore.location"], java["ssl.truststore.password"]) == ("/trust.jks", "t")
    assert "ssl.truststore.type" not in java
    assert conf.librdkafka()["ssl.ca.location"] == "/ca.pem"


def test_without_security_settings_no_property_is_given():
    assert (
        set(KafkaSettings().librdkafka()) == set(KafkaSettings().java()) == {"bootstrap.servers", "security.protocol"}
    )


@pytest.mark.parametrize("mechanism", ["GSSAPI", "OAUTHBEARER", "plain"])
def test_other_mechanisms_are_refused_with_the_known_ones(mechanism):
    with pytest.raises(ValidationError, match="'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'"):
        login(mechanism)


def test_half_a_login_is_refused_and_says_what_is_missing():
    with pytest.raises(ValidationError, match="SASL_SSL needs sasl_mechanism, sasl_password"):
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="alice")


def test_clickhouse_clients_trust_the_given_authorities():
    at = ClickHouseSettings(secure=True, ca_location="/ca.pem", password=SecretStr(AWKWARD)).login()
    assert (at["secure"], at["ca_cert"], at["password"]) == (True, "/ca.pem", AWKWARD)
    assert ClickHouseSettings(password=SecretStr("p")).login()["ca_cert"] is None


@contextmanager
def https_server(certificate):
    """Answer every POST with a version, over TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"26.9\n")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_the_probe_of_clickhouse_trusts_the_given_authorities_only(tmp_path):
    files = sign(tmp_path)
    with https_server(files.server) as port:
        at = ClickHouseSettings(port=port, password=SecretStr("p"), secure=True)
        assert probe_clickhouse(at.model_copy(update={"ca_location": files.ca})).version == "26.9"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            probe_clickhouse(at)
