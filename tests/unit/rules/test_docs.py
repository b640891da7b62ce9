"""What the documents name exists: files, commands, settings."""

import re
import shlex
import subprocess

import pytest
from pydantic import BaseModel
from typer import BadParameter
from typer.main import get_command

from devstack.gateway.limits import GatewaySettings
from polyglot.cli import build
from runtime.config import ROOT, Settings

DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[!.]*/README.md")]
)
REFERENCE = ROOT / "docs" / "reference"
TESTS_ONLY = {"POLYGLOT_CAPTURES", "POLYGLOT_TEST_PATIENCE"}

documents = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def setting_names() -> set[str]:
    names = set()
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= {f"POLYGLOT_{name}__{inner}".upper() for inner in kind.model_fields}
        else:
            names.add(f"POLYGLOT_{name}".upper())
    return names | {f"POLYGLOT_GATEWAY__{name}".upper() for name in GatewaySettings.model_fields}


@documents
def test_links_lead_somewhere(path):
    targets = [target for target in re.findall(r"\]\(([^)#]+)", path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_pages_that_the_code_cites_exist():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], check=True, capture_output=True, text=True).stdout
    cited = {
        (name, page)
        for name in listed.splitlines()
        if name.endswith((".py", ".java", ".toml", ".avsc", ".sql", ".yml")) and (ROOT / name).is_file()
        for page in re.findall(r"\bdocs/[\w/-]+\.md", (ROOT / name).read_text())
    }
    assert len(cited) > 5
    assert [(name, page) for name, page in sorted(cited) if not (ROOT / page).exists()] == []


@documents
def test_named_settings_exist(path):
    names = set(re.findall(r"\bPOLYGLOT_[A-Z_]+[A-Z]\b", path.read_text()))
    assert names - setting_names() - TESTS_ONLY == set()


def test_settings_abbreviated_in_the_reference_exist():
    for line in (REFERENCE / "settings.md").read_text().splitlines():
        first = re.search(r"`(POLYGLOT_[A-Z]+)__[A-Z_]+`", line)
        names = [f"{first[1]}{rest}" for rest in re.findall(r"`(__[A-Z_]+)`", line)] if first else []
        assert set(names) <= setting_names(), line


def test_the_readme_is_read_in_minutes():
    assert len((ROOT / "README.md").read_bytes()) <= 8_000


@documents
def test_named_commands_exist(path):
    # In code, or in a code block: `polyglot up`, not "polyglot runs".
    used = re.findall(r"(?:`|^|&& |; )(?:\.venv/bin/)?polyglot ([a-z][a-z-]*)", path.read_text(), re.MULTILINE)
    assert set(used) <= set(get_command(build()).commands)


def command_lines(path):
    """Return the arguments of each `polyglot` in a document's shell blocks."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", path.read_text(), re.MULTILINE | re.DOTALL)
    lines = re.sub(r"\$\([^)]*\)", "", "\n".join(blocks).replace("\\\n", " ").replace("$seed", "7"))
    quoted = r"""(?:[^\s"'#|&;<>]|"[^"]*"|'[^']*')+"""
    found = re.findall(rf"(?:^|&& |\| |; )\s*(?:\.venv/bin/)?polyglot((?:[ \t]+{quoted})+)", lines, re.MULTILINE)
    return [shlex.split(arguments) for arguments in found]


@documents
def test_command_lines_are_understood(path):
    command = get_command(build())
    for arguments in command_lines(path):
        with command.make_context("polyglot", list(arguments)) as context:
            name, chosen, rest = command.resolve_command(context, list(arguments))
            try:
                if hasattr(chosen, "commands"):
                    with chosen.make_context(name, list(rest), parent=context) as inner:
                        name, chosen, rest = chosen.resolve_command(inner, list(rest))
                chosen.make_context(name, list(rest), parent=context)
            except BadParameter as error:
                if "does not exist" not in error.message:  # a reader has files that we lack
                    raise


def test_command_lines_are_found():
    found = [" ".join(one) for path in DOCUMENTS for one in command_lines(path)]
    assert len(found) > 40
    assert "deadletters redrive --reason quality.too_dear --dry-run" in found
    assert "verify --store clickhouse" in found


@documents
def test_named_make_targets_exist(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", path.read_text(), re.MULTILINE)) <= targets


def test_every_command_is_in_the_reference():
    table = (REFERENCE / "commands.md").read_text()
    missing = [name for name in get_command(build()).commands if not re.search(rf"`{name}\b", table)]
    assert missing == []
