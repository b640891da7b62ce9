"""Settings of the lake: where its tables are, and what ``s3a://`` is."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, PrivateAttr, SecretStr

from runtime import s3_keys


class LakeSettings(BaseModel):
    """Where the Hudi tables are: a URI of a Hadoop file system.

    Empty means ``<var_dir>/lake``, or the bucket of the stack's own S3 server where there is one.
    """

    enabled: bool = Field(True, description="whether jobs write their lake tables; ingest writes nothing else")
    uri: str = ""


class S3Settings(BaseModel):
    """What ``s3a://`` is: a server of this stack (``polyglot up --with s3``), another one, or Amazon's."""

    enabled: bool = Field(
        False, description="whether `polyglot up` starts a server, and the lake and Flink's state are there"
    )
    port: int = Field(18333, description="of that server; it takes this one and the ten that follow")
    bucket: str = Field("polyglot", description="of the lake and of Flink's state on that server")
    endpoint: str = Field("", description="URL of a server elsewhere; empty: the stack's own, or else Amazon's")
    region: str = "us-east-1"
    path_style: bool = Field(True, description="whether the bucket is in the path, not in the host's name")
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    _keys_file: Path | None = PrivateAttr(None)

    @property
    def url(self) -> str:
        """Return the server's address; empty for Amazon's."""
        return self.endpoint or (f"http://127.0.0.1:{self.port}" if self.enabled else "")

    @property
    def used(self) -> bool:
        """Return whether anything is said here: else Hadoop and the environment say where S3 is."""
        return bool(self.url or self.access_key)

    def keys(self) -> tuple[str, str] | None:
        """Return access key and secret key: those that are set, else those that the stack has made."""
        if self.access_key and self.secret_key:
            return self.access_key.get_secret_value(), self.secret_key.get_secret_value()
        return s3_keys.read(self._keys_file) if self._keys_file and not self.endpoint else None
