# Every command of the project. `make help` lists them; they work on a fresh machine with git, make and Python 3.11+.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python

# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	$$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$candidate && break; done)

# A stamp carries the checksum of what was installed: nothing happens until a lock changes, whatever git does to dates.
checksum = $(shell cat $(1) | cksum | tr ' ' '-')
RUN_STAMP := .venv/.run-$(call checksum,requirements/run.txt pyproject.toml)
TEST_STAMP := .venv/.test-$(call checksum,requirements/test.txt pyproject.toml)
# The peers of `make bench` have a virtual environment of their own: they want other versions of what we use.
BENCH_VENV := .cache/bench/venv
BENCH_STAMP := $(BENCH_VENV)/.installed-$(call checksum,requirements/bench.txt)
# So have the Python apps of `make interop`.
INTEROP_VENV := .cache/interop/venv
INTEROP_STAMP := $(INTEROP_VENV)/.installed-$(call checksum,requirements/interop.txt)

# Python keeps what it has compiled, also where the surroundings forbid it: tests start the portal many times.
export PYTHONDONTWRITEBYTECODE :=

# Some accounts have no home folder that they may write to; pip, npm and browsers want one.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo writable),writable)
export HOME := $(CURDIR)/.cache/home
endif

PIP := $(PY) -m pip --disable-pip-version-check --no-input
INSTALL = mkdir -p "$$HOME" && $(PIP) install --quiet --require-hashes --only-binary :all:
INSTALL_PORTAL = $(PIP) install --quiet --no-deps --no-build-isolation --editable .

.PHONY: help run dev venv test test-pg15 test-pgbouncer test-tls test-install interop check faults attack screenshots docs bench format lock clean

help: ## list these commands
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "  make %-15s %s\n", $$1, $$2 }'

run: $(RUN_STAMP) ## start portal, database, development inbox and demo app; Ctrl-C stops them all
	@PORTAL_DEV=1 PORTAL_DATA_DIR="$${PORTAL_DATA_DIR:-.data}" exec $(PY) -m portal.devtools.run

dev: $(RUN_STAMP) ## the same, and restart when a file changes
	@PORTAL_DEV=1 PORTAL_DATA_DIR="$${PORTAL_DATA_DIR:-.data}" exec $(PY) -m portal.devtools.run --reload

venv: $(RUN_STAMP) ## only make .venv, with the portal command in .venv/bin

# Two processes, each with a server, databases and a browser of its own; a file's tests stay together. Much of a run is
# waiting. ARGS="-n 0" runs all in one process, for a debugger.
test: $(TEST_STAMP) ## run every test, against a real PostgreSQL and a real browser; ARGS="-k code" runs some
	@browser=$$($(PY) -m tests.support.find_browser) && PORTAL_TEST_BROWSER="$$browser" \
		exec $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# What a deployment stands on: the SQL, what people and apps do, and a thousand requests of two tenants.
DEPLOYED := tests/sql tests/deployment/test_two_tenants.py tests/oidc/test_code_flow.py \
	tests/flows/test_a_person_signs_up_and_logs_in.py tests/flows/test_an_app_logs_people_in.py \
	tests/flows/test_logging_in.py tests/flows/test_the_code_in_the_mail.py tests/flows/test_the_link_in_the_mail.py

test-pg15: $(TEST_STAMP) ## run the SQL and the main journeys on the system's PostgreSQL 15, owned by an ordinary login (needs postgresql-15)
	@exec $(PY) -m tests.support.private_cluster $(PY) -m pytest $(DEPLOYED) tests/deployment/on_postgres_15 $(ARGS)

test-pgbouncer: $(TEST_STAMP) ## the same through PgBouncer in transaction mode (needs pgbouncer, too)
	@exec $(PY) -m tests.support.private_cluster --pooled $(PY) -m pytest $(DEPLOYED) tests/deployment/through_pgbouncer $(ARGS)

test-tls: $(TEST_STAMP) ## two portals behind HAProxy with TLS: forged headers, kills, ten restarts (needs haproxy)
	@exec $(PY) -m pytest tests/deployment/behind_haproxy $(ARGS)

test-install: $(TEST_STAMP) ## install the wheel, and run the Dockerfile's lines, as a stranger with an empty home (needs curl)
	@exec $(PY) -m pytest tests/deployment/installed $(ARGS)

interop: $(TEST_STAMP) $(INTEROP_STAMP) ## stock libraries log in, refresh and log out, as docs/apps says (needs go, java with mvn, apache2 with mod_auth_openidc)
	@browser=$$($(PY) -m tests.support.find_browser) && PORTAL_TEST_BROWSER="$$browser" \
		exec $(PY) -m pytest tests/interop/test_openid_client.py tests/interop/stock_apps $(ARGS)

check: $(TEST_STAMP) ## check style, types, import directions and templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m tests.lint_templates
	$(PY) -m tests.faults --verify

faults: $(TEST_STAMP) ## seed each listed fault in a copy and see its tests fail; ARGS=passkey takes one area
	@browser=$$($(PY) -m tests.support.find_browser) && PORTAL_TEST_BROWSER="$$browser" exec $(PY) -m tests.faults $(ARGS)

attack: $(TEST_STAMP) ## guess 10,000 times at one account from 500 addresses while its owner goes on; FAILURES=2000 is what make test does
	@ATTACK_FAILURES=$(or $(FAILURES),10000) exec $(PY) -m pytest tests/security/test_attack.py $(ARGS)

screenshots: $(TEST_STAMP) ## photograph every page into docs/screenshots
	@browser=$$($(PY) -m tests.support.find_browser) && PORTAL_TEST_BROWSER="$$browser" exec $(PY) -m tests.screenshots

bench: $(TEST_STAMP) $(BENCH_STAMP) ## measure the portal beside its peers; ONLY=login_page measures one goal, QUICK=1 takes a minute
	@exec $(PY) -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(ARGS)

docs: $(TEST_STAMP) ## write the pages that come from comments and docstrings: docs/sql.md, docs/sdk.md
	$(PY) -m tests.write_docs

format: $(TEST_STAMP) ## bring the Python files into shape
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: ## resolve requirements/*.in anew, exact versions and hashes (needs uv)
	uv pip compile $(LOCK_OPTIONS) requirements/run.in --output-file requirements/run.txt
	uv pip compile $(LOCK_OPTIONS) requirements/test.in --constraint requirements/run.txt --output-file requirements/test.txt
	uv pip compile $(LOCK_OPTIONS) requirements/bench.in --output-file requirements/bench.txt
	uv pip compile $(LOCK_OPTIONS) requirements/interop.in --output-file requirements/interop.txt

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-annotate --upgrade \
	--custom-compile-command "make lock"

clean: ## remove what these commands made, but for the database in .data
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv

$(RUN_STAMP): | .venv/bin/python
	@echo "Installing requirements/run.txt"
	@$(INSTALL) -r requirements/run.txt
	@$(INSTALL_PORTAL)
	@rm -f .venv/.run-* && touch $@

$(TEST_STAMP): | .venv/bin/python
	@echo "Installing requirements/test.txt"
	@$(INSTALL) -r requirements/test.txt
	@$(INSTALL_PORTAL)
	@rm -f .venv/.run-* .venv/.test-* && touch $(RUN_STAMP) $@

$(BENCH_STAMP): | .venv/bin/python
	@echo "Installing requirements/bench.txt"
	@$(PY) -m venv --clear $(BENCH_VENV) && mkdir -p "$$HOME"
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
		--only-binary :all: -r requirements/bench.txt
	@touch $@

$(INTEROP_STAMP): | .venv/bin/python
	@echo "Installing requirements/interop.txt"
	@$(PY) -m venv --clear $(INTEROP_VENV) && mkdir -p "$$HOME"
	@$(INTEROP_VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
		--only-binary :all: -r requirements/interop.txt
	@touch $@
