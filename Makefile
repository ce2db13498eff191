# make demo: see it work; make test: prove it works. Both set up everything they need.
VENV := .venv
BIN := $(VENV)/bin
BROWSER := $(VENV)/browser
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
SECONDS ?= 0
NAMES ?=
RELEASE ?= bookworm
PEERS ?=
SOAK ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo attack-demo test check lint slow interop acceptance emulated browser screenshots fuzz deb docs bench bench-peers \
	soak detection cyber picture schema lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.demo ## simulated substation, broker and gateway in this terminal (SECONDS=60 ends it)
	@$(BIN)/gridsentinel demo --seconds $(SECONDS)

attack-demo: $(VENV)/.demo ## attacks on the simulated substation, and the alarms they raise (NAMES=all for the whole menu)
	@$(BIN)/gridsentinel demo --attacks=$(NAMES)

test: $(VENV)/.dev $(VENV)/.peers ## every fast test, against a real Mosquitto
	$(BIN)/pytest -q -n 3 --dist worksteal -m "not slow and not interop"

slow: $(VENV)/.dev $(VENV)/.peers ## the tests that take minutes, and every property with twenty times as many examples
	$(BIN)/pytest -q --hypothesis-profile=thorough -m "(slow or hypothesis) and not interop"

interop: $(VENV)/.dev $(VENV)/.peers ## against foreign implementations, which the tests fetch
	$(BIN)/pytest -q -m interop

acceptance: $(VENV)/.dev ## the package on a Debian of its own, from installation to purge; needs root (RELEASE=trixie)
	RELEASE=$(RELEASE) sh tests/acceptance/run.sh $(BIN)/pytest -q -x -p no:randomly \
	--basetemp=.acceptance/tmp -o tmp_path_retention_policy=none tests/acceptance

emulated: $(VENV)/.dev $(VENV)/.peers ## the package for arm64 checks, polls and ends in order, on an emulated processor; needs root
	NEEDS=qemu-aarch64-static:qemu-user-static sh tests/acceptance/run.sh $(BIN)/pytest -q -x -p no:randomly tests/acceptance/emulated.py

browser: $(VENV)/.browser ## the local page in a real headless Chromium
	$(BROWSER)/bin/python -m pytest -q -m browser tests/page/browser

screenshots: $(VENV)/.browser ## draw the pictures of docs/page.md anew; takes some minutes, as there must be history
	$(BROWSER)/bin/python tests/page/browser/screenshots.py docs/page

deb: $(VENV)/.dev ## the Debian packages, in dist/ (DEB="--release trixie --architecture arm64")
	$(BIN)/python packaging/build.py $(DEB)

lint: $(VENV)/.dev ## format, lint, types and the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## lint and test

docs: .venv-docs/.made ## the pages as a site that needs no network, build/site/index.html; a broken link fails
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet

fuzz: $(VENV)/.dev $(VENV)/.fuzz ## the API of the local page, by its own document (schemathesis, in an environment of its own)
	$(BIN)/python tests/fuzz_page.py $(VENV)/fuzz/bin/schemathesis

bench: $(VENV)/.dev $(VENV)/.peers ## the figures of the README, measured here in one run
	$(BIN)/python benchmarks/run.py

bench-peers: $(VENV)/.dev $(VENV)/.peers ## beside other gateways, which are installed into .bench (PEERS="--quick" for 10,000 readings/s)
	PYTHON=$(PYTHON) sh benchmarks/peers/install.sh
	$(BIN)/python benchmarks/compare.py $(PEERS)

soak: $(VENV)/.dev $(VENV)/.peers ## simulated days at speed, with outages, kills, reloads, attacks (SOAK="--days 7 --speed 200")
	$(BIN)/python benchmarks/soak.py --picture build/soak.svg --json build/soak.json $(SOAK)

detection: $(VENV)/.dev ## the checks on labelled data: make detection DATASETS=FOLDER
	$(BIN)/python benchmarks/detection/run.py $(DATASETS)

cyber: $(VENV)/.dev ## the tap and the cyber checks on captures: make cyber CAPTURES=FOLDER
	$(BIN)/python benchmarks/cyber/run.py $(CAPTURES)

picture: $(VENV)/.dev ## draw docs/demo.svg anew
	$(BIN)/python docs/picture.py > /dev/null

schema: $(VENV)/.dev ## write config/schema.json and docs/configuration.md anew
	$(BIN)/gridsentinel schema --output config/schema.json
	$(BIN)/python docs/reference.py > docs/configuration.md

lock: $(VENV)/.dev ## pin the newest dependencies that fit, with hashes
	$(PIP) install uv
	for set in "run pyproject.toml --extra opcua --extra sparkplug --extra tflite" \
	"demo pyproject.toml --extra demo --extra sparkplug --group build" \
	"dev pyproject.toml --extra demo --extra sparkplug --extra tflite --extra train --group build --group dev" \
	"browser pyproject.toml --extra demo --extra sparkplug --group build --group dev --group browser" \
	"docs --group docs" "fuzz --group fuzz"; do set -- $$set; \
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--no-header -o requirements/$$1.txt $$(shift; echo $$@) || exit 1; done

clean: ## remove what make has made
	rm -rf $(VENV) .venv-docs .peers .bench .acceptance build dist

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "GridSentinel needs Python 3.11 or later: apt install python3"; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "venv is missing: apt install python3-venv"; exit 1; }

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what the demo needs ..."
	@$(PIP) install --require-hashes -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.browser: requirements/browser.txt pyproject.toml tests/page/browser/needs.sh $(VENV)/.peers
	@sh tests/page/browser/needs.sh
	@echo "installing what drives the browser ..."
	@$(PYTHON) -m venv $(BROWSER)
	@$(BROWSER)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/browser.txt
	@$(BROWSER)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

.venv-docs/.made: requirements/docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/docs.txt
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt | $(VENV)/bin/python
	@echo "installing what the fuzzer needs ..."
	@$(VENV)/bin/python -m venv $(VENV)/fuzz
	@$(VENV)/fuzz/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/fuzz.txt
	@touch $@

$(VENV)/.peers: tests/peers.sh | $(VENV)/bin/python
	@sh tests/peers.sh
	@touch $@
