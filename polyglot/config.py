"""Settings of every client and of the local stack: environment > ``polyglot.toml`` > the defaults below.

Environment names are ``POLYGLOT_<SECTION>__<FIELD>``, for example ``POLYGLOT_KAFKA__BOOTSTRAP_SERVERS``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

#: The repository's root: contracts, SQL and job modules are read from here.
ROOT = Path(__file__).resolve().parent.parent


class KafkaSettings(BaseModel):
    """Broker address and security, passed unchanged to every Kafka client (librdkafka, Flink, Spark)."""

    bootstrap_servers: str = "127.0.0.1:19092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = None
    ssl_truststore_location: Path | None = None
    ssl_truststore_password: SecretStr | None = None
    max_message_bytes: int = Field(16 * 1024 * 1024, description="largest record, bytes: broker, topics, clients")
    retention_ms: int | None = Field(
        -1,
        description="overrides the contract's retention; captures carry record times of years ago, which a broker "
        "with time-based retention deletes within minutes. None applies the contract's",
    )

    def librdkafka(self) -> dict[str, str | int]:
        """Return the properties for confluent-kafka clients."""
        conf: dict[str, str | int] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.sasl_mechanism:
            conf["sasl.mechanism"] = self.sasl_mechanism
        if self.sasl_username:
            conf["sasl.username"] = self.sasl_username
        if self.sasl_password:
            conf["sasl.password"] = self.sasl_password.get_secret_value()
        if self.ssl_ca_location:
            conf["ssl.ca.location"] = str(self.ssl_ca_location)
        return conf

    def java(self) -> dict[str, str]:
        """Return the properties for JVM clients (without the ``properties.``/``kafka.`` prefix of the engines)."""
        conf = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        if self.sasl_mechanism:
            conf["sasl.mechanism"] = self.sasl_mechanism
        if self.sasl_username and self.sasl_password:
            module = "plain.PlainLoginModule" if self.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
            conf["sasl.jaas.config"] = (
                f"org.apache.kafka.common.security.{module} required "
                f'username="{self.sasl_username}" password="{self.sasl_password.get_secret_value()}";'
            )
        if self.ssl_truststore_location:
            conf["ssl.truststore.location"] = str(self.ssl_truststore_location)
        if self.ssl_truststore_password:
            conf["ssl.truststore.password"] = self.ssl_truststore_password.get_secret_value()
        return conf


class ClickHouseSettings(BaseModel):
    """The ClickHouse HTTP endpoint: the local gateway or a real server."""

    enabled: bool = Field(True, description="whether the analytics job writes to it")
    host: str = "127.0.0.1"
    port: int = 18123
    username: str = "polyglot"
    password: SecretStr = SecretStr("polyglot")
    database: str = "polyglot"
    secure: bool = False

    @property
    def url(self) -> str:
        """Return the endpoint as ``http(s)://host:port``."""
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"


class FlinkSettings(BaseModel):
    """The JobManager's REST endpoint and what every job is started with."""

    host: str = "127.0.0.1"
    rest_port: int = 18081
    metrics_port: int | None = Field(
        None,
        ge=0,
        description="Prometheus endpoint of the JobManager, the next one is the TaskManager's; None: behind the REST "
        "and the RPC port, 0: no endpoint",
    )
    parallelism: int = 1
    checkpoint_interval_s: float = 10.0
    idle_after_s: float = Field(
        120.0,
        gt=0,
        description="how long a partition must have been silent before watermarks go on without it. Shorter would "
        "call a partition idle that only waits its turn (on a loaded machine 15 s were too short for a backlog after "
        "a restart), and the windows would drop its rows. They are fired early as well, so an idle partition delays "
        "no bar by this much",
    )
    taskmanager_memory_mb: int = 3840
    taskmanager_slots: int = 12

    @property
    def url(self) -> str:
        """Return the REST endpoint and web UI."""
        return f"http://{self.host}:{self.rest_port}"

    @property
    def first_metrics_port(self) -> int:
        """Return the JobManager's Prometheus port; 0 where there is none."""
        return self.rest_port + 2 if self.metrics_port is None else self.metrics_port


class RedisSettings(BaseModel):
    """The Redis-protocol server."""

    host: str = "127.0.0.1"
    port: int = 16379
    password: SecretStr | None = None


class LakeSettings(BaseModel):
    """Where the Hudi tables are: a URI of a Hadoop file system; empty means ``<var_dir>/lake``."""

    enabled: bool = Field(True, description="whether jobs write their lake tables; ingest writes nothing else")
    uri: str = ""


class MetricsSettings(BaseModel):
    """The endpoint of ``polyglot metrics --serve``, on loopback."""

    enabled: bool = Field(False, description="whether `polyglot up` starts it")
    port: int = 18090
    refresh_s: float = Field(10.0, description="how old an answer may be: each one reads whole topics")

    @property
    def url(self) -> str:
        """Return the endpoint."""
        return f"http://127.0.0.1:{self.port}/metrics"


class RepairSettings(BaseModel):
    """``polyglot repair --watch``: restated bars without an operator."""

    enabled: bool = Field(False, description="whether `polyglot up` starts it; with Spark it takes 1 to 2 GB")
    rest_s: float = Field(60.0, ge=0, description="pause between two answers, seconds")


class AdjustSettings(BaseModel):
    """``polyglot adjust --watch``: adjusted series as reference data come."""

    enabled: bool = Field(False, description="whether `polyglot up` starts it; with Spark it takes 1 to 2 GB")
    watch_s: float = Field(60.0, gt=0, description="how often it looks for new reference data, seconds")


class RegistrySettings(BaseModel):
    """A Confluent-compatible schema registry; without a URL the ids pinned in ``schemas/ids.lock`` are used."""

    url: str | None = None
    username: str | None = None
    password: SecretStr | None = None


class Settings(BaseSettings):
    """Everything that may differ between a laptop, CI and production."""

    model_config = SettingsConfigDict(
        env_prefix="POLYGLOT_", env_nested_delimiter="__", toml_file="polyglot.toml", extra="forbid"
    )

    var_dir: Path = Field(ROOT / "var", description="runtime data, logs and pids of the local stack")
    cache_dir: Path = Field(ROOT / ".cache", description="downloads that survive `down --wipe`")
    quality_file: Path = Field(
        ROOT / "schemas" / "quality.toml", description="data-quality rules; a job keeps those it was submitted with"
    )
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    flink: FlinkSettings = FlinkSettings()
    redis: RedisSettings = RedisSettings()
    lake: LakeSettings = LakeSettings()
    registry: RegistrySettings = RegistrySettings()
    metrics: MetricsSettings = MetricsSettings()
    repair: RepairSettings = RepairSettings()
    adjust: AdjustSettings = AdjustSettings()

    @property
    def lake_uri(self) -> str:
        """Return the lake's root URI, without a trailing slash."""
        return (self.lake.uri or f"file://{self.var_dir.resolve()}/lake").rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, the TOML file, secret files."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls), file_secret_settings


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return this process's settings, read once."""
    return Settings()
