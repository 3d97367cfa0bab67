# Socle: one command runs the platform (`make run`), one proves it (`make check test`). `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# Stamps: redone only when what they come from has changed.
INSTALLED := $(VENV)/.installed
LINKED := $(VENV)/.linked
GENERATED := libs/contracts/socle/.made

# PYTHON=/path/to/python3.12 chooses another; asked only when the virtual environment must be made.
PYTHON = $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; break; fi; done)
SOCLE := $(BIN)/python -m socle_local
MANIFESTS := $(sort $(wildcard services/*/pyproject.toml))
# The folders programs import from: generated contracts, chassis, each service, the local platform, Kubernetes.
ROOTS = libs/contracts libs/chassis $(MANIFESTS:/pyproject.toml=) deploy/local deploy/k8s
PROTOS := $(shell find proto -name '*.proto' 2>/dev/null)

# TLS=1 puts mutual TLS between the services; OBS=1 shows traces and metrics; YES=1 answers the question of reset.
ifneq ($(TLS),)
export SOCLE_LOCAL_TLS := $(TLS)
endif
ifneq ($(OBS),)
export SOCLE_LOCAL_OBS := $(OBS)
endif

##@ The platform
.PHONY: run up down reset status token demo
run: $(GENERATED) ## Run it all in this terminal, Ctrl-C stops it (TLS=1: mutual TLS inside; OBS=1: traces and metrics)
	@exec $(SOCLE) run
up: $(GENERATED) ## Start it in the background, return when all is ready
	@$(SOCLE) up
down: $(LINKED) ## Stop it, in order; the data is kept
	@$(SOCLE) down
reset: $(LINKED) ## Delete its data, .socle/ (YES=1: without asking)
	@$(SOCLE) reset $(if $(YES),--yes)
status: $(LINKED) ## Each component: state, address, memory
	@$(SOCLE) status
token: $(LINKED) ## Print a bearer token (PERSONA=doctor)
	@$(if $(PERSONA),,echo "Say whose token: make token PERSONA=doctor" >&2; exit 2;) $(SOCLE) token $(PERSONA)
demo: $(GENERATED) ## Play the first journey against the running platform
	@$(SOCLE) demo

##@ The code
.PHONY: check test test-clamav test-openbao test-bucket format gen lock new-service bench chaos
check: $(GENERATED) ## Every rule a machine can hold: style, types, layers, contracts, house lints
	@$(BIN)/python -m tools.check $(ONLY)
test: $(GENERATED) ## All the tests, on real servers (ARGS='-k dmp')
	@$(BIN)/python -m pytest $(ARGS)
test-clamav: $(GENERATED) ## The scanner of documents against a real clamd (Debian: clamav-daemon)
	@$(BIN)/python -m pytest -rs services/dmp/tests/test_scanner_clamav.py
test-openbao: $(GENERATED) ## The master key against a real transit engine (SOCLE_BAO=path of bao or vault)
	@$(BIN)/python -m pytest -rs services/dmp/tests/test_transit.py
test-bucket: $(GENERATED) ## The object store against a real S3 server (SOCLE_VERSITYGW=path of versitygw)
	@$(BIN)/python -m pytest -rs services/dmp/tests/test_blobs_s3.py
format: $(GENERATED) ## Lay out the code and apply the safe corrections
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format --quiet .
gen: $(LINKED) ## Generate the Python of the contracts from proto/
	@$(BIN)/python -m tools.gen && touch $(GENERATED)
new-service: $(GENERATED) ## Create a service that runs, with a green test (NAME=lab-results)
	@$(if $(NAME),,echo "Name the service: make new-service NAME=lab-results" >&2; exit 2;) \
	  $(BIN)/python -m tools.new_service $(NAME) && $(MAKE) gen
bench: $(GENERATED) ## Measure start, memory and requests per second (ARGS=identity, dmp, eprescription: at size)
	@$(BIN)/python -m bench $(ARGS)
chaos: $(GENERATED) ## Contend for prescriptions while services are killed: 100,000 operations, 0 violations wanted
	@SOCLE_CHAOS_OPERATIONS=$${SOCLE_CHAOS_OPERATIONS:-100000} $(BIN)/pytest -s tests/chaos/test_no_double_dispense.py $(ARGS)
lock: $(INSTALLED) ## Pin requirements.in, with hashes, into requirements.lock
	@$(BIN)/uv pip compile requirements.in --output-file requirements.lock $(COMPILE) $(if $(UPGRADE),--upgrade)
	@echo uv | $(BIN)/uv pip compile - --output-file deploy/local/bootstrap.lock $(COMPILE) $(if $(UPGRADE),--upgrade)
	@$(MAKE) images-lock
# Neither the address of the registry nor the command line: both belong to a machine, not to the repository.
COMPILE := --quiet --generate-hashes --universal --python-version 3.11 --no-header \
	  --no-emit-index-url --no-emit-find-links

##@ Kubernetes and containers
# BASE_IMAGE is any with Python 3.11 or later; ONLY='dmp gateway' chooses among the images.
.PHONY: images base-image wheelhouse images-lock images-reproducible
images: $(LINKED) ## Build an image per service and the platform's (TAG=dev BASE_IMAGE=socle/base:bookworm)
	@$(BIN)/python -m deploy.images build $(if $(TAG),--tag $(TAG)) $(ON_BASE) $(ONLY)
base-image: $(LINKED) ## Make socle/base:bookworm without a registry (root, debootstrap, docker)
	@$(BIN)/python -m deploy.images base
wheelhouse: $(LINKED) ## Download what the images are made of (ARGS='--python 3.12 --machine aarch64')
	@$(BIN)/python -m deploy.images wheelhouse $(ON_BASE) $(ARGS)
images-lock: $(LINKED) ## Pin the packages of the images at the versions of requirements.lock
	@$(BIN)/python -m deploy.images lock
images-reproducible: $(LINKED) ## Build an image twice from nothing, compare them file by file (ONLY=dmp)
	@$(BIN)/python -m deploy.images reproducible $(ON_BASE) $(if $(ONLY),--service $(ONLY))
ON_BASE = $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE))
# TAG chooses the images, OVERLAY what is installed; IMAGES=present says that the nodes have them already.
.PHONY: k8s-generate k8s-check k8s-install k8s-uninstall k8s-journey
k8s-generate: $(GENERATED) ## Make again what the manifests repeat of the services' pyproject.toml
	@$(BIN)/python -m socle_k8s generate
k8s-check: $(GENERATED) ## Every overlay: schemas of three Kubernetes versions, checkov, our own policy (kubectl, go)
	@$(BIN)/python -m tools.k8s_check $(ARGS)
k8s-install: $(GENERATED) ## Install or upgrade an overlay in the cluster of KUBECONFIG (OVERLAY=dev TAG=dev)
	@$(BIN)/python -m socle_k8s install --overlay $(or $(OVERLAY),dev) $(if $(TAG),--tag $(TAG)) $(ARGS)
k8s-uninstall: $(GENERATED) ## Delete what an overlay made; Secrets and volumes are kept (OVERLAY=dev)
	@$(BIN)/python -m socle_k8s uninstall --overlay $(or $(OVERLAY),dev)
k8s-journey: $(GENERATED) ## Install dev in the cluster of KUBECONFIG with the images of this machine, play the journey
	@$(BIN)/python -m socle_k8s journey $(if $(TAG),--tag $(TAG)) $(if $(filter present,$(IMAGES)),--no-images) $(ARGS)
# The clients of Docker's API are no part of requirements.lock: nothing else needs them.
CONTAINERS := $(VENV)/.containers
.PHONY: test-containers test-containers-lock
test-containers: $(GENERATED) $(CONTAINERS) ## Every manifest in containers, the integration tests on them (ARGS='-k rotation')
	@$(BIN)/python -m tests.containers $(ARGS)
test-containers-lock: $(INSTALLED) ## Pin what test-containers needs beside requirements.lock
	@cd tests/containers && ../../$(BIN)/uv pip compile requirements.in --output-file requirements.lock $(COMPILE)
$(CONTAINERS): tests/containers/requirements.lock $(INSTALLED)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r $<
	@touch $@
.PHONY: slo slo-check
slo: $(GENERATED) ## Make rules, alerts and dashboards again from slo/
	@$(BIN)/python -m tools.slo
slo-check: $(GENERATED) ## The rules as Prometheus judges them, with series (PROMTOOL=path of promtool)
	@$(BIN)/python -m tools.slo.promtool
# The rehearsals of an operator's nights, on real servers; figures in build/.
.PHONY: upgrade-test backup restore restore-test capacity
upgrade-test: $(GENERATED) ## Upgrade and roll back under load, two versions together (SOCLE_UPGRADE_FROM=v1.2)
	@$(BIN)/python -m tests.upgrade rolling $(ARGS)
backup: $(GENERATED) ## Back up the running platform: databases and contents at one moment, keys apart
	@$(BIN)/python -m socle_local.backup_command take
restore: $(GENERATED) ## Bring the stopped platform back to a moment (TO=2026-06-12T10:00:00+00:00 FORMER=home)
	@$(BIN)/python -m socle_local.backup_command restore $(if $(TO),--to '$(TO)') $(if $(FORMER),--former '$(FORMER)')
restore-test: $(GENERATED) ## Lose tables, go back to the moment before in a fresh home, compare
	@$(BIN)/python -m tests.upgrade restore
capacity: $(LINKED) ## What a country needs, from what an operation costs here (ARGS='--inputs mine.toml')
	@$(BIN)/python -m tools.capacity $(ARGS)

##@ Known vulnerabilities
.PHONY: audit
audit: $(INSTALLED) ## Ask advisories about every lock, and a scanner (trivy, grype) about the images' SBOMs
	@test -x build/audit/bin/pip-audit || $(PYTHON) -m venv build/audit
	@VIRTUAL_ENV=$(CURDIR)/build/audit $(BIN)/uv pip install --quiet --require-hashes -r tools/audit/requirements.lock
	@$(BIN)/python -m tools.audit

##@ This list
.PHONY: help
help: ## Show the targets
	@if [ -t 1 ]; then bold='\033[1m' blue='\033[36m' plain='\033[0m'; fi; \
	awk -v bold="$$bold" -v blue="$$blue" -v plain="$$plain" 'BEGIN { FS = ":.*## " } \
	  /^##@ / { print "\n" bold substr($$0, 5) plain } \
	  /^[a-z0-9-]+:.*## / { printf "  %s%-15s%s %s\n", blue, $$1, plain, $$2 }' Makefile; echo

# The virtual environment. uv is fetched by pip and then fetches the rest, every file checked against its hash.
.PHONY: .venv
.venv: $(LINKED)

$(INSTALLED): requirements.lock deploy/local/bootstrap.lock
	@$(if $(PYTHON),,echo "Socle needs Python 3.11 or later and found none: install it, or name it with PYTHON=/path/to/python3." >&2; exit 1)
	@echo "Installing the pinned packages into $(VENV) (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python cannot make a virtual environment: install its venv package (Debian: apt install python3-venv)." >&2; \
	  rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/local/bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(LINKED): $(INSTALLED) $(MANIFESTS) Makefile
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "socle.pth")\
	.write_text("".join(f"{pathlib.Path(root).resolve()}\n" for root in sys.argv[1:]))' $(ROOTS)
	@touch $@

$(GENERATED): $(PROTOS) tools/gen.py | $(LINKED)
	@$(BIN)/python -m tools.gen >&2
	@touch $@
