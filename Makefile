# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Every target prepares what it needs. `make help` lists those that are meant for people.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
# One more than the two processors of the usual machine, since many tests wait for a deadline.
JOBS ?= 3
# Parts run side by side; each one's output appears as a whole when it ends, and all of them run even if one fails.
SIDE_BY_SIDE := $(MAKE) --keep-going --jobs=$(JOBS) --output-sync=target
PYTEST := $(BIN)/python -m pytest --durations=15 --durations-min=1
# The checkout under its full name, so that mypy sees the modules as users import them.
NAMED := .venv/collections/ansible_collections/backhaul/sftp
# Whatever Ansible keeps for itself stays in the checkout, and collections that the user has installed stay out of it.
export ANSIBLE_HOME := $(CURDIR)/.build/ansible

PYTESTS := $(filter-out unit integration,$(patsubst tests/%/,%,$(sort $(dir $(wildcard tests/*/test_*.py)))))
# Folders whose tests take longest are shared by two processes.
SHARED := integration unit
SHARDS := $(foreach folder,$(SHARED),$(folder)-1 $(folder)-2)
MATRIX := matrix-oldest matrix-middle matrix-newest matrix-module
CHECKS := types unit-1 unit-2 lint
# The long parts first, so that no processor is idle at the end.
LONG := integration-1 integration-2 faults matrix-oldest sanity matrix-newest contract
TESTS := $(LONG) $(filter-out $(LONG),$(PYTESTS) $(MATRIX)) playbooks docs package changelog

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: demo
demo: ## Relay a backup between two throw-away servers, and watch
	@$(PYTHON) tests/tools/bootstrap.py run
	@$(BIN)/python tests/tools/demo.py

.PHONY: soak
soak: venv ## Relay among cuts, stalls and kills for MINUTES (60), and look at every result
	@$(BIN)/python -m ansible_collections.backhaul.sftp.tests.soak --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED))

.PHONY: check
check: venv-check ## The quick loop: lint, types, unit tests
	@$(SIDE_BY_SIDE) $(CHECKS)

.PHONY: test
test: venv packages ## Every promise: check, real servers, sanity, docs, package, matrix
	@$(SIDE_BY_SIDE) $(TESTS) $(CHECKS)
	@echo "All tests passed."

.PHONY: full
full: ## What make test does, and what it leaves out: see CONTRIBUTING.md
	@BACKHAUL_FULL=1 $(MAKE) test

.PHONY: matrix
matrix: venv packages ## Corners of what is supported with all their tests, and many handshakes beside ssh
	@BACKHAUL_FULL=1 $(SIDE_BY_SIDE) $(MATRIX) trust

.PHONY: format
format: venv-check ## Let ruff format and mend what it can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove everything that these targets made
	rm -rf .venv .venv.lock .build .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output *.tar.gz
	find plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: venv venv-check packages
venv: ## Make or update the environment in .venv
	@$(PYTHON) tests/tools/bootstrap.py test
venv-check:
	@$(PYTHON) tests/tools/bootstrap.py check
packages:
	@tests/tools/packages.sh

# The parts. They expect that `make venv` was run.
docs playbooks: export PATH := $(CURDIR)/$(BIN):$(PATH)
.PHONY: lint types $(PYTESTS) $(SHARED) $(SHARDS) sanity docs changelog playbooks package $(MATRIX)
lint:
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types:
	@echo "== mypy"
	@$(BIN)/mypy --exclude '/tests/tools/' $(NAMED)/plugins $(NAMED)/tests | sed 's#^$(NAMED)/##'
	@MYPYPATH=tests/tools $(BIN)/mypy --cache-dir .mypy_cache/tools tests/tools

$(PYTESTS):
	@echo "== pytest tests/$@"
	@$(PYTEST) tests/$@

$(SHARED): %:
	@$(SIDE_BY_SIDE) $*-1 $*-2

$(SHARDS):
	@echo "== pytest tests/$(subst -, part ,$@)"
	@$(PYTEST) tests/$(firstword $(subst -, ,$@)) --shard=$(lastword $(subst -, ,$@))/2

# The code linter of ansible-test alone takes longer for the tests than all else; ruff and mypy read those, too.
sanity:
	@echo "== ansible-test sanity"
ifdef BACKHAUL_FULL
	@$(BIN)/python tests/tools/ansible_test.py sanity
else
	@$(BIN)/python tests/tools/ansible_test.py sanity --skip-test pylint
	@$(BIN)/python tests/tools/ansible_test.py sanity --test pylint plugins/
endif

docs:
	@echo "== antsibull-docs"
	@antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all \
	  --disallow-unknown-collection-refs --check-extra-docs-refs .

changelog:
	@echo "== antsibull-changelog"
	@$(BIN)/antsibull-changelog lint

playbooks:
	@echo "== ansible-lint"
	@ansible-lint

package:
	@echo "== build and install"
	@$(BIN)/python tests/tools/package.py

$(MATRIX): matrix-%:
	@echo "== matrix"
	@$(BIN)/python tests/tools/matrix.py $*
