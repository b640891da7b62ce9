"""House rules that reviewers would otherwise repeat, over every file that is or would be committed."""

import ast
import re
import subprocess

import pytest

from runtime.config import ROOT

MAX_LINES = 450
# Someone's home, root's home, or the folder a build happened to run in: gone on the next machine.
MACHINE_PATH = re.compile(r"(?<![\w.~/$}{:>-])/(?:work|root|home|Users)/[A-Za-z.]")
SOURCES = (".py", ".java", ".sql", ".sh")
# Words of unfinished work, spelt apart so that this file passes its own rule.
UNFINISHED = re.compile("|".join(rf"\b{a}{b}\b" for a, b in [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")]))


def tracked() -> list[str]:
    """Return what git tracks or would track, without generated locks."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return sorted({name for name in listed if not name.endswith(".lock") and (ROOT / name).is_file()})


FILES = tracked()
TEXTS = {name: text for name in FILES if b"\0" not in (data := (ROOT / name).read_bytes()) and (text := data.decode())}
CODE = {name: text for name, text in TEXTS.items() if name.endswith(SOURCES)}
PYTHON = {name: text for name, text in CODE.items() if name.endswith(".py")}


def lines_with(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_rules_see_the_project():
    assert len(PYTHON) > 50
    assert {"README.md", "Makefile", "runtime/config.py", "schemas/trade.v1.avsc"} <= set(TEXTS)


def test_no_source_file_is_longer_than_one_idea():
    lengths = {name: text.count("\n") for name, text in CODE.items()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_file_names_a_path_of_one_machine():
    # A Dockerfile's paths are those of its own image.
    assert lines_with(MACHINE_PATH, {name: text for name, text in TEXTS.items() if "Dockerfile" not in name}) == []


def test_nothing_is_left_unfinished():
    assert lines_with(UNFINISHED, CODE) == []


def test_no_large_or_binary_file_is_committed():
    sizes = {name: (ROOT / name).stat().st_size for name in FILES}
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}
    text = [
        name for name in FILES if not name.startswith("savepoints/golden/")
    ]  # what a version saved is kept as it is
    assert [name for name in text if name.endswith((".jar", ".class", ".parquet", ".gz", ".so", ".pyc"))] == []


@pytest.mark.parametrize(
    "folder",
    [
        "flink_jobs",
        "batch",
        "udfs",
        "schemas",
        "sql",
        "polyglot",
        "devstack",
        "operations",
        "collectors",
        "runtime",
        "examples",
    ],
)
def test_every_module_says_what_it_is(folder):
    bare = [
        name
        for name, text in PYTHON.items()
        if name.startswith(f"{folder}/")
        and not name.endswith("/__main__.py")
        and not ast.get_docstring(ast.parse(text))
    ]
    assert bare == []


def test_folders_that_shadow_an_installed_package_are_not_packages():
    assert not (ROOT / "airflow" / "__init__.py").exists(), "import airflow must find Airflow"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('path = "{}home/ann/x"', True),
        ("cd {}work/main", True),
        ("{}root/.m2", True),
        ("https://example.org{}home/page", False),
        ("<root>{}work/jars", False),
        ("${{HOME}}{}work/jars", False),
        ("../shared{}work/x", False),
    ],
)
def test_what_counts_as_a_machine_path(line, found):
    # The slash is put in here, so that this file passes its own rule.
    assert bool(MACHINE_PATH.search(line.format("/"))) == found
