# Every task of the project; `make quickstart` and `make test` do all the set-up they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: quickstart test test-fast test-all lint types format docs bench clean

quickstart: $(VENV)/.local  ## a leaderboard of a real local model, with no account
	$(BIN)/evalkit run configs/quickstart.yaml

test: $(VENV)/.dev  ## everything but the nightly checks
	$(PYTEST) -m "not nightly"

test-fast: $(VENV)/.dev  ## what takes seconds
	$(PYTEST) -m "not nightly and not slow"

test-all: $(VENV)/.dev  ## everything
	HYPOTHESIS_PROFILE=explore $(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev  ## configs/README.md, from the schema
	$(BIN)/evalkit schema --markdown > configs/README.md

bench: $(VENV)/.dev  ## the bars of speed and memory, as ratios
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	touch $@

$(VENV)/.local: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e ".[local]"
	touch $@

$(VENV)/.dev: $(VENV)/.local
	$(PIP) install -c constraints.txt --group dev
	touch $@
