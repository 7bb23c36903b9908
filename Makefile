# `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is recent enough; name another with `make PYTHON=…`.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
# uv leaves packages uncompiled: where this forbids keeping what is compiled, each process would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.venv/installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the pinned packages into .venv (a minute or some the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep -m 1 '^uv==' requirements.txt) || true
	@$(UV) --requirements requirements.txt || $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# uv installs in a fraction of pip's time, which takes over where uv is not to be had or fails. It goes where pip's own
# settings send pip, such as a mirror: its files and variables are unknown to uv. Files are compiled when they are used.
comma := ,
pip-setting = $$($(BIN)/python -m pip config list 2>/dev/null | sed -n "s/.*\.$(1)='\(.*\)'$$/\1/p" | sed 's/\\n/$(2)/g; s/^$(2)//' | tail -n 1)
UV = UV_FIND_LINKS="$${UV_FIND_LINKS:-$(call pip-setting,find-links,$(comma))}" \
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$(call pip-setting,index-url, )}" \
	UV_EXTRA_INDEX_URL="$${UV_EXTRA_INDEX_URL:-$(call pip-setting,extra-index-url, )}" \
	SSL_CERT_FILE="$${SSL_CERT_FILE:-$(call pip-setting,cert, )}" \
	UV_INDEX_STRATEGY=unsafe-best-match $(BIN)/python -m uv pip install --quiet --python $(BIN)/python

# The built-in specimens come from a DVC remote inside this repository.
.partial/data-pulled: data.dvc | .venv/installed
	@mkdir -p .partial
	@dvc pull --quiet data.dvc
	@touch $@

setup: .venv/installed .partial/data-pulled ## Make .venv, install the pinned packages, pull the built-in data
	@test -d data || dvc pull --quiet data.dvc

repro: setup ## Run the pipeline end to end and print the headline figures
	@dvc repro
	@lithoscope summary
	@python -m lithoscope.cli.reproducibility --record

unchanged: setup ## After `make repro`: is everything as committed, where the machine is like the one that made it?
	@python -m lithoscope.cli.reproducibility

# The longest files stand first (tests/conftest.py), so they are not to be sorted by their number of tests.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: setup ## Run the whole test suite, two files at a time
	@python -m pytest $(SIDE_BY_SIDE)

test-fast: setup ## Run what needs no dvc, torchrun, server, browser or long training: two minutes at most
	@python -m pytest $(SIDE_BY_SIDE) -m "not (pipeline or slow or browser)"

browser: ## Install Debian's Chromium, for the report's test, where there is none
	@command -v chromium || { as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -qq && $$as_root apt-get install -y --no-install-recommends chromium; }

check: setup ## Lint, check types and the layers of the packages
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

image: setup ## Build a container image of the exported model's server, and ask it; where there is no Docker, say so
	@docker info >/dev/null 2>&1 || { echo "no Docker here that answers: no image was built"; exit 0; }; set -e; \
		$(MAKE) --no-print-directory build/export/model.onnx; docker build --tag lithoscope .; \
		! docker run --rm --entrypoint python lithoscope -c "import torch" 2>/dev/null || { echo "error: the image holds torch" >&2; exit 1; }; \
		container=$$(docker run --rm --detach --read-only --tmpfs /tmp --cap-drop ALL --publish 127.0.0.1::8000 lithoscope); \
		trap "docker stop $$container >/dev/null" EXIT; address=$$(docker port $$container 8000 | head -n 1); \
		curl --silent --show-error --fail --retry 30 --retry-delay 1 --retry-all-errors "http://$$address/model" >/dev/null; \
		echo "the image lithoscope answers"

build/export/model.onnx: | .venv/installed
	@lithoscope export

docs: setup ## Build the documentation as a site in build/site, strictly
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "the documentation: build/site/index.html"

# What the gate compares with: main, or in a clone without one the commit that is checked out.
BASELINE ?= $(shell for name in main origin/main HEAD; do \
	git rev-parse --quiet --verify "$$name^{commit}" >/dev/null && echo "$$name" && break; done)

gate: setup ## Compare results with a baseline; BASELINE=… a revision or a file, REV=… instead of the workspace
	@rm -f build/gate.md build/gate.json
	@echo "the gate: $(or $(REV),the workspace) against $(BASELINE)"
	@status=0; lithoscope gate --baseline "$(BASELINE)" $(if $(REV),--rev "$(REV)") \
		--markdown build/gate.md --json build/gate.json || status=$$?; \
	if [ -n "$$GITHUB_STEP_SUMMARY" ] && [ -f build/gate.md ]; then cat build/gate.md >> "$$GITHUB_STEP_SUMMARY"; fi; \
	exit $$status

faults: setup ## Try every fault anew and rewrite docs/faults.md; some need the right to mount a disk
	@python -m pytest tests -m fault --fault-table=docs/faults.md

kinds: setup ## Try every kind of photograph, label and machine anew and rewrite docs/kinds.md
	@python -m pytest tests -m kind --kind-table=docs/kinds.md

results: setup ## Rebuild docs/results.md from results/*.json
	@lithoscope results

lock: ## Pin the newest tested set anew in requirements.txt
	@mkdir -p .partial && printf 'torch==2.13.0\ntorchvision==0.28.0\n' > .partial/constraints.txt
	@uv pip compile pyproject.toml --quiet --extra dev --extra docs --universal --python-version 3.11.0 --no-header --no-annotate \
		--constraint .partial/constraints.txt -o .partial/requirements.txt
	@{ echo "# Made by \`make lock\`: every package, transitively, for Python 3.11 and later."; \
	echo "# torch brings the CUDA packages it needs by itself, where it needs them; listed here, every CPU would load them."; \
	grep -vE '^(nvidia-|cuda-|triton)' .partial/requirements.txt; } > requirements.txt

.PHONY: help setup repro unchanged test test-fast browser check image docs gate faults kinds results lock
