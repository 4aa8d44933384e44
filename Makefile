# Scoreboard. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPROC := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
INSTALLED := $(VENV)/.installed
NODE_CLIENT := tests/contract/node/node_modules/.installed
NODE_PEER := benchmarks/node/node_modules/.installed
HELM3 := tests/charts/node/node_modules/.installed
export PYTHONUNBUFFERED := 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed. Name one with: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment; on Debian and Ubuntu install python3-venv."; exit 1; }
	@echo "Installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: install
install: $(INSTALLED) ## Install everything into .venv, exactly as locked

.PHONY: up
up: $(INSTALLED) ## Start the whole platform here: Postgres, Redis, API, realtime, worker, anti-cheat (Ctrl-C stops it)
	@exec $(BIN)/scoreboard up $(ARGS)

.PHONY: demo
demo: $(INSTALLED) ## Let simulated players play on the running platform
	@exec $(BIN)/scoreboard demo $(ARGS)

.PHONY: observe
observe: $(INSTALLED) ## Watch the running platform: Prometheus and Alertmanager with all rules (or says how to get them)
	@exec $(BIN)/python -m dashboards.observe $(ARGS)

.PHONY: drill
drill: $(INSTALLED) ## Break a platform in a dozen ways; the right people must be told of each, once, and of its end (needs Prometheus)
	@$(BIN)/python -m dashboards.drill $(ARGS)

.PHONY: test
test: $(INSTALLED) $(NODE_CLIENT) $(HELM3) ## Run every test against real stores, real processes and a real browser
	$(BIN)/pytest -n $(NPROC) --dist loadfile $(ARGS)

.PHONY: test-full
test-full: $(INSTALLED) $(NODE_CLIENT) $(HELM3) ## Run every test with the long sets too; prints and demands the counts of the security tests
	$(BIN)/python -m pytest -p tests.security.counts -m "" -n $(NPROC) --dist loadfile $(ARGS)

.PHONY: chaos
chaos: $(INSTALLED) ## Kill, stop, cut off and flood the platform in every known way; writes docs/reliability.md when all held
	@$(BIN)/python -m tests.chaos $(ARGS)

$(NODE_CLIENT): tests/contract/node/package-lock.json
	@if command -v npm >/dev/null; then cd tests/contract/node && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "npm is not here: tests with the stock socket.io-client in Node will be skipped"; fi

$(NODE_PEER): benchmarks/node/package-lock.json
	@if command -v npm >/dev/null; then cd benchmarks/node && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "npm is not here: the fan-out is measured without socket.io for Node"; fi

$(HELM3): tests/charts/node/package-lock.json
	@if command -v npm >/dev/null; then cd tests/charts/node && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "npm is not here: the chart is rendered with Helm 4 only"; fi

.PHONY: unit
unit: $(INSTALLED) ## Run the tests that need nothing but Python
	$(BIN)/pytest tests/unit $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: security
security: $(INSTALLED) ## Look for holes: bandit over the code, known advisories over the lock; writes dist/sbom.cdx.json
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src services
	$(BIN)/python .ci/audit.py
	$(BIN)/python .ci/sbom.py dist/sbom.cdx.json

.PHONY: test-charts
test-charts: $(INSTALLED) $(HELM3) ## Run the charts: render, schemas, policy, every container as a process, rolling restarts, the operator, images
	$(BIN)/pytest tests/charts tests/operator $(ARGS)

.PHONY: charts
charts: $(INSTALLED) ## Write what is generated for the charts: values schema, README, golden files, plain manifests
	$(BIN)/python -m charts.generate

# docker is often there without an engine to talk to.
BUILDER ?= $(shell if docker info >/dev/null 2>&1; then echo docker; elif command -v podman >/dev/null; then echo podman; elif command -v buildah >/dev/null; then echo buildah; fi)
IMAGE_TAG ?= 0.1.0
IMAGE_REGISTRY ?=
SERVICES ?= api realtime worker anticheat-ml operator

.PHONY: images
images: ## Build the images with docker, podman or buildah (IMAGE_REGISTRY=..., IMAGE_TAG=..., SERVICES="api worker", BUILD_ARGS=...)
	@test -n "$(BUILDER)" || { echo "None of docker (with an engine), podman and buildah is here: install one of them."; exit 1; }
	@set -e; for service in $(SERVICES); do \
	  name=$(if $(IMAGE_REGISTRY),$(IMAGE_REGISTRY)/)scoreboard-$$service:$(IMAGE_TAG); \
	  echo "$(BUILDER): $$name"; \
	  $(BUILDER) build --file services/$$service/Dockerfile --tag $$name --build-arg VERSION=$(IMAGE_TAG) \
	    --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) $(BUILD_ARGS) .; \
	done

.PHONY: rules
rules: $(INSTALLED) ## Write alert rules, runbooks and Alertmanager's example from dashboards/slos.yaml and dashboards/alerts
	$(BIN)/python -m dashboards.generate rules

.PHONY: dashboards
dashboards: $(INSTALLED) ## Write Grafana's dashboards from dashboards/pages
	$(BIN)/python -m dashboards.generate dashboards

.PHONY: docs
docs: $(INSTALLED) ## Write what is generated from the code: docs/errors.md, docs/metrics.md and the page's error codes
	$(BIN)/python -m scoreboard_api.catalogue
	$(BIN)/python -m dashboards.generate metrics

.PHONY: format
format: $(INSTALLED) ## Put the code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench-write
bench-write: $(INSTALLED) ## Measure the write path against the naive baseline and pgbench; fails below benchmarks/goals.toml
	$(BIN)/python -m benchmarks.write $(ARGS)

.PHONY: bench
bench: $(INSTALLED) $(NODE_PEER) ## Run every benchmark, one after the other (25 minutes); writes docs/benchmarks.md, fails below the floors (ARGS=--quick)
	$(BIN)/python -m benchmarks.suite $(ARGS)

.PHONY: bench-reads
bench-reads: $(INSTALLED) ## Measure reads on a board of a million players, and what growing to it costs
	$(BIN)/python -m benchmarks.reads $(ARGS)

.PHONY: bench-start
bench-start: $(INSTALLED) ## Measure how soon the platform is there, and what it takes at rest
	$(BIN)/python -m benchmarks.start $(ARGS)

.PHONY: bench-live
bench-live: $(INSTALLED) ## Measure the time from a commit to two browsers among a thousand sockets
	$(BIN)/python -m benchmarks.live $(ARGS)

.PHONY: bench-fanout
bench-fanout: $(INSTALLED) $(NODE_PEER) ## Measure what one more listener costs against socket.io for Node, websockets and a C loop (10 minutes)
	$(BIN)/python -m benchmarks.fanout $(ARGS)

.PHONY: bench-telemetry
bench-telemetry: $(INSTALLED) ## Measure what metrics and traces cost a completion
	$(BIN)/python -m benchmarks.telemetry $(ARGS)

.PHONY: bench-defence
bench-defence: $(INSTALLED) ## Measure what the four layers of defence cost a request
	$(BIN)/python -m benchmarks.defence $(ARGS)

.PHONY: bench-check
bench-check: $(INSTALLED) ## Measure how long checking a million ledger entries takes, and how much memory
	$(BIN)/python -m benchmarks.check $(ARGS)

.PHONY: bench-anticheat
bench-anticheat: $(INSTALLED) ## Measure how fast the anti-cheat model and the inline rules judge
	$(BIN)/python -m benchmarks.anticheat $(ARGS)

.PHONY: detection-card
detection-card: $(INSTALLED) ## Measure what the shipped model finds and misses; writes docs/detection-card.md, fails below the floors
	$(BIN)/python -m benchmarks.detection_card $(ARGS)

.PHONY: default-model
default-model: $(INSTALLED) ## Train the shipped anti-cheat model again (its digest is pinned in the code)
	$(BIN)/python -m scoreboard_cli.training.ship

.PHONY: screenshots
screenshots: $(INSTALLED) ## Take the README's pictures from a running demo (needs Chromium)
	$(BIN)/python -m tests.e2e.screenshots docs/images

.PHONY: lock
lock: $(INSTALLED) ## Resolve the dependencies again and write requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements.lock

.PHONY: clean
clean: ## Remove what tools left behind; .scoreboard (your data) stays
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -not -path './.venv/*' -exec rm -rf {} +
