# One word for each thing. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup run test lint check chaos lock clean shell

help: ## list the words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything in it, from the hashed lock
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("punchcard needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@# The build backend warns of what an editable install is.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup ## start everything on the embedded default, with the demo studios
	@exec $(BIN)/punchcard up --demo

test: setup ## the whole test suite, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup ## ruff, mypy and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## everything that must hold before a commit

chaos: setup ## ten minutes of kills, flushes and restarts under load; SEED=… repeats one, SECONDS=… shortens it
	$(BIN)/python -m tests.chaos

lock: ## resolve the dependencies anew (needs uv; writes hashes and no address)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements.lock

shell: setup ## a Python prompt inside the project's environment
	@$(BIN)/python

clean: ## remove the environment and the embedded data
	rm -rf $(VENV) .punchcard
