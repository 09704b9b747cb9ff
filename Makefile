# Targets for working on the source; `make help` lists them. `make test` needs
# only Go. It installs the other programs that the tests start where it can (as
# root on Debian), and lists the tests that were skipped, with the reason.

GO       ?= go
BENCH    ?= .
FUZZTIME ?= 30s
GOVULNDB ?= https://vuln.go.dev
VULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# The tag leaves out grpc's trace page. Nothing serves it, and it makes the
# linker keep all methods of all types: 12 MB.
TAGS     := grpcnotrace
LDFLAGS  := -s -w -X github.com/chainwright/chainwright/transport/cli.released=$(VERSION)
# Build and vet with the same flags, so that each dependency is compiled once.
FLAGS    := -trimpath -tags '$(TAGS)'
TARGETS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# The packages with golden files.
GOLDEN   := grep -rl --include='*_test.go' 'executortest\.Golden(' . | xargs -n 1 dirname | sort -u

.PHONY: help build build-temporal test test-postgres18 test-page test-app test-graph test-deploy test-metrics test-model test-apflow test-kills test-temporal test-keycloak soak interop test-packages release-snapshot release nightly update bench lint audit cross fuzz clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do printf '%-12s %s\n' "$$target" "$$text"; done

build: ## build ./chainwright, one static binary
	CGO_ENABLED=0 $(GO) build $(FLAGS) -ldflags '$(LDFLAGS)' -o chainwright .

build-temporal: ## build ./chainwright-temporal, which has the engine on Temporal as well
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS) temporal' -ldflags '$(LDFLAGS)' -o chainwright-temporal .

test: ## run all tests, with the race detector if there is a C compiler
	@.ci/test

test-metrics: ## check the metrics with promtool, which it installs where it can
	@.ci/metrics

test-model: ## run the tests with a real language model of 98 MB, which it installs into .cache
	@.ci/model

test-apflow: ## drive real apflow servers of both generations, which it installs into .cache
	@.ci/apflow

test-page: ## use the page in Chromium, and write the pictures in docs/images
	@.ci/page

test-app: ## use the MCP App in Inspector, in Chromium, and write docs/images/app.png
	@.ci/app

test-deploy: ## check docs/deploy against the schemas of Kubernetes, which it installs into .cache, and by systemd
	@.ci/deploy

test-graph: ## let Graphviz and Mermaid read the diagrams of chainwright graph
	@.ci/graph

test-kills: ## kill three servers over one store 200 times, SQLite and PostgreSQL
	PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr " " :)" CHAINWRIGHT_TEST_KILLS=200 $(GO) test ./transport/endtoend -run '^TestKills$$' -count=1 -v -timeout 30m

soak: ## keep three servers at half load for 30 minutes, with kills; memory and files must not grow
	CHAINWRIGHT_TEST_SOAK=30m $(GO) test ./transport/endtoend -run '^TestSoak$$' -count=1 -v -timeout 60m

test-temporal: ## run the engine on Temporal with a real server, which it builds into .cache in some minutes
	@.ci/temporal

test-keycloak: ## use tokens of a real Keycloak, which it installs into .cache; needs Java 17
	@.ci/keycloak

interop: ## let real MCP clients use the server: SDKs, frameworks, Inspector and Claude Code, which it installs into .cache
	@.ci/interop

test-postgres18: ## run the tests of the PostgreSQL store with PostgreSQL 18, which it installs into .cache
	@.ci/postgres18

test-packages: ## make all packages, install each in an empty folder, and use it
	@.ci/packages

release-snapshot: ## make everything that a release has into dist/, and publish nothing; ONLY=linux/amd64 for one platform
	@.ci/release snapshot

release: ## publish the tag of this commit; the workflow release calls it
	@.ci/release publish

nightly: test-postgres18 test-page test-app test-graph test-deploy test-metrics test-model test-apflow test-kills test-temporal test-keycloak soak interop test-packages ## run the tests that are too slow for make test

update: ## write all golden files and generated pages again
	$(GO) test $$($(GOLDEN)) -run '^TestGolden' -count=1 -update

bench: build ## run the benchmarks that docs/performance.md quotes; BENCH selects by name
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...

lint: ## run gofmt, go vet, actionlint and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags temporal ./chain/temporal ./transport/app ./transport/cli ./transport/endtoend
	$(GO) run $(ACTIONLINT) -shellcheck= -pyflakes=
	@if said=$$($(GO) run $(LINTER) version 2>&1); then $(GO) run $(LINTER) run ./...; \
	else echo "$$said"; echo "lint: golangci-lint is not available here, for the reason above; gofmt and go vet passed"; fi

audit: ## check go.mod and the sums of all modules, and look for known vulnerabilities in GOVULNDB
	$(GO) mod tidy -diff
	$(GO) mod verify
	@! $(GO) list -deps -test ./... | grep '^golang.org/x/crypto/openpgp' || { echo "audit: the packages above are not maintained"; exit 1; }
	@$(GO) run $(VULNCHECK) -db '$(GOVULNDB)' -test ./... || { status=$$?; \
		echo "audit: failed: see above. If the database $(GOVULNDB) can't be reached, nothing was checked; set GOVULNDB to a copy, such as file:///path/to/vulndb"; exit $$status; }

cross: ## build and vet for every platform
	@for target in $(TARGETS); do \
		echo "$$target"; \
		export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
		$(GO) build $(FLAGS) -o /dev/null . && $(GO) vet $(FLAGS) ./... || exit 1; \
	done
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS) temporal' -o /dev/null .

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; \
	done

clean: ## remove the files that these targets created
	rm -rf chainwright chainwright.exe chainwright-temporal dist .cache
