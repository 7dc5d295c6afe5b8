# Each target sets itself up: make and Python 3.11 or newer are all that a machine needs.

PYTHON ?= $(shell python3.11 -c pass 2>/dev/null && echo python3.11 || echo python3)
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
CONSTRAINTS := requirements/constraints.txt

# Read by pip also where it builds the package: the same tools on every machine.
export PIP_CONSTRAINT := $(CONSTRAINTS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check lint bench clean

demo: $(VENV)/examples.stamp
	$(BIN)/python examples/student_dropout.py $(DEMO)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(MAKE) test

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "edversion needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/examples.stamp: pyproject.toml $(CONSTRAINTS) $(VENV)/made.stamp
	$(BIN)/pip install --quiet --editable '.[examples]'
	touch $@

# PyTorch is optional: tests that need it skip themselves where it is not installed. It is taken
# from a folder of wheels that the machine offers, as the build for processors, or not at all.
$(VENV)/dev.stamp: pyproject.toml $(CONSTRAINTS) $(VENV)/made.stamp
	$(BIN)/pip install --quiet --editable '.[dev]'
ifneq ($(PIP_FIND_LINKS),)
	-$(BIN)/pip install --quiet --no-index --no-deps 'torch==2.13.0+cpu' 2>/dev/null \
	    && $(BIN)/pip install --quiet 'torch==2.13.0+cpu'
endif
	touch $@ $(VENV)/examples.stamp
