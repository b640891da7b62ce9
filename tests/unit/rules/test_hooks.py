"""The commit hooks are the checks of `make lint`, by the tools of .venv; forms and the licence are what they claim."""

import re
import shlex
import tomllib

import yaml

from runtime.config import ROOT


def lint_commands() -> list[str]:
    """Return what `make lint` runs, without what only CI adds."""
    steps = re.search(r"^lint:.*?for step in (.*?); do", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s*\$\(.*\)", "", step) for step in shlex.split(steps[1].replace("\\\n", " "))]


def test_hooks_run_what_lint_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "hooks of other repositories have versions of their own"
    entries = [hook["entry"] for hook in hooks[0]["hooks"]]
    assert entries == [f".venv/bin/{command}" for command in lint_commands()]
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks[0]["hooks"])


def test_issue_forms_are_forms():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
    assert [form.stem for form in forms] == ["bug", "feature"]
    for form in forms:
        read = yaml.safe_load(form.read_text())
        assert {"name", "description", "body"} <= set(read)
        ids = [part["id"] for part in read["body"]]
        assert len(ids) == len(set(ids))


def test_the_licence_is_the_one_that_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
