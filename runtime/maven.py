"""The jars of the stack: third-party ones fetched by Maven, our connectors built by Maven; each only when needed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from runtime.config import ROOT, Settings
from runtime.console import CommandError, Exit

POMS = Path(__file__).parent / "jars"
CONNECTORS = ROOT / "connectors"
_TRIES, _PAUSE_S = 3, 3.0
#: What Maven says of a download that may succeed another time.
_NOT_DOWNLOADED = ("Could not transfer artifact", "Could not resolve dependencies", "could not be resolved")
RUNTIMES = ("kafka", "flink", "spark")


def digest(files: Iterable[Path], root: Path) -> str:
    """Return a hash of the files' relative names and contents, whatever order they come in."""
    sha = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        sha.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        sha.update(content)
    return sha.hexdigest()


def jars_digest() -> str:
    return digest(POMS.rglob("pom.xml"), POMS)


def jars_ready(cache: Path) -> bool:
    """Whether the third-party jars under `cache` are those the poms name."""
    stamp = cache / "jars" / "stamp"
    if not stamp.exists() or stamp.read_text() != jars_digest():
        return False
    return all(any((cache / "jars" / runtime).glob("*.jar")) for runtime in RUNTIMES)


def fetch_jars(settings: Settings) -> bool:
    """Fetch the third-party jars into the cache unless they are there; return whether there was anything to do."""
    cache = settings.cache_dir.resolve()
    if jars_ready(cache):
        return False
    target, aside, old = cache / "jars", cache / "jars.new", cache / "jars.old"
    for folder in (aside, old):
        shutil.rmtree(folder, ignore_errors=True)  # of a fetch that was killed
    aside.mkdir(parents=True)
    _maven(["package", f"-Djars.dir={aside}"], POMS, cache / "jars.log")
    (aside / "stamp").write_text(jars_digest())
    if target.exists():
        target.rename(old)
    aside.rename(target)  # as a whole: a changed version must not leave its predecessor beside it
    shutil.rmtree(old, ignore_errors=True)
    return True


def connector_sources() -> list[Path]:
    """Return what the connectors are built from."""
    files = [*CONNECTORS.glob("pom.xml"), *CONNECTORS.glob("*/pom.xml")]
    files += [path for path in CONNECTORS.glob("*/src/main/**/*") if path.is_file()]
    # Contracts may be packaged as resources.
    files += [*(ROOT / "schemas").glob("*.avsc"), *(ROOT / "schemas").glob("ids.lock")]
    return files


def connector_modules() -> list[Path]:
    """Return the folders of the connectors' modules."""
    return sorted(pom.parent for pom in CONNECTORS.glob("*/pom.xml"))


def connector_jars() -> list[Path]:
    """Return the built connector jars, one per module that has been built."""
    jars: list[Path] = []
    for module in connector_modules():
        built = [
            jar
            for jar in (module / "target").glob("polyglot-*.jar")
            if not jar.stem.endswith(("-sources", "-tests", "-javadoc", "-lock"))
        ]
        # An older version's jar may still lie there: the newest counts.
        jars += sorted(built, key=lambda jar: jar.stat().st_mtime)[-1:]
    return jars


def lake_jars() -> list[Path]:
    """Return what a Spark that has a Hudi of its own needs for the lake: the lock of its tables, and S3."""
    hudi, s3 = (CONNECTORS / name / "target" for name in ("hudi", "s3"))
    return [hudi / "polyglot-connector-hudi-lock.jar", s3 / "polyglot-s3.jar"]


def connectors_ready(cache: Path) -> bool:
    """Whether every connector has been built from the sources as they are now."""
    stamp = cache / "connectors.stamp"
    fresh = stamp.exists() and stamp.read_text() == digest(connector_sources(), ROOT)
    return fresh and len(connector_jars()) == len(connector_modules())


def build_connectors(settings: Settings) -> bool:
    """Build our connectors unless nothing changed; return whether there was anything to do."""
    cache = settings.cache_dir.resolve()
    if not connector_modules() or connectors_ready(cache):
        return False
    wanted = digest(connector_sources(), ROOT)
    cache.mkdir(parents=True, exist_ok=True)
    _maven(["package", "-DskipTests"], CONNECTORS, cache / "connectors.log")
    (cache / "connectors.stamp").write_text(wanted)
    return True


def _maven(goals: list[str], folder: Path, log: Path) -> None:
    """Run Maven, again if a download failed: three times at most.

    Raises:
        CommandError: there is no Maven, or it failed.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError("Maven (mvn) is not on the PATH", hint="see: polyglot doctor", code=Exit.MISSING)
    command = [maven, "--batch-mode", "--no-transfer-progress", "--file", str(folder / "pom.xml"), *goals]
    for tried in range(1, _TRIES + 1):
        with log.open("wb") as sink:
            done = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        downloaded = not any(words in log.read_text(errors="replace") for words in _NOT_DOWNLOADED)
        if done.returncode == 0 or downloaded or tried == _TRIES:
            break
        time.sleep(_PAUSE_S * tried)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CommandError(f"Maven failed in {folder}", hint=f"{tail}\nfull log: {log}")
