"""Settings of Spark."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class SparkSettings(BaseModel):
    """Where Spark runs: in this process tree, or on a cluster that it is a client of."""

    master: str = Field(
        "local[2]", description="Spark's master: local[n], spark://host:port, k8s://https://host:port or yarn"
    )
    driver_host: str | None = Field(
        None,
        description="address at which executors reach the driver; None: loopback if Spark is local, else Spark's guess",
    )
    memory_mb: int = Field(2048, description="heap of the driver, which is the whole engine if Spark is local")
    executor_memory_mb: int = Field(2048, description="heap of each executor")
    executor_cores: int = Field(1, ge=1, description="how many tasks an executor runs at once")
    cores: int = Field(2, ge=1, description="how many tasks a cluster runs for us at once, all executors together")
    jars_dir: Path | None = Field(
        None, description="where executors have the jars of `polyglot build`; None: where we do"
    )
    archive: str | None = Field(
        None,
        description="packed environment that executors unpack: a URI of a .tar.gz or .zip that has this project's "
        "packages at its top, and its interpreter where `python` says",
    )
    python: str | None = Field(
        None, description="executors' Python; one in the archive begins with ./environment; None: the path of ours"
    )
    shared_dir: Path | None = Field(
        None, description="folder that all executors have at this path, for what replays write; None: var_dir"
    )
    conf: dict[str, str] = Field(default_factory=dict, description="Spark's own options, on top of ours")

    @property
    def local(self) -> bool:
        """Whether Spark runs on this machine alone."""
        return self.master.startswith("local")
