"""The gateway's settings and limits: ``POLYGLOT_GATEWAY__<FIELD>``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MB = 1_000_000
GB = 1_000_000_000


class RoleLimits(BaseModel):
    """What one query of a role may take; a client's own settings may only lower them."""

    max_memory_bytes: int = 1 * GB
    max_execution_s: int = 60
    max_result_bytes: int = 1 * GB
    max_disk_bytes: int = Field(4 * GB, description="of temporary files, where a sort or a join does not fit in memory")


class Roles(BaseModel):
    """The limits by role."""

    reader: RoleLimits = RoleLimits()
    writer: RoleLimits = RoleLimits(max_execution_s=300)
    admin: RoleLimits = RoleLimits(max_execution_s=900, max_result_bytes=64 * GB, max_disk_bytes=16 * GB)


class EngineLimits(BaseModel):
    """What the engine's process gets to know of the settings."""

    confinement: Literal["on", "off"] = Field(
        "on", description="off: SQL that slips past the lists can reach the machine"
    )
    max_memory_bytes: int = Field(1_500 * MB, description="of all queries together")
    max_file_bytes: int = Field(64 * GB, description="of one file in the store")
    max_sessions: int = Field(64, description="open sessions of one user; drivers open one for each client")
    max_session_bytes: int = Field(200 * MB, description="of the temporary tables in all sessions of one user")
    roles: Roles = Roles()


class GatewaySettings(EngineLimits, BaseSettings):
    """Everything; users come from a file (see `users`)."""

    model_config = SettingsConfigDict(env_prefix="POLYGLOT_GATEWAY__", env_nested_delimiter="__", extra="ignore")

    workers: int = Field(8, ge=1, le=40, description="statements that run at a time")
    workers_per_user: int = Field(6, description="of them, by one user")
    max_waiting: int = Field(128, description="requests that wait for a worker")
    max_wait_s: float = 60.0
    max_request_bytes: int = Field(4 * GB, description="a body as it comes")
    max_decompressed_bytes: int = Field(16 * GB, description="a body after decompression")
    max_buffered_bytes: int = Field(16 * MB, description="of a result that waits for its end in memory; then on disk")
    header_timeout_s: float = Field(10.0, description="from the first byte of a request to the end of its headers")
    body_timeout_s: float = Field(60.0, description="between two parts of a body")
    send_timeout_s: float = Field(60.0, description="a client that does not read")
    max_connections: int = 512
    allowed_hosts: list[str] = Field([], description="names beside those of loopback that a Host header may have")
    allowed_origins: list[str] = Field([], description="origins of web pages that may ask, as https://host:port")
