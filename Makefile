# One command each. `make help` lists them; every one installs first what it lacks (tools/bootstrap).

PRESET ?= debug
SECONDS ?= 60
JOBS ?= $(shell nproc)
# The PostgreSQL versions of the tests that are marked every_version.
PG_VERSIONS ?= 13,14,15,16,17,18
# More arguments for pytest: make test PYTEST_ARGS='-k toast'
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help build demo test unit e2e sanitize check format fuzz bench clean

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the release binary: build/release/tailrace
	@tools/bootstrap --for build
	@tools/build release

demo: build ## PostgreSQL, Tailrace and a Python function, live; KEEP=1 leaves it running
	@tools/bootstrap --for demo
	@tools/demo $(if $(KEEP),--keep)

test: unit e2e ## every test; PRESET=asan or tsan runs them on a sanitized build

unit: ## the C++ tests (ctest)
	@tools/bootstrap --for test
	@tools/build $(PRESET)
	@ctest --test-dir build/$(PRESET) -j $(JOBS) --output-on-failure --no-tests=error

e2e: ## the tests of the whole program against real servers (pytest)
	@tools/bootstrap --for test
	@tools/build $(PRESET)
	@TAILRACE_BINARY=$(CURDIR)/build/$(PRESET)/tailrace .venv/bin/python -m pytest -n $(JOBS) --pg-versions $(PG_VERSIONS) $(PYTEST_ARGS)

sanitize: ## the C++ tests under ASan+UBSan and under TSan
	@$(MAKE) --no-print-directory unit PRESET=asan
	@$(MAKE) --no-print-directory unit PRESET=tsan

check: ## format, includes, clang-tidy, ruff, shellcheck, links
	@tools/bootstrap --for check
	@tools/check

format: ## formats C++ and Python in place
	@tools/bootstrap --for check
	@tools/check --format

fuzz: ## every fuzz target for SECONDS=60 each
	@tools/bootstrap --for fuzz
	@tools/fuzz $(SECONDS)

bench: build ## the table of docs/benchmarks.md and build/bench/report.json
	@tools/bootstrap --for bench
	@tools/build release kinesis_load
	@.venv/bin/python bench/run.py

clean: ## removes build/, .venv/ and node_modules/
	rm -rf build .venv tests/kinesis/js/node_modules
