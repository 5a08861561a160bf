# A newcomer types `make demo` or `make test`; both prepare an environment first.
# An active virtual environment is used as it is; otherwise .venv is made with PYTHON (default: python3).

PYTHON ?= python3
VENV := $(or $(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
# The stamp lives in the environment and names this checkout, so neither can be replaced unnoticed.
STAMP := $(VENV)/.spikeformers-$(shell pwd | cksum | cut -d ' ' -f 1)
# Tests run in processes of their own, one per core; threads inside them would only fight. They start others, which
# would compile the same sources again where bytecode is not to be kept.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2
NATIVE := src/spikeformers/native
LIBRARY := $(NATIVE)/lib/libspikeformers_portable.so

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-slow test-triton native sanitize lint format bench clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' $(MAKEFILE_LIST) | column -t -s ':' -o ' ' 2>/dev/null \
	    || sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' $(MAKEFILE_LIST)

install: $(STAMP) ## prepare the environment (all other targets do it by themselves)

demo: $(STAMP) ## train two small models on the embedded digits and show what they learnt
	$(BIN)/spikeformers demo

test: lint test-fast ## style, types, import rules and the fast tests

test-fast: native
	$(PYTEST)

test-slow: native ## the tests that take minutes
	$(PYTEST) -m slow

# Once as they are interpreted, and once as they are compiled: that is decided when Triton is imported.
test-triton: $(STAMP) ## install Triton, and test its kernels on a GPU or, interpreted and compiled, without one
	$(BIN)/python -m pip install -q -e '.[triton]' -c constraints.txt
	TRITON_INTERPRET=1 $(PYTEST) tests/ops/triton
	$(PYTEST) tests/ops/triton

native: $(STAMP) $(LIBRARY) ## compile the C++ core where its sources changed and there is a compiler

# Status 3 is a machine without a compiler: the tests then run on the reference. SPIKEFORMERS_NO_NATIVE=1 asks for it.
$(LIBRARY): $(wildcard $(NATIVE)/src/*) $(NATIVE)/build.py $(NATIVE)/sets.py | $(STAMP)
	[ "$$SPIKEFORMERS_NO_NATIVE" = 1 ] || $(BIN)/python -m spikeformers.native.build || [ $$? = 3 ]

sanitize: native ## run the C++ core under address, undefined behaviour and thread sanitizers
	$(BIN)/python tests/native/sanitize.py

lint: $(STAMP) ## style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## rewrite the sources in the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMP) ## run every script in benchmarks/
	@found=; for script in benchmarks/*.py; do \
	    [ -e "$$script" ] || continue; \
	    found=yes; echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done; [ -n "$$found" ] || echo "There are no benchmarks yet: benchmarks/ holds no Python script."

clean: ## remove what was made here, except your runs/ and the environment
	rm -rf build dist demo $(NATIVE)/lib .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt $(VENV)/bin/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt
	@rm -f $(VENV)/.spikeformers-*
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "spikeformers needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	    echo "Name another interpreter: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; \
	    exit 1; }
	$(PYTHON) -m venv $(VENV)
