"""Files of the lake, wherever it is: as Hadoop's clients in Flink and Spark find them, and as Python does.

What Hadoop is configured with (``core-site.xml``) says where S3 is, to Python's workers of Spark as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from runtime import secret_files
from runtime.config import Settings
from runtime.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs

_SCHEMES = ("s3a://", "s3://")


def hadoop_options(settings: Settings) -> dict[str, str]:
    """Return what Hadoop must know of S3; nothing where the settings say nothing of it."""
    s3 = settings.s3
    if not s3.used:
        return {}
    found = {
        "hadoop.tmp.dir": str(Layout.at(settings.var_dir).hadoop / "tmp"),
        "fs.s3a.path.style.access": str(s3.path_style).lower(),
        "fs.s3a.endpoint.region": s3.region,
        # Else each file that is written costs a delete for every folder above it.
        "fs.s3a.directory.marker.retention": "keep",
    }
    if s3.url:
        found |= {"fs.s3a.endpoint": s3.url, "fs.s3a.connection.ssl.enabled": str(s3.url.startswith("https:")).lower()}
    if keys := s3.keys():
        found |= dict(zip(("fs.s3a.access.key", "fs.s3a.secret.key"), keys, strict=True))
    return found


def hadoop_conf(settings: Settings) -> str:
    """Return the folder with what Hadoop is configured with; empty where neither settings nor environment name one."""
    if options := hadoop_options(settings):
        return str(_write(settings, options))
    return os.environ.get("HADOOP_CONF_DIR", "")


def _write(settings: Settings, options: dict[str, str]) -> Path:
    folder = Layout.at(settings.var_dir).hadoop
    lines = (
        f"  <property><name>{name}</name><value>{escape(value)}</value></property>" for name, value in options.items()
    )
    text = "\n".join(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""])
    with secret_files.alone(folder):
        if not (folder / "core-site.xml").exists() or (folder / "core-site.xml").read_text() != text:
            secret_files.write(folder / "core-site.xml", text)
    return folder


class Place(NamedTuple):
    """A folder: its URI for Hadoop, and for Python its file system and the path there."""

    uri: str
    files: fs.FileSystem
    path: str

    def within(self, folder: str) -> list[fs.FileInfo]:
        """Return the files of a folder here, and of the folders in it; none if there is no such folder."""
        from pyarrow import fs  # noqa: PLC0415 - as below

        found = self.files.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True))
        return [one for one in found if one.type == fs.FileType.File]


def source(uri: str) -> Path | pa.NativeFile:
    """Return a file for pyarrow: a path if it is local, else the opened object.

    Where S3 is says the ``core-site.xml`` of this process's ``HADOOP_CONF_DIR``, which Spark's workers inherit.
    """
    if not uri.startswith(_SCHEMES):
        return local(uri)
    return _hadoops_s3(os.environ.get("HADOOP_CONF_DIR", "")).open_input_file(uri.partition("://")[2])


def size(uri: str) -> int:
    """Return a file's bytes."""
    if not uri.startswith(_SCHEMES):
        return local(uri).stat().st_size
    found = _hadoops_s3(os.environ.get("HADOOP_CONF_DIR", "")).get_file_info(uri.partition("://")[2])
    return int(found.size)


def local(uri: str) -> Path:
    """Return the path of a local file's URI."""
    return Path(unquote(urlparse(uri).path))


def open_lake(settings: Settings) -> Place:
    """Return the lake's root."""
    return open_place(settings, settings.lake_uri)


def open_place(settings: Settings, uri: str) -> Place:
    """Return the folder at a URI: ``file:/…``, ``file:///…`` or ``s3a://…``."""
    from pyarrow import fs  # noqa: PLC0415 - half a second of import that most commands can do without

    if not uri.startswith(_SCHEMES):
        return Place(uri, fs.LocalFileSystem(), "/" + str(local(uri)).lstrip("/"))
    options = hadoop_options(settings)
    files = _s3(options) if options else _hadoops_s3(os.environ.get("HADOOP_CONF_DIR", ""))
    return Place(uri, files, uri.partition("://")[2].rstrip("/"))


@lru_cache(maxsize=4)
def _hadoops_s3(folder: str) -> fs.FileSystem:
    """Return S3 as Hadoop finds it by a folder with its configuration; without one, as AWS's environment says."""
    path = Path(folder, "core-site.xml")
    options = {}
    if folder and path.exists():
        for one in ET.parse(path).getroot():  # noqa: S314 - our own, or the operator's
            options[one.findtext("name", "")] = one.findtext("value", "")
    return _s3(options)


def _s3(options: Mapping[str, str]) -> fs.FileSystem:
    from pyarrow import fs  # noqa: PLC0415 - as above

    endpoint = options.get("fs.s3a.endpoint", "")
    secure = options.get("fs.s3a.connection.ssl.enabled", "true") == "true"
    where = {"endpoint_override": endpoint.rpartition("://")[2], "scheme": "https" if secure else "http"}
    return fs.S3FileSystem(
        access_key=options.get("fs.s3a.access.key"),
        secret_key=options.get("fs.s3a.secret.key"),
        region=options.get("fs.s3a.endpoint.region", "us-east-1"),
        force_virtual_addressing=bool(endpoint) and options.get("fs.s3a.path.style.access") != "true",
        **(where if endpoint else {}),
    )
