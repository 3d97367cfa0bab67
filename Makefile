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
# The folders programs import from: generated contracts, chassis, each service, the local platform.
ROOTS = libs/contracts libs/chassis $(MANIFESTS:/pyproject.toml=) deploy/local
PROTOS := $(shell find proto -name '*.proto' 2>/dev/null)

# TLS=1 puts mutual TLS between the services; YES=1 answers the question of reset.
ifneq ($(TLS),)
export SOCLE_LOCAL_TLS := $(TLS)
endif

##@ The platform
.PHONY: run up down reset status token demo
run: $(GENERATED) ## Run it all in this terminal, Ctrl-C stops it (TLS=1: mutual TLS inside)
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
# Neither the address of the registry nor the command line: both belong to a machine, not to the repository.
COMPILE := --quiet --generate-hashes --universal --python-version 3.11 --no-header \
	  --no-emit-index-url --no-emit-find-links

##@ This list
.PHONY: help
help: ## Show the targets
	@if [ -t 1 ]; then bold='\033[1m' blue='\033[36m' plain='\033[0m'; fi; \
	awk -v bold="$$bold" -v blue="$$blue" -v plain="$$plain" 'BEGIN { FS = ":.*## " } \
	  /^##@ / { print "\n" bold substr($$0, 5) plain } \
	  /^[a-z-]+:.*## / { printf "  %s%-12s%s %s\n", blue, $$1, plain, $$2 }' Makefile; echo

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

$(LINKED): $(INSTALLED) $(MANIFESTS)
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "socle.pth")\
	.write_text("".join(f"{pathlib.Path(root).resolve()}\n" for root in sys.argv[1:]))' $(ROOTS)
	@touch $@

$(GENERATED): $(LINKED) $(PROTOS) tools/gen.py
	@$(BIN)/python -m tools.gen >&2
	@touch $@
