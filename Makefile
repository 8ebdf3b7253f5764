# Everything here does its own set-up, in .venv; nothing outside of the checkout is changed.
# Works with GNU make 3.81 (macOS). `make help` lists the targets.

SHELL := /bin/sh
BIN := .venv/bin
DIST := dist
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

# Another Python than the one found on PATH: make PYTHON=/path/to/python3.12
ifdef PYTHON
export PYTHON
endif

# Pyright comes whole in its wheel and must not ask a registry for news.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.cache

# Where it is set, as in many containers, every process compiles all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

# An environment made for the tests serves the demo too, and is not taken apart for it.
RUN := $(if $(wildcard .venv/.dev),.venv/.dev,.venv/.runtime)
SETUP := tools/install tools/find-python tools/uv requirements/uv.txt pyproject.toml

# Start over if the checkout was moved or its Python is gone.
ifneq ($(shell cat .venv/.path 2>/dev/null && $(BIN)/python -c '' 2>&1),$(shell pwd -P))
.PHONY: .venv/.dev .venv/.runtime
endif

.venv/.dev: requirements/dev.txt requirements/types.txt $(SETUP)
	@tools/install dev
	@touch $@

.venv/.runtime: requirements/runtime.txt $(SETUP)
	@tools/install runtime
	@touch $@

.PHONY: help setup demo console dist test live check format bench bench-fanout bench-relay bench-voices lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' Makefile

setup: $(RUN) ## install everything into .venv; the program is then .venv/bin/ringline

demo: $(RUN) ## place a call and watch it live (WAV=file: your own voice; ARGS=--once: exit after the call)
	@exec $(BIN)/ringline demo $(if $(WAV),--wav "$(WAV)") $(ARGS)

console: $(RUN) ## build the browser console into the package, unless it is current
	@$(BIN)/python tools/console.py build

dist: console ## build a wheel into dist/ (DIST=folder: elsewhere), to install on other machines
	@rm -f $(DIST)/ringline-*.whl
	@$(BIN)/hatchling build --target wheel --directory $(DIST)

check: .venv/.dev ## format, lint, types and import rules: seconds
	@$(BIN)/python tools/console.py check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-logo

test: check ## all of check, then all tests (ARGS="-k word": some)
	@$(BIN)/python tools/console.py build test
	@$(BIN)/python tests/e2e/node.py
	@$(BIN)/python tests/e2e/programs.py
	@exec $(BIN)/python -m pytest --numprocesses 3 $(ARGS)

live: .venv/.dev ## try the voices of providers whose keys are set at the providers (costs cents)
	@exec $(BIN)/python -m pytest -rs tests/live/live_voices.py $(ARGS)

format: .venv/.dev ## format the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/python tools/console.py format

bench-relay: .venv/.dev ## two-way voice sessions beside other relays
	@exec $(BIN)/python -m benchmarks relay relay-upstream

bench-fanout: .venv/.dev ## the fan-out beside nchan, ws, Socket.IO and a loop in C, in a quarter of an hour
	@exec $(BIN)/python -m benchmarks fanout

bench-voices: .venv/.dev ## what voices cost: codecs, added delay, rollovers, the usage ledger, turns of webhooks
	@exec $(BIN)/python -m benchmarks voices rollover usage byom

bench: .venv/.dev ## run the benchmarks and write the tables (ARGS=...)
	@exec $(BIN)/python -m benchmarks $(ARGS)

lock: .venv/.dev ## regenerate requirements/*.txt (UPGRADE=1: newest versions)
	@tools/lock
	@cd tests/e2e/js && npm install --package-lock-only --ignore-scripts
	@cd tests/e2e/runtimes && npm install --package-lock-only --ignore-scripts
	@cd sdk/js && npm install --package-lock-only --ignore-scripts
	@cd console && npm install --package-lock-only --ignore-scripts
	@cd benchmarks/fanout/peers && npm install --package-lock-only --ignore-scripts

clean: ## remove everything these targets created, except the demo's data
	rm -rf .venv .cache .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist
	rm -rf tests/e2e/js/node_modules tests/e2e/runtimes/node_modules sdk/js/node_modules sdk/js/dist
	rm -rf benchmarks/fanout/peers/node_modules console/node_modules src/ringline/web/console_dist
	find src sdk tests -name __pycache__ -prune -exec rm -rf {} +
