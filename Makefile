# Every target is a script in ci/; what it needs and why is said there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# a clone of llama.cpp to build from instead of upstream: make run LLAMA_CPP=~/src/llama.cpp
LLAMA_CPP ?=
export LLAMA_CPP

.PHONY: help setup build run test bench lint docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what building and testing need (Debian, Ubuntu, Fedora; root or sudo)
	@ci/setup.sh test

build: ## bin/strix-build and bin/buildkitd
	@ci/build.sh

run: ## set up, build, then the main job: the image of recipe rocm-mmq (LLAMA_CPP=CLONE takes the source from there)
	@ci/run.sh

test: ## set up, build, then every check and test, with a real BuildKit
	@ci/test.sh

bench: ## measure this machine; a Markdown table (LLAMA_CPP=CLONE also measures builds, for hours)
	@ci/bench.sh

lint: ## the checks without the tests
	@ci/lint.sh

docs: ## write docs/cli.md and the schemas anew
	@ci/docs.sh

clean: ## remove bin/; images and caches stay (strix-build builder prune)
	@rm -rf bin
