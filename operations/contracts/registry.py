"""The contracts in a Confluent-compatible schema registry, under the ids that the lock pinned.

Producers write pinned ids whether or not there is a registry; it only has to know the same ones, so that other
clients of the topics can look them up. A registry that cannot is refused before anything is written to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from operations.contracts.check import FULL
from runtime.config import RegistrySettings
from runtime.console import CommandError, Exit
from schemas.contracts import Contract, all_contracts
from schemas.domains import Topic, domains

TIMEOUT_S = 10.0
_NOT_FOUND = 404


@dataclass(frozen=True)
class Registered:
    """One version under one subject, as the registry now knows it."""

    subject: str
    contract: str
    id: int


class Registry:
    """The few calls of the registry's REST interface that registration needs."""

    def __init__(self, settings: RegistrySettings, transport: httpx.BaseTransport | None = None) -> None:
        if not settings.url:
            raise CommandError(
                "no schema registry is configured; the pinned ids work without one",
                hint="set POLYGLOT_REGISTRY__URL (and __USERNAME, __PASSWORD) to use one",
                code=Exit.USAGE,
            )
        self.url = settings.url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, auth=settings.login, timeout=TIMEOUT_S, transport=transport)

    def close(self) -> None:
        self._client.close()

    def schema(self, schema_id: int) -> dict[str, Any] | None:
        """Return the schema with this id, or None."""
        answer = self._call("GET", f"/schemas/ids/{schema_id}")
        return None if answer is None else dict(json.loads(answer["schema"]))

    def add(self, subject: str, contract: Contract, *, with_id: bool) -> int:
        """Register a version and return its id; `with_id` asks for the pinned one (mode IMPORT only)."""
        body: dict[str, object] = {"schema": json.dumps(contract.schema), "schemaType": "AVRO"}
        if with_id:
            body |= {"id": contract.id, "version": contract.version}
        path = f"/subjects/{subject}/versions"
        answer = self._call("POST", path, body)
        if answer is None:
            raise CommandError(f"there is no Confluent-compatible registry at {self.url}: POST {path} is not found")
        return int(answer["id"])

    def find(self, subject: str, contract: Contract) -> int | None:
        """Return the id under which the subject has this very schema, or None."""
        body = {"schema": json.dumps(contract.schema), "schemaType": "AVRO"}
        answer = self._call("POST", f"/subjects/{subject}", body)
        return None if answer is None else int(answer["id"])

    def set_compatibility(self, subject: str, level: str) -> None:
        self._call("PUT", f"/config/{subject}", {"compatibility": level})

    def set_mode(self, subject: str, mode: str) -> None:
        if self._call("PUT", f"/mode/{subject}?force=true", {"mode": mode}) is None:
            raise CommandError(f"the registry at {self.url} has no IMPORT mode: it cannot be told the pinned ids")

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any] | None:
        """Return the answer's document, or None where the registry knows no such thing."""
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise CommandError(f"the registry at {self.url} does not answer: {error}", code=Exit.UNAVAILABLE) from error
        if answer.status_code == _NOT_FOUND:
            return None
        if answer.is_error:
            raise CommandError(f"the registry refused {method} {path} ({answer.status_code}): {answer.text[:500]}")
        return dict(answer.json())


def register(
    registry: Registry, contracts: Iterable[Contract], topics: Iterable[Topic], *, imported: bool = False
) -> list[Registered]:
    """Register every version of every topic's contract under ``<topic>-value``; what is there already stays.

    With `imported` the registry gets the ids (Confluent's IMPORT mode, allowed on subjects that are new). Else it
    must give them by itself, by counting: it never does once the lock has skipped a number. Each contract is registered
    once in order of ids before any further subject of it, because some registries use up a number for every subject.

    Raises:
        CommandError: the registry does not answer, refuses, or has or gives other ids than the pinned ones.
    """
    ordered = sorted(contracts, key=lambda one: one.id)
    _refuse_conflicts(registry, ordered)
    by_contract: dict[str, list[str]] = {}
    for topic in sorted(topics, key=lambda one: one.name):
        by_contract.setdefault(topic.contract, []).append(f"{topic.name}-value")
    pairs = [(contract, subjects) for contract in ordered if (subjects := by_contract.get(contract.name))]
    first = [(contract, subjects[0]) for contract, subjects in pairs]
    further = [(contract, subject) for contract, subjects in pairs for subject in subjects[1:]]
    for contract, subject in (*first, *further):
        found = registry.find(subject, contract)
        given = _add(registry, subject, contract, imported=imported) if found is None else found
        if given != contract.id:
            raise CommandError(
                f"the registry has {contract.label} under id {given} in {subject}; ids.lock pinned {contract.id}",
                hint="messages carry the pinned id: use an empty registry, or --import where it supports IMPORT mode",
            )
        registry.set_compatibility(subject, "FULL_TRANSITIVE" if contract.name in FULL else "BACKWARD_TRANSITIVE")
    return [Registered(subject, contract.label, contract.id) for contract, subjects in pairs for subject in subjects]


def register_all(settings: RegistrySettings, *, imported: bool | None = None) -> list[Registered]:
    """Register every contract of this repository, with the settings' `import_ids` unless `imported` is given.

    Raises:
        CommandError: as `register`.
    """
    registry = Registry(settings)
    try:
        how = settings.import_ids if imported is None else imported
        return register(registry, all_contracts(), domains().topics.values(), imported=how)
    finally:
        registry.close()


def _refuse_conflicts(registry: Registry, contracts: Iterable[Contract]) -> None:
    taken = [
        f"id {one.id} is pinned for {one.label}, and the registry has {there.get('name', 'another schema')} under it"
        for one in contracts
        if (there := registry.schema(one.id)) is not None and there != one.schema
    ]
    if taken:
        raise CommandError(
            "\n".join(taken), hint="nothing was registered; use a registry, or a context of it, of our own"
        )


def _add(registry: Registry, subject: str, contract: Contract, *, imported: bool) -> int:
    if not imported:
        return registry.add(subject, contract, with_id=False)
    registry.set_mode(subject, "IMPORT")
    try:
        return registry.add(subject, contract, with_id=True)
    finally:
        registry.set_mode(subject, "READWRITE")
