"""A schema registry in memory that answers as Confluent's does: to calls, or over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx


class FakeRegistry:
    """Counts ids from `first`; one schema has one id under every subject.

    With `wasteful`, a further subject of a known schema uses up a number all the same, as in Apicurio 3. It never gives
    away the numbers in `taken`: they went to something that is gone.
    """

    def __init__(self, first: int = 1, *, wasteful: bool = False, taken: frozenset[int] = frozenset()) -> None:
        self.next = first
        self.taken = taken
        self.wasteful = wasteful
        self.ids: dict[int, dict] = {}
        self.subjects: dict[str, dict[int, int]] = {}
        self.levels: dict[str, str] = {}
        self.modes: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.authorization: set[str | None] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or "{}")
        self.calls.append((request.method, path))
        self.authorization.add(request.headers.get("authorization"))
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "subjects"]:
                return httpx.Response(200, json=sorted(self.subjects))
            case ["GET", *asked]:
                found = self._known(asked)
                return httpx.Response(200, json=found) if found else httpx.Response(404)
            case ["POST", "subjects", subject]:
                wanted = json.loads(body["schema"])
                there = [one for one in self.subjects.get(subject, {}).values() if self.ids[one] == wanted]
                found = {"subject": subject, "version": 1, "id": there[0], **body} if there else {}
                return httpx.Response(200, json=found) if found else httpx.Response(404)
            case ["POST", "subjects", subject, "versions"]:
                return self.add(subject, body)
            case ["PUT", "config" | "mode" as what, subject]:
                if what == "config":
                    self.levels[subject] = body["compatibility"]
                else:
                    self.modes[subject] = body["mode"]
                return httpx.Response(200, json=body)
        return httpx.Response(500, text=f"unexpected {request.method} {path}")

    def _known(self, asked: list[str]) -> dict:
        """Return a schema by its id, or a subject's newest; nothing if there is none."""
        match asked:
            case ["schemas", "ids", number] if int(number) in self.ids:
                return {"schema": json.dumps(self.ids[int(number)])}
            case ["subjects", subject, "versions", "latest"] if subject in self.subjects:
                version, number = max(self.subjects[subject].items())
                schema = json.dumps(self.ids[number])
                return {"subject": subject, "version": version, "id": number, "schema": schema}
        return {}

    def add(self, subject: str, body: dict) -> httpx.Response:
        schema = json.loads(body["schema"])
        if "id" in body:
            if self.modes.get(subject) != "IMPORT":
                return httpx.Response(422, json={"message": "Subject is not in import mode"})
            number = body["id"]
        else:
            while self.next in self.taken:
                self.next += 1
            same = [one for one, known in self.ids.items() if known == schema]
            number = same[0] if same else self.next
            self.next += self.wasteful or not same
        self.ids[number] = schema
        versions = self.subjects.setdefault(subject, {})
        versions[len(versions) + 1] = number
        return httpx.Response(200, json={"id": number})


@contextmanager
def served(fake: FakeRegistry) -> Iterator[str]:
    """Serve the registry on a free port of loopback; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://{self.headers['Host']}{self.path}"
            answer = fake(httpx.Request(self.command, url, headers=dict(self.headers), content=body))
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
