"""A fake of the command line ``polyglot``: it answers at once, from a file, and notes how it was called.

``POLYGLOT_FAKE`` is a folder: ``answers.json`` maps a command to ``{"code", "document", "lines", "until"}``, or to a
list of such answers, one for each call; ``calls.jsonl`` gets a line for each call. ``until`` is a file that ends the
wait.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

EQUAL = {
    "format": 1,
    "passed": True,
    "range": {"from": None, "to": None},
    "entity": None,
    "records": 10,
    "differences": 0,
    "empty": [],
    "tables": [],
    "checks": [],
    "skipped": {},
    "replay": {},
    "seconds": {},
}
#: What the real commands print when all is well.
WELL = {
    "drain": {"seconds": 0.1, "open_repair_requests": 0},
    "replay": {"range": {}, "entity": None, "events": 10, "published": {"trade": 10}},
    "submit": [{"id": "j" * 32, "name": "normalize-bounded", "state": "FINISHED", "tasks": {}}],
    "verify": EQUAL,
    "repair": {"requests": 0, "published": 0, "replays": []},
    "adjust": {"published": {"adjusted_bar": 1}, "stored": {}, "findings": []},
    "amend": {"late": 3, "amended": 2, "amendment_id": "a"},
    "deadletters": {"dry_run": False, "sent": 1, "copies": [{"id": "1"}], "skipped": []},
    "plan": {"nothing": False, "before": "a", "after": "b", "refused": []},
    "apply": {"release": "b", "pause_s": 5.0, "savepoints": {}},
    "tables": {"dry_run": False, "done": {"gold_bar": ["compaction"]}, "due": {}},
    "retention": {"applied": True, "cut": 0, "partitions": []},
    "query": {"columns": ["age"], "rows": [[3]]},
    "status": {
        "components": [{"name": "kafka", "health": "healthy"}],
        "jobs": [{"name": name, "state": "RUNNING"} for name in ("ingest", "normalize", "analytics")],
        "groups": [{"group": "normalize", "lag": 5}],
        "attention": None,
    },
}


def note(folder: Path, arguments: list[str]) -> int:
    """Write the call down; return how many there were of this command."""
    with (folder / "calls.jsonl").open("a+") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        calls.seek(0)
        before = sum(json.loads(line)["arguments"][0] == arguments[0] for line in calls)
        names = sorted(name for name in os.environ if "AIRFLOW" in name)
        calls.write(json.dumps({"arguments": arguments, "pid": os.getpid(), "airflow": names}) + "\n")
    return before


def main() -> int:
    folder, arguments = Path(os.environ["POLYGLOT_FAKE"]), sys.argv[1:]
    before = note(folder, arguments)
    answer = json.loads((folder / "answers.json").read_text()).get(arguments[0], {})
    if isinstance(answer, list):
        answer = answer[min(before, len(answer) - 1)]
    for line in answer.get("lines", [f"{arguments[0]} is under way"]):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    while (until := answer.get("until")) and not Path(until).exists():
        time.sleep(0.02)
    document = answer.get("document", WELL.get(arguments[0]))
    if document is not None:
        sys.stdout.write(json.dumps(document) + "\n")
    return int(answer.get("code", 0))


if __name__ == "__main__":
    sys.exit(main())
