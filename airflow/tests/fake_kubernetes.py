"""A fake of the Kubernetes API for `FlinkDeployment` and `SparkApplication`: create, get, list; it validates.

A deployment is validated by the operator's own schema, where that is at hand; an application by its structure, which is
written down here, and by the operator's schema likewise. What it says of a job goes through `states`, one at each look.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

PLACE = re.compile(
    r"/apis/(?:flink\.apache\.org/v1beta1|sparkoperator\.k8s\.io/v1beta2)"
    r"/namespaces/([^/]+)/(flinkdeployments|sparkapplications)(?:/([^/?]+))?"
)
#: Beside the captures; not part of the repository.
SHARED = Path(os.environ.get("POLYGLOT_CAPTURES") or Path(__file__).parents[3] / "shared" / "captures").parent
_COUNT, _MEMORY = {"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+m$"}
_POD = {
    "cores": _COUNT,
    "memory": _MEMORY,
    "serviceAccount": {"type": "string"},
    "instances": _COUNT,
    "env": {"type": "array", "items": {"required": ["name", "value"], "properties": {"value": {"type": "string"}}}},
    "envFrom": {"type": "array"},
    "volumeMounts": {"type": "array", "items": {"required": ["name", "mountPath"]}},
}
#: What of a `SparkApplication` is used here, of sparkoperator.k8s.io/v1beta2.
APPLICATION = {
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "sparkoperator.k8s.io/v1beta2"},
        "kind": {"const": "SparkApplication"},
        "metadata": {"properties": {"name": {"pattern": "^[a-z0-9]([-a-z0-9]{0,53}[a-z0-9])?$"}}, "required": ["name"]},
        "spec": {
            "required": ["driver", "executor", "mainApplicationFile", "sparkVersion", "type"],
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["Java", "Python", "Scala", "R"]},
                "pythonVersion": {"enum": ["2", "3"]},
                "mode": {"enum": ["cluster", "client"]},
                "image": {"type": "string"},
                "sparkVersion": {"type": "string"},
                "mainApplicationFile": {"type": "string", "pattern": "^local:///"},
                "arguments": {"type": "array", "items": {"type": "string"}},
                "restartPolicy": {"properties": {"type": {"enum": ["Never", "Always", "OnFailure"]}}},
                "sparkConf": {"additionalProperties": {"type": "string"}},
                "volumes": {"type": "array", "items": {"required": ["name"]}},
                "driver": {"properties": _POD, "additionalProperties": False},
                "executor": {"properties": _POD, "additionalProperties": False},
            },
        },
    },
}


def validator(plural: str) -> Draft202012Validator | None:
    """Return what the operator's own definition of a kind demands, strictly; None where it is not there."""
    path = SHARED / "k8s" / f"{plural}.crd.yml.gz"
    if not path.exists():
        return None
    definition = yaml.load(gzip.decompress(path.read_bytes()), yaml.CSafeLoader)
    schema = _strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    return Draft202012Validator(schema)


def _strict(schema: Any) -> Any:
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _strict(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _strict(inner)
    return schema


class Kubernetes:
    """The fake's state."""

    def __init__(self, states: list[str]) -> None:
        #: That of deployments may be missing.
        self.validator = validator("flinkdeployments")
        applications = [Draft202012Validator(APPLICATION), validator("sparkapplications")]
        self.validators = {"flinkdeployments": [self.validator], "sparkapplications": applications}
        self.states = list(states)
        self.stored: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        #: Answers to lose: what was asked for is created, and nobody is told.
        self.lose = 0
        self.url = ""

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path))
        found = PLACE.match(path)
        if not found:
            return 200, {"kind": "List", "items": list(self.stored.values()), "metadata": {}}
        namespace, plural, name = found.groups()
        if method == "POST" and body is not None:
            return self._create(namespace, plural, body)
        one = self.stored.get((namespace, name))
        if one is None:
            return 404, _status(404, "NotFound", name)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if plural == "sparkapplications":
            message = {"errorMessage": "driver pod failed"} if state == "FAILED" else {}
            return 200, {**one, "status": {"applicationState": {"state": state, **message}} if state else {}}
        cluster = "READY" if state != "RECONCILING" else "DEPLOYING"
        return 200, {**one, "status": {"jobManagerDeploymentStatus": cluster, "jobStatus": {"state": state}}}

    def _create(self, namespace: str, plural: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        errors = [error.message for one in self.validators[plural] if one for error in one.iter_errors(body)]
        if errors:
            return 422, _status(422, "Invalid", "; ".join(errors))
        key = namespace, body["metadata"]["name"]
        if key in self.stored:
            return 409, _status(409, "AlreadyExists", key[1])
        body["metadata"] |= {"uid": "u-1", "namespace": namespace}
        self.stored[key] = body
        if self.lose:
            self.lose -= 1
            return 400, _status(400, "Lost", "the answer was lost")
        return 201, body


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code}


@contextmanager
def serving(states: list[str]) -> Iterator[Kubernetes]:
    """Serve the fake on loopback."""
    fake = Kubernetes(states)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, found = fake.answer(self.command, self.path, body)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


def connection(fake: Kubernetes) -> str:
    """Return Airflow's connection to it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": fake.url}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        "users": [{"name": "fake", "user": {}}],
        "current-context": "fake",
    }
    return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config": json.dumps(config)}})
