# Every command of the project, one line each: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
NODE := $(shell command -v npm 2>/dev/null)

# Where the database decides: what locks, counts, numbers, orders and wakes. `make test-slow` runs everything there.
ON_POSTGRESQL := $(addprefix tests/,db streams jobs features/audit features/usage features/groups \
	features/permissions features/interventions features/accounts features/conversations \
	features/chat/test_replacing.py features/chat/test_idempotency.py features/chat/test_interrupting.py)

# Without compiled files every process, and tests start thousands, would compile everything it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help openid setup run test test-slow check bench docs console system-packages dev-setup migration openapi clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMPS)/run console ## Install what Clary needs to run

run: setup ## Start Clary on the embedded default
	@exec $(BIN)/clary serve

test: dev-setup check ## Install what the tests need, check, and run the whole suite
	$(BIN)/pytest -n 4 --dist loadgroup -m "not slow"
	CLARY_TEST_DATABASE=postgresql $(BIN)/pytest -n 4 --dist loadgroup -m "not slow" $(ON_POSTGRESQL)
	@if [ -n "$(NODE)" ]; then cd console && npm test --silent; else echo "Node is missing: console tests not run"; exit 1; fi

test-slow: dev-setup ## Run the long sweeps, and the whole suite on PostgreSQL
	$(BIN)/pytest -m slow --timeout=900
	CLARY_TEST_DATABASE=postgresql $(BIN)/pytest -n 4 --dist loadgroup --timeout=900

check: dev-setup ## Format, lint, types, import contracts
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/pyright
	$(BIN)/lint-imports
	@if [ -n "$(NODE)" ]; then cd console && npm run check --silent; fi

bench: dev-setup ## Measure, in one run, against the floors
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/sandbox.py

docs: dev-setup ## Check that the documentation agrees with the code
	$(BIN)/pytest tests/architecture tests/contract

migration: dev-setup ## Regenerate the initial migration from the tables
	$(BIN)/python tools/make_migration.py

openapi: dev-setup ## Regenerate contract/openapi.json
	$(BIN)/python tools/make_openapi.py

clean: ## Remove everything that was installed or built
	rm -rf $(VENV) console/node_modules console/dist

$(STAMPS)/venv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv requirements.lock pyproject.toml
	@[ -f $(STAMPS)/dev ] || $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(MAKE) --no-print-directory system-packages PACKAGES="bwrap:bubblewrap"
	@touch $@

dev-setup: $(STAMPS)/dev console openid

$(STAMPS)/dev: $(STAMPS)/venv requirements-dev.lock pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --only-binary :all: --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(MAKE) --no-print-directory system-packages PACKAGES="bwrap:bubblewrap chromium:chromium tesseract:tesseract-ocr,tesseract-ocr-chi-sim /usr/lib/postgresql/*/bin/postgres:postgresql"
	@touch $@ $(STAMPS)/run

# Installs Debian packages whose program is missing, where we may; otherwise says what to install.
system-packages:
	@for pair in $(PACKAGES); do \
	  program=$${pair%%:*}; package=$$(echo $${pair##*:} | tr , ' '); \
	  for found in $$program; do command -v $$found >/dev/null 2>&1 && continue 2; done; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing $$package"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package; } >/dev/null 2>&1 \
	      || echo "could not install $$package; see 'clary doctor'"; \
	  else echo "$$program is missing: install the package $$package (see 'clary doctor')"; fi; \
	done

# A real OpenID provider and a strict client, for the tests only.
openid:
	@if [ -n "$(NODE)" ]; then $(MAKE) --no-print-directory tests/openid/node_modules/.package-lock.json; fi

tests/openid/node_modules/.package-lock.json: tests/openid/package-lock.json
	cd tests/openid && npm ci --silent --no-audit --no-fund

console: ## Build the web console when Node is there
	@if [ -n "$(NODE)" ]; then $(MAKE) --no-print-directory console/dist/index.html; fi

console/node_modules/.package-lock.json: console/package-lock.json
	cd console && npm ci --silent --no-audit --no-fund

CONSOLE_SOURCES := $(shell find console/src console/public console/index.html console/vite.config.ts -type f 2>/dev/null)

console/dist/index.html: console/node_modules/.package-lock.json $(CONSOLE_SOURCES)
	cd console && npm run build --silent
	@touch $@
