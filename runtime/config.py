"""Settings of every client and of the local stack: environment > ``polyglot.toml`` > the defaults below.

Environment names are ``POLYGLOT_<SECTION>__<FIELD>``, for example ``POLYGLOT_KAFKA__BOOTSTRAP_SERVERS``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from runtime import accounts, s3_keys
from runtime.errors import CommandError, Exit
from runtime.lake_settings import LakeSettings, S3Settings
from runtime.spark_settings import SparkSettings

#: The repository's root: contracts, SQL and job modules are read from here.
ROOT = Path(__file__).resolve().parent.parent
#: This machine's loopback: what is configured to be there, the local stack starts.
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

#: Where the Kafka client in Flink's connector jar has its classes. Spark's has them under their own names.
FLINK_SHADING = "org.apache.flink.kafka.shaded."
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


class KafkaSettings(BaseModel):
    """Broker address and security, passed to every Kafka client (librdkafka, Flink, Spark)."""

    bootstrap_servers: str = "127.0.0.1:19092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = Field(None, description="PEM of the CAs that the broker's certificate may be of")
    ssl_truststore_location: Path | None = Field(None, description="JKS or PKCS#12 in place of it, for JVM clients")
    ssl_truststore_password: SecretStr | None = None
    ssl_keystore_location: Path | None = Field(
        None, description="one PEM with the client's certificate chain and its PKCS#8 key, where brokers ask for it"
    )
    ssl_key_password: SecretStr | None = Field(None, description="of the key, if that is encrypted")
    max_message_bytes: int = Field(16 * 1024 * 1024, description="largest record, bytes: broker, topics, clients")
    retention_ms: int | None = Field(
        -1,
        description="overrides the contract's retention; captures carry record times of years ago, which a broker "
        "with time-based retention deletes within minutes. None applies the contract's",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Refuse half a login: clients would report it minutes later, each in its own words."""
        if self.security_protocol.startswith("SASL_"):
            wanted = ("sasl_mechanism", "sasl_username", "sasl_password")
            if missing := [name for name in wanted if getattr(self, name) is None]:
                raise ValueError(f"security_protocol {self.security_protocol} needs {', '.join(missing)}")
        return self

    def librdkafka(self) -> dict[str, str | int]:
        """Return the properties for confluent-kafka clients."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            **_given({
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
                "ssl.ca.location": self.ssl_ca_location,
                # One file: OpenSSL takes of it what it looks for.
                "ssl.certificate.location": self.ssl_keystore_location,
                "ssl.key.location": self.ssl_keystore_location,
                "ssl.key.password": self.ssl_key_password,
            }),
        }  # fmt: skip

    def java(self, *, shading: str = "") -> dict[str, str]:
        """Return the properties for JVM clients (without the ``properties.``/``kafka.`` prefix of the engines).

        ``shading`` is the prefix that the client's own classes have in its jar: `FLINK_SHADING` or nothing.
        """
        own_store = self.ssl_truststore_location is not None
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            **_given({
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.jaas.config": self._jaas(shading),
                "ssl.truststore.type": "PEM" if self.ssl_ca_location and not own_store else None,
                "ssl.truststore.location": self.ssl_truststore_location if own_store else self.ssl_ca_location,
                "ssl.truststore.password": self.ssl_truststore_password if own_store else None,
                "ssl.keystore.type": "PEM" if self.ssl_keystore_location else None,
                "ssl.keystore.location": self.ssl_keystore_location,
                "ssl.key.password": self.ssl_key_password,
            }),
        }  # fmt: skip

    def _jaas(self, shading: str) -> str | None:
        if self.sasl_mechanism is None or self.sasl_username is None or self.sasl_password is None:
            return None
        username, password = (_quoted(one) for one in (self.sasl_username, self.sasl_password.get_secret_value()))
        return f"{shading}{_LOGIN_MODULES[self.sasl_mechanism]} required username={username} password={password};"


def _given(properties: dict[str, str | Path | SecretStr | None]) -> dict[str, str]:
    """Return what is set, as clients take it."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in properties.items()
        if value is not None
    }


def _quoted(text: str) -> str:
    """Return a value as JAAS configurations write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class ClickHouseSettings(BaseModel):
    """The ClickHouse HTTP endpoint: the local gateway or a real server."""

    enabled: bool = Field(True, description="whether the analytics job writes to it")
    host: str = "127.0.0.1"
    port: int = 18123
    username: str = "polyglot"
    password: SecretStr | None = Field(None, description="None: the one that `polyglot up` made for the local gateway")
    database: str = "polyglot"
    secure: bool = Field(False, description="HTTPS")
    ca_location: Path | None = Field(
        None, description="PEM of the CAs that may have signed its certificate, beside HTTPS; else the well-known ones"
    )
    # Of the stack in `Settings.var_dir`, which fills it in.
    _accounts_file: Path | None = PrivateAttr(None)

    @property
    def accounts_file(self) -> Path | None:
        """Return where the local gateway's accounts are kept; None if the endpoint is on another machine."""
        return self._accounts_file if self.host in LOOPBACK_HOSTS else None

    @property
    def url(self) -> str:
        """Return the endpoint as ``http(s)://host:port``."""
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"

    def find_password(self) -> str:
        """Return the password that is set, else what the local gateway's accounts say now.

        The accounts are made by `polyglot up`, which may be after these settings were read.

        Raises:
            CommandError: neither is there.
        """
        if self.password is not None:
            return self.password.get_secret_value()
        if self.accounts_file is None:
            text = f"no password for ClickHouse at {self.url}: set POLYGLOT_CLICKHOUSE__PASSWORD"
            raise CommandError(text, code=Exit.USAGE)
        known = accounts.read(self.accounts_file)
        if self.username not in known:
            text = (
                f"the local ClickHouse knows no user {self.username!r} yet" if known else "no ClickHouse password yet"
            )
            way = "start the stack with `polyglot up`, or set POLYGLOT_CLICKHOUSE__PASSWORD"
            raise CommandError(f"{text}: {way}", code=Exit.UNAVAILABLE)
        return known[self.username]["password"]

    def login(self) -> dict[str, Any]:
        """Return the arguments of ``clickhouse_connect.get_client``, all but the database."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.find_password(),
            "secure": self.secure,
            "ca_cert": str(self.ca_location) if self.ca_location else None,
        }


#: Behind the names of bounded jobs and of their consumer groups: the live ones' offsets are not their own.
BOUNDED_SUFFIX = "-bounded"


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
    state_uri: str = Field(
        "", description="where checkpoints and savepoints are; empty: `<var_dir>/flink`, or the stack's own S3 server"
    )
    checkpoint_interval_s: float = 10.0
    idle_after_s: float = Field(
        2.0,
        gt=0,
        description="how long a partition must have been silent before watermarks go on without it. A watermark says "
        "when a bar is first published, never what is kept, and open windows are published every 2 s anyway",
    )
    latency_factor: float = Field(
        1.0,
        ge=1,
        description="how much longer records may wait to be handed on together, at the broker and between tasks. The "
        "latency objectives are for 1; more is for a machine that has better things to do than to ask for nothing",
    )
    bounded: bool = Field(
        False,
        description="whether jobs read up to where their topics end when they are submitted, and finish",
    )
    replay: Path | None = Field(
        None,
        description="what a bounded replay asks of its jobs, a file of `polyglot replay --engine flink`",
    )
    expired: Literal["fail", "skip"] = Field(
        "fail",
        description="what a job does that starts from a checkpoint whose place in a topic retention has cut: it fails, "
        "or goes on where the topic now begins. `polyglot submit` sets it when told to",
    )
    fill: Path | None = Field(
        None,
        description="folder of what normalize reads before a shard's first record: Bronze's copy of what retention has "
        "cut. `polyglot submit --fill` makes it",
    )
    python_mode: Literal["process", "thread"] = Field(
        "thread",
        description="where kernels run: in threads of the TaskManager, or in worker processes beside it. Threads spare "
        "the way between the processes and 300 MB for each fold; but a crash of native code ends the TaskManager, and "
        "new code needs a new one, which `polyglot submit` sees to on a local stack",
    )
    taskmanager_memory_mb: int = 3840
    taskmanager_slots: int = 12

    @property
    def url(self) -> str:
        """Return the REST endpoint and web UI."""
        return f"http://{self.host}:{self.rest_port}"

    @property
    def suffix(self) -> str:
        """Return the suffix of the names of jobs and of their consumer groups: a bounded run has its own."""
        if self.replay is not None:
            return f"-{self.replay.stem}"
        return BOUNDED_SUFFIX if self.bounded else ""

    def patience_ms(self, least_ms: int) -> int:
        """Return how long records may wait, ms: ``least_ms`` times ``latency_factor``."""
        return round(self.latency_factor * least_ms)

    @property
    def first_metrics_port(self) -> int:
        """Return the JobManager's Prometheus port; 0 where there is none."""
        return self.rest_port + 2 if self.metrics_port is None else self.metrics_port


class RedisSettings(BaseModel):
    """The Redis-protocol server."""

    host: str = "127.0.0.1"
    port: int = 16379
    password: SecretStr | None = None


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


class MaintenanceSettings(BaseModel):
    """``polyglot tables maintain --watch``: upkeep of the lake without an operator."""

    enabled: bool = Field(False, description="whether `polyglot up` starts it; with Spark it takes 1 to 2 GB at times")
    watch_s: float = Field(300.0, gt=0, description="how often it looks what is due, seconds")


class AirflowSettings(BaseModel):
    """``make airflow``: Airflow on loopback, in an environment of its own."""

    environment: Path = Field(ROOT / ".venv-airflow", description="where `make airflow-setup` has put it")
    port: int = Field(18088, description="of its server: pages and API")

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.port}"


class RegistrySettings(BaseModel):
    """A Confluent-compatible schema registry; without a URL the ids pinned in ``schemas/ids.lock`` are used."""

    url: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    import_ids: bool = Field(
        False, description="tell it the pinned ids (Confluent's IMPORT mode), for one that would count differently"
    )

    @property
    def login(self) -> tuple[str, str] | None:
        """Return user and password for HTTP's basic authentication, where both are set."""
        return (self.username, self.password.get_secret_value()) if self.username and self.password else None


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
    s3: S3Settings = S3Settings()
    registry: RegistrySettings = RegistrySettings()
    metrics: MetricsSettings = MetricsSettings()
    repair: RepairSettings = RepairSettings()
    adjust: AdjustSettings = AdjustSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    airflow: AirflowSettings = AirflowSettings()
    spark: SparkSettings = SparkSettings()

    @model_validator(mode="after")
    def _know_the_accounts(self) -> Self:
        """Tell the clients' settings where this stack keeps its accounts.

        A stack that was made with an S3 server has its lake there, whatever command looks for it.
        """
        keys = s3_keys.place(self.var_dir.resolve())
        self.s3 = self.s3.model_copy(update={"enabled": self.s3.enabled or keys.exists()})
        self.s3._keys_file = keys  # noqa: SLF001
        self.clickhouse = self.clickhouse.model_copy()  # the default is one object for all
        self.clickhouse._accounts_file = accounts.place(self.var_dir.resolve())  # noqa: SLF001
        return self

    @property
    def replays_dir(self) -> Path:
        """Return the folder for what replays write: all of Spark's executors have it at this path."""
        return (self.spark.shared_dir or self.var_dir).resolve()

    @property
    def lake_uri(self) -> str:
        """Return the lake's root URI, without a trailing slash."""
        return (self.lake.uri or f"{self._root}/lake").rstrip("/")

    @property
    def checkpoints_uri(self) -> str:
        """Return where Flink keeps checkpoints."""
        return f"{self._state}/checkpoints"

    @property
    def savepoints_uri(self) -> str:
        """Return where Flink keeps savepoints."""
        return f"{self._state}/savepoints"

    @property
    def _state(self) -> str:
        return (self.flink.state_uri or f"{self._root}/flink").rstrip("/")

    @property
    def _root(self) -> str:
        return f"s3a://{self.s3.bucket}" if self.s3.enabled else f"file://{self.var_dir.resolve()}"

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
