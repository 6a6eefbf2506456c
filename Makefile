# Shelfgraph. `make help` tells everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STORE ?= embedded
SECONDS_TO_SERVE ?=
PORT ?= 8080
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
WEB_STAMP := web/dist/.built

# one at a time in each of two runs: they share a Neo4j or count their cases, or share the demo's home
LONG := full or neo4j or browser or conformance
ON_DEMO := demo or browser
# seconds for which the demo is built alone: its half is the longer one, and its time is bounded
HEAD_START := 600

# threads that wait give their core to who works: two runs side by side otherwise spin through most of their time
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help demo test unit full lint types arrows format web requirements lock bench docs-figures clean doctor

help: ## show this help
	@echo "Shelfgraph needs Python 3.11, make and a network for packages; everything else installs itself."
	@echo
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo "  make demo STORE=neo4j            the same on a real Neo4j with Graph Data Science, assembled from packages"
	@echo "  make demo SECONDS_TO_SERVE=0     build, answer three queries, exit"
	@echo "  $(BIN)/shelfgraph --help         every command of the service"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Shelfgraph needs Python 3.11 or newer, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing the locked packages into $(VENV) (about 7 GB, minutes at the first time) ..."
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(WEB_STAMP): $(STAMP) web/package-lock.json $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)
	@echo "Building the playground ..."
	cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@

demo: $(STAMP) $(WEB_STAMP) ## from the demo data to explained answers and a playground in the browser
	SHELFGRAPH_STORE=$(STORE) SHELFGRAPH_PORT=$(PORT) $(BIN)/shelfgraph demo $(if $(SECONDS_TO_SERVE),--seconds-to-serve $(SECONDS_TO_SERVE))

test: lint types arrows $(WEB_STAMP) ## everything: lint, types, arrows, units, conformance on all stores, browser, full data
	$(BIN)/python -m pytest tests -n 2 --dist loadfile -m "not ($(LONG))"
	@echo "The long tests, in two runs side by side; what the one without the demo says comes at its end:"
	@said=$$(mktemp); (sleep $(HEAD_START); exec $(BIN)/python -m pytest tests -m "($(LONG)) and not ($(ON_DEMO))") > $$said 2>&1 & other=$$!; \
	$(BIN)/python -m pytest tests -m "($(LONG)) and ($(ON_DEMO))"; here=$$?; \
	wait $$other; there=$$?; cat $$said; rm -f $$said; exit $$(( here > there ? here : there ))

unit: $(STAMP) ## the quick tests only: no whole models, no processes, no servers
	$(BIN)/python -m pytest tests -n 2 --dist loadfile -m "not ($(LONG) or command_line or training)"

full: $(STAMP) $(WEB_STAMP) ## only the tests on the whole demo data
	$(BIN)/python -m pytest tests -m full

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

arrows: $(STAMP) ## the import contract of the rooms
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web: $(WEB_STAMP) ## build the playground

bench: $(STAMP) ## every benchmark on the demo data, results into bench/results (an hour)
	$(BIN)/shelfgraph bench all --write

docs-figures: $(STAMP) ## write the README's figures from bench/results
	$(BIN)/python -m bench.readme

requirements: $(STAMP) ## which promises of reliability and security are named by which tests
	$(BIN)/python -m tests.requirements

doctor: $(STAMP) ## what is missing on this machine and how to get it
	$(BIN)/shelfgraph doctor

lock: $(STAMP) ## resolve the dependencies anew, with hashes and without any index address
	$(UV) pip compile requirements/bootstrap.in --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal -q -o requirements/bootstrap.txt
	$(UV) pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal -q -o requirements/run.txt
	$(UV) pip compile pyproject.toml --group dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal -q -o requirements/dev.txt
	$(UV) pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal -q -o requirements/scale-out.txt

clean: ## remove what was built and installed here (not your data in .shelfgraph)
	rm -rf $(VENV) web/dist web/node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache
