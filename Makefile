# `make run`: set everything up and take the flights from raw data to a pushed model.
# `make test`: set everything up and run every test in the environments it belongs to.
# `make help`: the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
CACHE ?= .cache
BIN := $(VENV)/bin
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements-dev.lock)
ROLES := data features train serve
FLIGHTS := examples/flights/data/flights.csv
HISTORIES := feature_repo/data/.whole

# Where pip takes wheels from a folder (a build of torch for CPUs, say), uv takes them too.
ifndef UV_FIND_LINKS
  UV_FIND_LINKS := $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
  # pip separates several places by spaces, uv by commas.
  UV_FIND_LINKS := $(shell tr -s '[:space:]' ',' <<<"$(strip $(UV_FIND_LINKS))" | sed 's/,$$//')
endif
ifneq ($(UV_FIND_LINKS),)
  export UV_FIND_LINKS
endif
export PATH := $(abspath $(BIN)):$(PATH)
export VIRTUAL_ENV := $(abspath $(VENV))
# A virtual environment that is active in the caller's shell is not ours.
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup envs data months features run test slow parity newer quick lint style types format bench lock compile catalogue schemas wheel clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.whole ## Build the author's environment in .venv

# The stamp is made last, so what was cut off is begun again.
$(VENV)/.whole: requirements-dev.lock setup.py pyproject.toml components/plimsoll/__init__.py
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...")'
	@echo "setting up $(VENV)"
	@rm -f $@
	@if [ -e $(VENV) ] && [ ! -f $(VENV)/pyvenv.cfg ]; then echo "$(VENV) is there and is no virtual environment; remove it, or try: make VENV=.venv2 ..." >&2; exit 1; fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/uv --version 2>/dev/null | grep -q "^uv $(UV_VERSION)\b" || PIP_REQUIRE_VIRTUALENV=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@uv pip sync --quiet requirements-dev.lock
	@uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

envs: setup ## Build the roles' environments (once; they are kept in the user's cache)
	@plimsoll env build $(ROLES)

data: $(FLIGHTS) ## Make the flights' data: 336,776 flights of 2013 with the weather

$(FLIGHTS): examples/flights/make_data.py | $(VENV)/.whole
	@python examples/flights/make_data.py $@

months: data ## Cut the flights into months, for the data gate; one has a column renamed
	@python examples/flights/make_months.py

features: data envs $(HISTORIES) ## Make the feature store's tables: what was known of flights, and when

# The stamp is made last, so what was cut off is begun again.
$(HISTORIES): feature_repo/make_sources.py $(FLIGHTS) | $(VENV)/.whole envs
	@PYTHONPATH=components "$$(plimsoll env path features)" feature_repo/make_sources.py --data $(dir $(FLIGHTS)) --to $(@D)
	@touch $@

run: setup data envs features ## Take the flights from raw data to a pushed model
	@plimsoll run features --repo feature_repo --until 2013-12-30T20:00:00
	@plimsoll run training --data $(FLIGHTS) --problem examples/flights/problem.yaml

test: setup data envs features $(CACHE)/test-tools/.whole ## Run every test in the environments it belongs to
	@python tests/run.py --tools $(CACHE)/test-tools

slow: setup envs $(CACHE)/test-tools/.whole ## Run the tests that train in several processes, are killed, and go on
	@python tests/run.py --slow --tools $(CACHE)/test-tools

parity: setup envs $(CACHE)/test-tools/.whole ## Compare features offline and online on many more histories than make test
	@PLIMSOLL_HISTORIES=25 python tests/run.py --only features --tools $(CACHE)/test-tools -- -k test_parity

$(CACHE)/newer-test-tools/.whole: PYTHON_OF_TOOLS := 3.13
$(CACHE)/test-tools/.whole $(CACHE)/newer-test-tools/.whole: tests/requirements.lock | $(VENV)/.whole
	@rm -rf $(@D) && mkdir -p $(@D)
	@uv pip install --quiet --python-version $(or $(PYTHON_OF_TOOLS),3.11) --target $(@D) --requirement tests/requirements.lock
	@touch $@

newer: setup $(CACHE)/newer-test-tools/.whole ## Build the image with the newer TFDV, and run the data role's tests in it
	@.ci/image data glibc2.39
	@python tests/run.py --tools $(CACHE)/newer-test-tools --only data --image plimsoll/data:local-glibc2.39

quick: lint ## Lint, and the author's tests that are fast: under a minute
	@python tests/run.py --only author --shares 3 -- -m "not slow"

lint: style types ## ruff, mypy and the import rules

style: setup ## ruff, and the import rules
	@ruff check .
	@ruff format --check .
	@lint-imports --no-cache --no-logo

types: setup ## mypy
	@mypy

format: setup ## Put the code into its format, and fix what ruff can fix
	@ruff check --fix-only .
	@ruff format .

bench: setup data envs features ## Print the benchmarks
	@python -m benchmarks

lock: setup ## Resolve all requirements.in again; UPGRADE=1 takes the newest versions allowed
	@python tools/lock.py $(if $(UPGRADE),--upgrade)

compile: setup ## Compile the pipelines into pipelines/compiled
	@plimsoll compile

catalogue: setup ## Write docs/components.md from the components
	@python tools/catalogue.py

schemas: setup ## Write the JSON Schemas of the configurations, and docs/configuration.md
	@python tools/schemas.py

wheel: setup ## Build the wheel, and install it into an environment of its own
	@rm -rf build/lib build/bdist.* build/clean dist
	@python -m build --wheel --no-isolation --outdir dist . >/dev/null
	@uv venv --quiet --python $(PYTHON) build/clean
	@uv pip install --quiet --python build/clean "$$(echo dist/*.whl)[local]"
	@cd / && env -u VIRTUAL_ENV "$(CURDIR)/build/clean/bin/plimsoll" --version
	@ls dist/*.whl

clean: ## Remove what make made here; the roles' environments stay (see plimsoll env prune)
	rm -rf $(VENV) $(CACHE) build dist runs components/*.egg-info examples/flights/data feature_repo/data
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
