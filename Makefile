# Annal's one entry point. `make` alone lists the targets.
#
# Everything the targets need is installed by them into .cache (ignored by git): developer tools from tools/go.mod,
# engines for tests from engines/. A machine brings Go, Java 17, Maven, Node.js and make;
# Python with venv comes from the distribution's packages where it is missing.

SHELL         := /bin/bash
.SHELLFLAGS   := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CACHE := .cache
BIN   := $(CACHE)/bin

# Compilers and race-enabled tests are heavy: two packages at a time is what the smallest machine we support does well.
P ?= 2

# Which packages `make test` runs, and further flags: make test PKG=./pkg/session/... TESTFLAGS=-run=Revoke
# The longest come first, so that none of them is left alone at the end.
PKG       ?= ./internal/sim ./internal/cases ./internal/e2e ./...
TESTFLAGS ?=

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build, then run all of Annal in one process; ClickHouse's engine is fetched the first time
	@engines/install $(CACHE) chdb || echo 'make run: ClickHouse'\''s engine could not be fetched; everything but the archive runs' >&2
	./bin/annal dev

.PHONY: build
build: ## Build bin/annal, bin/chdbd, bin/s3d and the example bin/welcome
	go build -p $(P) -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/annal ./cmd/annal
	CGO_ENABLED=0 go build -p $(P) -trimpath -o bin/chdbd ./cmd/chdbd
	CGO_ENABLED=0 go build -p $(P) -trimpath -o bin/s3d ./cmd/s3d
	CGO_ENABLED=0 go build -p $(P) -trimpath -o bin/welcome ./examples/welcome

##@ Change

.PHONY: gen
gen: $(BIN)/buf $(BIN)/protoc-gen-go ## Write generated code again: gen/ from schemas/, then go generate
	$(BIN)/buf generate
	go generate ./...

# The schemas as they were when they were last taken over: what stands in a log was written under them. A change that
# old bytes don't survive is refused here too; docs/architecture.md says when that may be overruled.
BASELINE := schemas/baseline.binpb

.PHONY: baseline
baseline: $(BIN)/buf ## Take over changed schemas into the baseline, unless they break it
	@test ! -f $(BASELINE) || $(BIN)/buf breaking --against $(BASELINE)
	$(BIN)/buf build --exclude-source-info -o $(BASELINE)

.PHONY: fmt
fmt: $(BIN)/golangci-lint ## Format Go code and schemas
	$(BIN)/golangci-lint fmt
	$(BIN)/buf format -w

.PHONY: test
test: engines $(BIN)/gotestsum ## Run all tests, with the race detector and the real engines
	$(BIN)/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- -race -p $(P) -timeout 20m $(TESTFLAGS) $(PKG)

# How long make fuzz gives each target.
FUZZTIME ?= 10m

.PHONY: fuzz
fuzz: ## Run every fuzz target, each for FUZZTIME, and keep what they came upon in testdata/corpus
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z]+' . | sed -E 's|^\./(.*)/[^/]*:[0-9]+:func (.*)|\1 \2|' | while read -r dir target; do \
		echo "$$dir $$target"; go test "./$$dir" -run xxx -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s -parallel $(P) < /dev/null; \
		go run ./internal/fuzzcorpus/pack "$$(go env GOCACHE)/fuzz/annal/$$dir/$$target" "$$dir/testdata/corpus/$$target"; \
	done

.PHONY: scenario-table
scenario-table: ## Write scenarios/table.md anew: which way runs which scenario
	go test -count=1 ./internal/scenario -run TestScenarios -rewrite-table
	go test -count=1 ./internal/e2e -run TestScenariosLive -rewrite-table
	go test -count=1 ./internal/scenario -run TestScenarios

.PHONY: check
check: $(BIN)/golangci-lint $(BIN)/buf check-gen check-schemas ## Check format, lint, imports, schemas, generated code, go.mod
	$(BIN)/golangci-lint fmt --diff
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf lint
	go vet -p $(P) ./...
	$(BIN)/golangci-lint run ./...
	go test -count=1 ./internal/archtest
	go mod tidy -diff

# Generates into a copy without gen/, so that a file nobody generates any more shows as well as one that changed.
# The copy is of the work tree, not of a commit: check answers for what is there.
.PHONY: check-gen
check-gen: $(BIN)/buf $(BIN)/protoc-gen-go
	@echo 'make gen, in a copy'
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	git ls-files -z --cached --others --exclude-standard | (xargs -0 ls -d 2>/dev/null || true) | tar -cf - -T - | tar -xf - -C "$$copy"; \
	mkdir -p "$$copy/$(CACHE)"; ln -s "$(CURDIR)/$(BIN)" "$$copy/$(BIN)"; \
	cp -a "$$copy" "$$copy.was"; trap 'rm -rf "$$copy" "$$copy.was"' EXIT; \
	rm -rf "$$copy/gen"; \
	(cd "$$copy" && $(BIN)/buf generate && go generate ./...); \
	diff -ru --exclude=$(CACHE) "$$copy.was" "$$copy" || { echo 'generated code is out of date: run make gen' >&2; exit 1; }

# A schema that changed without its baseline would leave what is new unprotected, so that is refused as well.
.PHONY: check-schemas
check-schemas: $(BIN)/buf
	$(BIN)/buf breaking --against $(BASELINE)
	@$(BIN)/buf build --exclude-source-info -o -#format=binpb | cmp -s - $(BASELINE) || \
		{ echo 'the schemas changed: run make baseline' >&2; exit 1; }

.PHONY: engines
engines: ## Install what tests need: redis-server and python3-venv (as root), Apache Kafka's jars, ClickHouse's engine and clients
	@engines/install $(CACHE)

SEEDS ?= 10000

.PHONY: sim
sim: ## Simulate zombies and the whole system, SEEDS=10000 histories of each
	SEEDS=$(SEEDS) go test -count=1 -timeout 60m -run Zombies -v ./pkg/sequencer
	SEEDS=$(SEEDS) go test -count=1 -timeout 60m -cpu 1 -run 'TestSeeds$$' -v ./internal/sim

.PHONY: bench-core
bench-core: build engines ## Measure sends on embedded and real engines, into bench/core.json
	./bin/annal bench core --out bench/core.json

.PHONY: compose-keys
compose-keys: build ## Make the keys that compose/ needs, if they aren't there
	@test -f compose/signing.json || ./bin/annal token --new-key compose/signing.json
	./bin/annal token --key compose/signing.json --public > compose/keys.json
	@test -f compose/vault-secret-key || od -An -tx1 -N24 /dev/urandom | tr -d ' \n' > compose/vault-secret-key
	@printf '{"identities":[{"name":"annal","credentials":[{"accessKey":"annal","secretKey":"%s"}],"actions":["Admin","Read","Write","List","Tagging"]}]}\n' \
		"$$(cat compose/vault-secret-key)" > compose/s3-identities.json

MINUTES ?= 10

.PHONY: chaos
chaos: build engines ## Kill, stop and restart processes, brokers and Redis for MINUTES=10, and judge (SEED=7 for the same faults again)
	go run ./cmd/chaos -annal bin/annal -minutes $(MINUTES) $(if $(SEED),-seed $(SEED))

.PHONY: outage
outage: engines ## Flood a gateway while Kafka is away for 40 s
	go test -race -count=1 -timeout 10m -run Flood -v ./internal/engines -outage 40s

CHAT ?= examples/ubuntu-irc-sample.jsonl.gz

.PHONY: archive-soak
archive-soak: engines ## Archive CHAT=file.jsonl.gz while the archiver is killed every 15 s and answers are lost, and while ClickHouse is away for 5 min
	go test -race -count=1 -timeout 120m -run 'F23ArchiveKilled|F22ArchiveOutage' -v ./internal/cases -chat $(abspath $(CHAT)) -kill-every 15s -archive-away 5m
	go test -count=1 -timeout 30m -run 'F23Retries' -v ./pkg/connectors/clickhouse -further 10500

MESSAGES ?= 200000

.PHONY: history-walk
history-walk: engines ## Walk through MESSAGES=200000 of one session by pages of 50, both ways, while others write and revoke
	go test -count=1 -timeout 60m -run 'F13Walk' -v ./internal/cases -walked $(MESSAGES) -walk-time 50m

PEOPLE ?= 5000

.PHONY: push-kill
push-kill: MESSAGES = 20000
push-kill: engines ## Kill push every 15 s over MESSAGES=20000 to PEOPLE=5000, and judge what phones showed (SEED=7 for the same people again)
	go test -count=1 -timeout 60m -run PushKilled -v ./internal/pushkill -people $(PEOPLE) -messages $(MESSAGES) -rate 80 -kill-every 15s $(if $(SEED),-seed $(SEED))

.PHONY: clean
clean: ## Remove what was built and the data of `make run`, but not .cache
	rm -rf bin data

# --- developer tools -------------------------------------------------------------------------------------------------

# The generator comes from the root module, so that generated code and the protobuf runtime are always the same version.
$(BIN)/protoc-gen-go: go.mod
	@mkdir -p $(BIN)
	go build -p $(P) -o $@ google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

# The others bring hundreds of modules, which stay out of ours.
tool = @mkdir -p $(BIN); echo 'building $@ (once)'; cd tools && go build -p $(P) -o ../$@ $(1) && touch ../$@

$(BIN)/buf: tools/go.mod
	$(call tool,github.com/bufbuild/buf/cmd/buf)

$(BIN)/golangci-lint: tools/go.mod
	$(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(BIN)/gotestsum: tools/go.mod
	$(call tool,gotest.tools/gotestsum)
