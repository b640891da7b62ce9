# `make` lists the targets. Needs python3.11 (with venv), a JDK 17, mvn and make; everything else is installed below.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
# Many images set this. The commands below start Python dozens of times, and each would compile all our modules anew.
export PYTHONDONTWRITEBYTECODE :=
# mkdocs' theme advertises its successor on every build.
export NO_MKDOCS_2_WARNING := 1
# The installer's own version is pinned here, everything it installs in requirements.lock.
UV_VERSION := 0.13.9
BIN := .venv/bin
# Airflow's pins and those of Flink and Spark do not meet, so it has an environment of its own.
AIRFLOW_BIN := .venv-airflow/bin
# Captured frames to feed instead of the simulator: make demo CAPTURE="one.gz two.gz"
CAPTURE ?=
# Lines that no test runs are shown by `make coverage` for what changed since this commit.
BASE ?= main
# COVERAGE=1 measures which lines tests run, in what they start as well.
COVERAGE ?=
# Evidence of a run goes to ci-artifacts/: JUnit XML by stage, times, logs of the stacks of failed tests, coverage.
STAGE = @.ci/stage $@
PYTEST = $(STAGE) $(BIN)/$(if $(COVERAGE),coverage run,python) -m pytest --junitxml=ci-artifacts/$@.xml
# Extra arguments: make test ARGS="-k topics", make bench ARGS="--quick"
ARGS ?=

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.project  ## create .venv, install the pinned packages, fetch jars, build connectors; only what changed
	@$(BIN)/polyglot build
	@$(BIN)/python -c "import udfs; udfs.warmup()"  # compiled once, not by every worker at once

demo: setup  ## run the whole pipeline on simulated frames (or CAPTURE="file.gz …") and leave the stack running
	@$(BIN)/polyglot demo $(foreach file,$(CAPTURE),--capture $(file)) $(ARGS)

down: .venv/.project  ## stop the local stack and leave nothing behind; data stay (ARGS=--wipe deletes them)
	@$(BIN)/polyglot down $(ARGS)

# What is red hides nothing: everything runs, and then it fails.
test: setup  ## run all that a commit must keep: lint, Java, unit and Airflow's tests beside each other, then integration tests
	@rm -rf ci-artifacts
ifeq ($(strip $(ARGS)),)
	@failed=0; \
	$(MAKE) --keep-going --jobs=4 --output-sync=target lint test-java test-unit test-airflow-or-say || failed=1; \
	$(MAKE) test-integration || failed=1; \
	exit $$failed
else  # one run, which fails if ARGS select nothing
	@$(MAKE) --keep-going --jobs=2 --output-sync=target lint test-java
	$(PYTEST) $(ARGS)
endif

test-unit: setup  ## run the unit and property tests, which need no service, on two cores
	$(PYTEST) -n 2 --dist worksteal tests/unit tests/property $(ARGS)

test-integration: setup  ## run the integration tests, which start stacks, two files at a time
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=5 tests/integration $(ARGS)

# One process: alone, it would leave a core idle for two minutes.
test-airflow-or-say: setup
	+@.ci/airflow

test-java: setup  ## run the tests of the Java connectors, unless nothing changed since they were green here
	$(STAGE) .ci/java-tests

test-long: setup  ## every night, two hours: kills, chaos, outages; properties on many more examples; mutations
	@rm -rf ci-artifacts
	@failed=0; \
	for part in test-stacks test-search mutations; do $(MAKE) $$part || failed=1; done; \
	exit $$failed

test-stacks: setup  ## run the long integration tests
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder --durations=20 -m long tests/integration $(ARGS)

test-search: setup  ## run the property tests on many more examples, others each time
	$(PYTEST) -n 2 --dist worksteal --hypothesis-profile=nightly tests/property $(ARGS)

mutations: setup  ## break each law on purpose, in a copy, and see that a test turns red (ARGS="law 3")
	$(STAGE) $(BIN)/python tests/mutations.py $(ARGS)

coverage: setup  ## run unit and property tests (or ARGS) and fail under 90 % of the Python lines changed since BASE
	@rm -rf ci-artifacts/coverage
	@$(BIN)/coverage run -m pytest $(or $(ARGS),-n 2 --dist worksteal tests/unit tests/property)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage xml --quiet
	@$(BIN)/diff-cover ci-artifacts/coverage/coverage.xml --compare-branch=$(BASE) --include-untracked --fail-under=90

lint: setup  ## check style, types, import boundaries and contracts, and that the docs build
	@failed=0; \
	for step in "ruff check ." "ruff format --check ." mypy lint-imports "polyglot contracts check $(if $(CI),--strict)" \
	  "mkdocs build --quiet --strict"; do \
	  .ci/stage $@ $(BIN)/$$step || failed=1; \
	done; \
	exit $$failed

docs: setup  ## build docs/ as a site, in site/
	@$(BIN)/mkdocs build --quiet --strict
	@echo "open site/index.html"

LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11

lock: .venv/.uv  ## compile requirements.in anew into requirements.lock, and Airflow's into its own
	@$(LOCK) requirements.in -o requirements.lock
	@$(LOCK) airflow/requirements.in -o airflow/requirements.lock

airflow-setup: .venv-airflow/.project  ## create .venv-airflow: Airflow, and the provider of airflow/polyglot_provider

airflow: setup airflow-setup  ## run Airflow (scheduler, API server, DAG processor, triggerer) until Ctrl-C
	@$(BIN)/python -m devstack.airflow

test-airflow: setup airflow-setup  ## check the types and run the tests of airflow/ in its environment; no service is started
	$(STAGE) $(BIN)/mypy --config-file airflow/mypy.ini --cache-dir .cache/mypy/airflow --python-executable $(AIRFLOW_BIN)/python airflow/polyglot_provider/src/polyglot_provider
	$(STAGE) $(AIRFLOW_BIN)/python -m pytest -c airflow/pytest.ini --junitxml=ci-artifacts/$@.xml $(or $(ARGS),airflow/tests)

bench: setup  ## measure the floor, each stage, the whole path and the latencies, and check what came out
	@$(BIN)/python -m benchmarks $(ARGS)

env:  ## write the passwords that docker-compose.yml wants into .env; those that are there stay
	@umask 077; touch .env; for name in CLICKHOUSE_PASSWORD S3_SECRET_KEY; do \
	  grep -q "^$$name=" .env || echo "$$name=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(24))')" >> .env; \
	done

.venv/.created:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed (or set PYTHON=…)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.uv: .venv/.created Makefile
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.packages: .venv/.uv requirements.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

.venv/.project: .venv/.packages pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv-airflow/.packages: .venv/.uv airflow/requirements.lock
	@[ -x $(AIRFLOW_BIN)/python ] || $(PYTHON) -m venv --without-pip .venv-airflow
	$(BIN)/uv pip install --quiet --python $(AIRFLOW_BIN)/python --require-hashes -r airflow/requirements.lock
	@touch $@

.venv-airflow/.project: .venv-airflow/.packages airflow/polyglot_provider/pyproject.toml
	$(BIN)/uv pip install --quiet --python $(AIRFLOW_BIN)/python --no-deps --no-build-isolation --editable airflow/polyglot_provider
	@touch $@

.PHONY: help setup airflow airflow-setup test-airflow test-airflow-or-say demo down test test-unit test-integration test-java test-long test-stacks test-search mutations coverage lint docs lock bench env
