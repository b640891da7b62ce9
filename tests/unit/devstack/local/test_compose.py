"""The compose file, offline: by the real tool where it is installed, and by its structure everywhere."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from collectors.run import CHECKPOINTS
from devstack.local.kafka import server_properties
from runtime.config import ROOT, Settings

FILE = ROOT / "docker-compose.yml"
#: What `make env` writes.
SECRETS = {"CLICKHOUSE_PASSWORD": "ClickHouse-password", "S3_SECRET_KEY": "key-of-the-lake"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


@pytest.fixture
def config(tmp_path):
    """Return a function that has the real tool read the file, with these variables and nobody's `.env`."""
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    (tmp_path / "empty").touch()

    def run(**variables):
        return subprocess.run(
            ["docker-compose", "--file", str(FILE), "--env-file", str(tmp_path / "empty"), "config", "--quiet"],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore", **variables},
        )  # fmt: skip

    return run


def test_the_real_tool_accepts_it(config):
    done = config(**SECRETS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["CLICKHOUSE_PASSWORD", "S3_SECRET_KEY"])
def test_the_real_tool_says_which_password_is_missing_and_what_makes_it(config, name):
    done = config(**{**SECRETS, name: ""})
    assert done.returncode != 0
    assert "make env writes it into .env" in done.stderr


@pytest.mark.parametrize("name", ["CLICKHOUSE_PASSWORD", "S3_SECRET_KEY"])
def test_every_password_is_asked_for_and_none_has_a_default(name):
    text = FILE.read_text()
    uses = re.findall(rf"\$\{{{name}(.*?)\}}", text)
    assert uses
    assert set(uses) == {":?make env writes it into .env"}
    assert re.search(rf"^env:.*\n(.*\\\n)*?.*{name}", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_only_what_logs_in_to_clickhouse_has_its_password(services):
    with_it = {name for name, one in services.items() if "ClickHouse-password" in str(_filled(one.get("environment")))}
    assert with_it == {"clickhouse", "init", "cli"}


def test_no_password_is_on_the_command_line_of_a_health_check(services):
    checks = [str(one["healthcheck"]["test"]) for one in services.values() if "healthcheck" in one]
    assert not [check for check in checks if "PASSWORD" in check.upper()]


def test_the_image_has_none_of_the_files_with_passwords():
    kept_out = (ROOT / "devstack/local/docker/Dockerfile.dockerignore").read_text().splitlines()
    assert {".env", "polyglot.toml", "var"} <= set(kept_out)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "polyglot.toml", "var/"} <= set(ignored)


def _filled(environment):
    """Return the variables as the tool fills them in: from `.env`, else with their defaults."""
    return {
        name: re.sub(r"\$\{(\w+):[-?](.*?)\}", lambda found: SECRETS.get(found[1], found[2]), str(value))
        for name, value in (environment or {}).items()
    }


def test_every_service_of_the_local_stack_and_what_production_adds_is_there(services):
    assert set(services) >= {"kafka", "jobmanager", "taskmanager", "clickhouse", "redis", "s3", "registry"}


def test_ports_are_published_on_loopback_only(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    hosts = [str(port).split(":")[1] for port in published]
    assert len(set(hosts)) == len(hosts), "two services publish one port"


def test_published_ports_are_the_defaults_of_the_settings(services):
    defaults = Settings()
    published = {name: [str(port) for port in one.get("ports", [])] for name, one in services.items()}
    broker = defaults.kafka.bootstrap_servers.rpartition(":")[2]
    assert any(f"127.0.0.1:{broker}:" in port for port in published["kafka"])
    assert f"127.0.0.1:{defaults.flink.rest_port}:18081" in published["jobmanager"]
    assert f"127.0.0.1:{defaults.flink.first_metrics_port}:18083" in published["jobmanager"]
    assert f"127.0.0.1:{defaults.flink.first_metrics_port + 1}:18084" in published["taskmanager"]
    assert f"127.0.0.1:{defaults.metrics.port}:18090" in published["metrics"]
    assert f"127.0.0.1:{defaults.clickhouse.port}:8123" in published["clickhouse"]
    assert f"127.0.0.1:{defaults.redis.port}:6379" in published["redis"]


def test_every_service_has_a_memory_limit(services):
    assert [name for name, one in services.items() if "mem_limit" not in one] == []


def test_everything_that_stays_up_has_a_health_check_and_comes_back(services):
    once = {"init", "bucket", "cli"}
    for name in services.keys() - once:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name


def test_dependencies_wait_for_health_and_for_set_up(services):
    for name, one in services.items():
        for other, wait in one.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}, which has none"
            else:
                assert wait["condition"] == "service_completed_successfully", name


def test_images_are_pinned(services):
    for name, one in services.items():
        assert re.search(r":(?!latest$)[\w.-]*\d[\w.-]*$", one["image"]), f"{name}: {one['image']}"


def test_named_volumes_are_declared_and_nothing_of_the_host_is_mounted(compose, services):
    used = {volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_the_broker_is_configured_as_the_local_one(services):
    environment = services["kafka"]["environment"]
    local = server_properties(19092, FILE, Settings().kafka.max_message_bytes)
    for name in (
        "auto.create.topics.enable", "log.message.timestamp.type", "log.message.timestamp.before.max.ms",
        "log.message.timestamp.after.max.ms", "log.retention.ms", "message.max.bytes", "replica.fetch.max.bytes",
        "transaction.max.timeout.ms",
    ):  # fmt: skip
        assert environment["KAFKA_" + name.replace(".", "_").upper()] == local[name], name


def test_the_broker_writes_to_its_volume(services):
    folders = [volume.split(":")[1] for volume in services["kafka"]["volumes"]]
    assert services["kafka"]["environment"]["KAFKA_LOG_DIRS"] in folders


def test_set_up_does_what_up_does_after_a_start(services):
    (script,) = services["init"]["command"]
    steps = [step.strip() for step in script.split("&&")]
    assert steps == [
        "python -m polyglot.cli topics --apply",
        "python -m polyglot.cli contracts register",
        "python -m operations.migrate",
    ]
    assert services["init"]["depends_on"].keys() >= {"kafka", "registry", "clickhouse"}
    for name in ("jobmanager", "taskmanager", "cli"):
        assert _waits_for(services, name) >= {"init", "registry"}, name


def _waits_for(services, name):
    direct = set(services[name].get("depends_on", {}))
    return direct.union(*(_waits_for(services, other) for other in direct))


def test_what_commands_remember_outlives_their_container(services):
    home = re.search(r"POLYGLOT_VAR_DIR=(\S+)", (ROOT / "devstack/local/docker/Dockerfile").read_text())[1]
    kept = {volume.split(":")[1] for volume in services["cli"]["volumes"]}
    assert kept == {
        f"{home}/{folder}" for folder in ("jobs", "releases", CHECKPOINTS, "flink/checkpoints", "flink/savepoints")
    }  # fmt: skip


def test_the_volumes_folders_belong_to_the_images_user(services):
    text = (ROOT / "devstack/local/docker/Dockerfile").read_text()
    for volume in services["cli"]["volumes"]:
        assert re.search(rf"{volume.split(':')[1]}\s", text[: text.index("USER polyglot")]), volume


def test_spark_fits_into_the_command_lines_container(services):
    heap_mb = Settings().spark.memory_mb
    limit = re.fullmatch(r"(\d+)g", services["cli"]["mem_limit"])
    # Beside the heap: the JVM's own memory, the driver's Python and two workers.
    assert int(limit[1]) * 1024 >= heap_mb + 1536


def test_clients_are_chosen_by_configuration_that_exists(services, monkeypatch):
    for name in list(os.environ):
        if name.startswith("POLYGLOT_"):
            monkeypatch.delenv(name)
    for name, value in _filled(services["cli"]["environment"]).items():
        monkeypatch.setenv(name, value)
    settings = Settings()  # raises on a name or value that the settings do not know
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.flink.url == "http://jobmanager:18081"
    assert settings.clickhouse.login()["password"] == SECRETS["CLICKHOUSE_PASSWORD"]
    assert settings.lake_uri == "s3a://lake"
    assert settings.registry.url == "http://registry:8081"
    # A registry that counts by itself never gives the pinned ids: the lock has skipped numbers.
    assert settings.registry.import_ids


def test_the_image_uses_the_same_lock_and_poms_as_the_local_stack():
    text = (ROOT / "devstack" / "local" / "docker" / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in text
    assert "runtime/jars/pom.xml package" in text
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE):
        assert (ROOT / source).exists(), source
