# Needs only make and CPython >= 3.11. Everything else goes into .venv, from hash-pinned locks, wheels only.
#   make demo ARGS="--port 8080"      arguments for linli or pytest
#   make test PYTHON=/path/to/python3 another CPython

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# One process of tests per core, at most 4 (each starts servers of its own), each taking file by file.
SIDE_BY_SIDE ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PYTHON ?=
UV ?= uv

# A lock names every library, with its hash: nothing is left for pip to resolve. (Resolving would ask for what is newest.)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --no-input install --quiet --no-deps --only-binary :all:

.DEFAULT_GOAL := help
.NOTPARALLEL:
FOLDER ?=
.PHONY: help demo serve neo4j postgres test test-long check lock clean

help: ## show this list
	@echo "Linli (邻里). Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo "Arguments go in ARGS, as in: make test ARGS='-k feed'"

demo: $(VENV)/.linli ## a demo city: made, trained and served here, with sign-in links
	@$(BIN)/linli demo $(ARGS)

serve: $(VENV)/.linli ## serve the home that linli init made
	@$(BIN)/linli serve $(ARGS)

neo4j: $(VENV)/.dev ## a real Neo4j on this machine, in FOLDER=neo4j-data, until Ctrl-C
	@echo "==> Starting Neo4j in $(or $(FOLDER),neo4j-data) (a minute the first time: it is downloaded)"
	@echo "    When it is ready it prints a graph URL. Use it with every linli command, for example"
	@echo "      export LINLI_GRAPH='bolt://neo4j:...@127.0.0.1:7687'"
	@echo "      linli graph rebuild && linli snapshot"
	@$(BIN)/python tools/neo4j_server.py $(or $(FOLDER),neo4j-data) --port 7687 $(ARGS)

postgres: $(VENV)/.dev ## a real PostgreSQL on this machine, in FOLDER=postgres-data, until Ctrl-C
	@$(BIN)/python -W ignore tools/postgres_server.py $(or $(FOLDER),postgres-data) $(ARGS)

test: $(VENV)/.dev $(VENV)/.linli ## all tests, with real graph stores, real ledgers and a real browser
	@chromium=$$(sh tools/find_chromium.sh) || exit 1; \
	LINLI_CHROMIUM="$$chromium" $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-long: export LINLI_TEST_SIZE = long
test-long: test ## the same tests at the sizes that the promises name

check: $(VENV)/.dev $(VENV)/.linli ## style, format, types, import contracts
	@echo "==> ruff check";    $(BIN)/ruff check
	@echo "==> ruff format";   $(BIN)/ruff format --check
	@echo "==> mypy";          $(BIN)/mypy
	@echo "==> lint-imports";  $(BIN)/lint-imports --no-cache
	@echo "==> architecture";  $(BIN)/python -m pytest -q tests/architecture

lock: ## remake the locks from pyproject.toml (needs uv; ARGS=--upgrade for newer versions)
	@if [ -x $(BIN)/uv ]; then uv=$(BIN)/uv; else uv="$(UV)"; fi; UV="$$uv" sh tools/lock.sh $(ARGS)

clean: ## remove builds and caches (keeps .venv and linli-home)
	@rm -rf build dist .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -path ./$(VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# --- the environment: each stamp is made again only when its lock changes ---

$(BIN)/python:
	@python=$$(sh tools/find_python.sh $(PYTHON)) || exit 1; \
	echo "==> Making $(VENV) with $$python"; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)

$(VENV)/.core: requirements.lock requirements-build.lock | $(BIN)/python
	@echo "==> Installing Linli's libraries into $(VENV) (a minute or two the first time)"
	@$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@

# The development lock holds everything of the other two.
$(VENV)/.dev: requirements-dev.lock requirements.lock requirements-build.lock | $(BIN)/python
	@echo "==> Installing the development libraries into $(VENV) (a few minutes the first time)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $(VENV)/.core $@

$(VENV)/.linli: pyproject.toml | $(VENV)/.core
	@echo "==> Installing Linli itself (editable)"
	@$(PIP) --no-build-isolation --editable .
	@touch $@
