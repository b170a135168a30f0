# Annal's one entry point. `make` alone lists the targets.
#
# Everything the targets need is installed by them into .cache (ignored by git): developer tools from
# tools/go.mod, engines for tests from engines/. Only Go, Java 17, Maven and make are expected on the machine.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CACHE := .cache
BIN   := $(CACHE)/bin

# Compilers and race-enabled tests are heavy: two packages at a time is what the smallest machine we support does well.
P ?= 2

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build, then run the whole of Annal in one process
	./bin/annal dev

.PHONY: build
build: ## Build bin/annal
	go build -p $(P) -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/annal ./cmd/annal

##@ Change

.PHONY: gen
gen: $(BIN)/buf $(BIN)/protoc-gen-go ## Write generated code again: gen/ from schemas/, then go generate
	if [ -d schemas ]; then $(BIN)/buf generate; fi
	go generate ./...

# --- developer tools -------------------------------------------------------------------------------------------------

# The generator comes from the root module, so that generated code and the protobuf runtime are always the same version.
$(BIN)/protoc-gen-go: go.mod
	@mkdir -p $(BIN)
	go build -p $(P) -o $@ google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

$(BIN)/buf: tools/go.mod
	@mkdir -p $(BIN)
	cd tools && go build -p $(P) -o ../$@ github.com/bufbuild/buf/cmd/buf
	@touch $@
