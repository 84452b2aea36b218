PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: install demo test unit test-slow lint format bench mutants clean

install: .venv/installed

# The stamp is newer than pyproject.toml only when the installation finished.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/loan-default demo

# Types and tests side by side: each leaves a core idle for a while.
test: install
	@$(MAKE) --no-print-directory -j 2 lint unit

unit: install
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

test-slow: install
	$(BIN)/pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m loan_default_assets_tests.benchmarks

# Planted faults, one after the other: about half an hour.
mutants: install
	$(BIN)/python -m loan_default_assets_tests.mutants --write docs/mutants.md

clean:
	rm -rf .venv .loan_default .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
