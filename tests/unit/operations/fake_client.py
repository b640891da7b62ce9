"""In the place of ``flink run … -pym flink_jobs.together DESK``: the same files on the desk, and no Flink."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path

folder, desk = Path(sys.argv[1]), Path(sys.argv[-1])
wishes = json.loads((folder / "wishes.json").read_text())


def log(kind, what):
    with (folder / f"{kind}.log").open("a") as out:
        out.write(json.dumps(what) + "\n")


def wait(name):
    while not (desk / name).exists():
        with (desk / "owner").open() as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            sys.exit(3)


asked = json.loads((desk / "jobs.json").read_text())
names = [one["module"].rsplit(".", 1)[-1] for one in asked]
log("asked", asked)
log("environment", {name: value for name, value in os.environ.items() if name.startswith("POLYGLOT_FLINK__")})
if wishes["breaks"]:
    sys.exit("it broke")
for name in names:
    operators = {"fold": {"kind": "KEYED PROCESS", "states": [3]}}
    (desk / f"{name}.json").write_text(json.dumps({"job": name, "operators": operators}))
(desk / "built").touch()
wait("origins.json")
origins = json.loads((desk / "origins.json").read_text())
log("origins", origins)
for name, origin in origins.items():
    if origin:
        (desk / f"{name}.saved.json").write_text(json.dumps(wishes["saved"]))
(desk / "looked").touch()
wait("go")
log("went", wishes["come"] or names)
if wishes["code"]:
    sys.exit("it broke")
