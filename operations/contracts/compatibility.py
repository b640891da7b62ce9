"""What one version of a contract may change against another, as messages a person can act on.

Apache Avro's own checker decides what its resolution rules can read. It knows nothing of logical types, and a decimal
whose scale changes resolves without an error into wrong money: those are compared here.
"""

from __future__ import annotations

import json
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType, lookup_writer_field
from avro.schema import Field, RecordSchema, Schema, parse

_LOGICAL = ("logicalType", "precision", "scale")


def unreadable(reader: dict[str, Any], writer: dict[str, Any]) -> list[str]:
    """Return why `reader` cannot read, or would misread, what was written under `writer`; empty if it can.

    Both are records (every contract is one), as parsed JSON.
    """
    new, old = _record(reader), _record(writer)
    found = [] if new.name == old.name else [f"the record is called {new.name}, not {old.name}"]
    for field in new.fields:
        source = lookup_writer_field(old, field)
        if source is None:
            if not field.has_default:
                found.append(f"field {field.name!r} has no default, and data without it exist")
        else:
            found += _field(field, source)
    if not found and not _resolves(new, old):
        found.append("Avro cannot resolve it")  # a rule of Avro's that has no better words here
    return found


def removed(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Return why readers that still use `old` cannot go on when records are written under `new`: missing fields."""
    writer, reader = _record(new), _record(old)
    return [
        f"field {field.name!r} is gone, and readers of the older version have no default for it"
        for field in reader.fields
        if lookup_writer_field(writer, field) is None and not field.has_default
    ]


def _record(document: dict[str, Any]) -> RecordSchema:
    schema = parse(json.dumps(document))
    if not isinstance(schema, RecordSchema):
        raise TypeError(f"a contract is a record, not {schema.type}")
    return schema


def _field(reader: Field, writer: Field) -> list[str]:
    if not _resolves(reader.type, writer.type):
        return [f"field {reader.name!r} is {_shown(reader.type)}, and data with {_shown(writer.type)} exist"]
    # A text that turned into bytes is readable by Avro's rules, but no engine's column can do that.
    if {reader.type.type, writer.type.type} == {"string", "bytes"}:
        return [f"field {reader.name!r} is {_shown(reader.type)}, and data with {_shown(writer.type)} exist"]
    before, after = list(_logical(writer.type.to_json())), list(_logical(reader.type.to_json()))
    if before != after:
        return [f"field {reader.name!r} means {_shown(reader.type)}, and data that mean {_shown(writer.type)} exist"]
    return []


def _resolves(reader: Schema, writer: Schema) -> bool:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # the library left it bare
    result = checker.get_compatibility(reader, writer)
    return bool(result.compatibility is SchemaCompatibilityType.compatible)


def _logical(node: Any) -> list[tuple[object, ...]]:
    """Return the logical types in a type, depth first."""
    if isinstance(node, list):
        return [one for branch in node for one in _logical(branch)]
    if not isinstance(node, dict):
        return []
    own = [tuple(node.get(key) for key in _LOGICAL)] if "logicalType" in node else []
    inner = [child for key in ("type", "items", "values") if not isinstance(child := node.get(key), str)]
    inner += [field["type"] for field in node.get("fields", ())]
    return own + [one for child in inner for one in _logical(child)]


def _shown(schema: Schema) -> str:
    document = schema.to_json()
    return document if isinstance(document, str) else json.dumps(document)
