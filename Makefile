PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
# Compiled modules are kept: otherwise each process that a test starts compiles them, and each worker rewrites the
# assertions of all tests.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo test unit test-slow test-s3 lint format screenshots bench mutants docs chart constraints sbom audit licences interop clean

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

# In the order of the files, whose last ones are short; workers and files: loan_default_assets_tests/scheduling.py.
unit: install
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: install
	$(BIN)/pytest -m slow

# Models in an object store, against moto's S3 server on this machine; without the extra, these tests are skipped.
test-s3: install
	$(BIN)/python -m pip install --quiet --editable '.[test-s3]'
	$(BIN)/pytest -m 'slow or not slow' loan_default_assets_tests/object_store \
		loan_default_assets_tests/bento/test_replicas_under_load.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Of the running product: `make demo`, then `loan-default up` in another terminal. Needs Chromium.
screenshots: install
	$(BIN)/python docs/screenshots.py

bench: install
	$(BIN)/python -m loan_default_assets_tests.benchmarks

# Planted faults, one after the other: about an hour; what was interrupted goes on.
mutants: install
	$(BIN)/python -m loan_default_assets_tests.mutants --record .venv/mutants.jsonl --write docs/mutants.md

# The pages of docs/ as a site in build/site, in an environment of their own; the first time npm fetches the diagrams' script.
docs:
	$(PYTHON) -m venv .venv/docs
	.venv/docs/bin/python -m pip install --quiet 'mkdocs-material>=9.6,<10'
	.venv/docs/bin/mkdocs build --strict

# Newest versions that pyproject.toml allows, with their hashes.
constraints: install
	$(BIN)/python -m pip install --quiet --editable '.[audit]'
	$(BIN)/python deploy/docker/requirements.py pyproject.toml | $(BIN)/uv pip compile - --universal \
		--fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-package torch --no-emit-index-url \
		--no-annotate --upgrade --custom-compile-command 'make constraints' --quiet \
		--output-file deploy/docker/constraints.txt
	sed -n 's/^\([a-z0-9-]*\)==[^ ]* \\$$/--no-emit-package \1/p' deploy/docker/constraints.txt > .venv/in-image.txt
	$(BIN)/python deploy/docker/requirements.py pyproject.toml kubernetes s3 | $(BIN)/uv pip compile - --universal \
		--fork-strategy fewest --python-version 3.11 --generate-hashes --constraint deploy/docker/constraints.txt \
		--no-emit-package torch $$(cat .venv/in-image.txt) --no-emit-index-url --no-annotate --upgrade \
		--custom-compile-command 'make constraints' --quiet --output-file deploy/kubernetes/image/constraints.txt

# The chart of deploy/kubernetes, rendered, validated and checked for policies. checkov has an environment of its own,
# since it pins packages that the project has in other versions.
chart: install
	$(BIN)/python -m pip install --quiet --editable '.[chart]'
	helm=$$($(BIN)/python -m loan_default_assets_tests.deployment.helm_program) && for values in small production; do \
		mkdir -p .venv/rendered/$$values && $$helm template bank deploy/kubernetes/loan-default --namespace loans \
			--values deploy/kubernetes/values/$$values.yaml > .venv/rendered/$$values/all.yaml || exit 1; done
	$(BIN)/pytest loan_default_assets_tests/deployment -k chart
	$(PYTHON) -m venv .venv/checkov
	.venv/checkov/bin/python -m pip install --quiet 'checkov>=3.3,<4'
	for values in small production; do .venv/checkov/bin/checkov --config-file deploy/kubernetes/.checkov.yaml \
		--directory .venv/rendered/$$values || exit 1; done

# After `make constraints`: the packages are those that are installed, their names those that are pinned.
licences: install
	$(BIN)/python -m loan_default_assets_tests.supply_chain.dependency_licences > docs/licences.md.partial
	mv docs/licences.md.partial docs/licences.md

# The packages of this environment, development tools included; the image has a bill of its own (docs/deployment.md).
sbom: install
	$(BIN)/python -m pip install --quiet --editable '.[sbom]'
	$(BIN)/cyclonedx-py environment --spec-version 1.6 --output-reproducible --pyproject pyproject.toml \
		--output-file sbom.cdx.json $(BIN)/python

# Known vulnerabilities of the versions that the image installs. Needs the network, as `constraints` does; without
# `--strict`, an index that knows no vulnerabilities would pass.
audit: install
	$(BIN)/python -m pip install --quiet --editable '.[audit]'
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement deploy/docker/constraints.txt
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement deploy/kubernetes/image/constraints.txt
	$(BIN)/python deploy/docker/requirements.py pyproject.toml | grep '^torch==' > .venv/torch.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement .venv/torch.txt

# Signatures of models are exchanged with the project whose format they have, in a folder of its own: it brings other
# versions of packages that are installed. pyOpenSSL is imported by it and not among its requirements.
interop: install
	$(BIN)/python -m pip install --quiet --upgrade --target .venv/model-signing 'model-signing>=1.1,<2' pyOpenSSL
	MODEL_SIGNING_PATH=$(CURDIR)/.venv/model-signing $(BIN)/pytest loan_default_assets_tests/signing

clean:
	rm -rf .venv .loan_default .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
