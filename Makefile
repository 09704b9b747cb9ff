# What there is to do with the source. `make test` needs Go alone: what else
# the tests start is installed where that is possible (Debian, as root), and
# the tests that miss something say so and are listed at the end.

GO       ?= go
BENCH    ?= .
FUZZTIME ?= 30s
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# grpc's page of traces is left out: nothing serves it, and with it the linker
# would keep all methods of all types, 12 MB of them.
TAGS     := grpcnotrace
LDFLAGS  := -s -w -X github.com/chainwright/chainwright/transport/cli.released=$(VERSION)
TARGETS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test bench lint cross docs fuzz clean

build: ## one static binary, ./chainwright
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o chainwright .

test: ## every test, with the race detector where there is a C compiler
	@.ci/test

bench: build ## the end-to-end benchmarks; docs/performance.md quotes them
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...

lint: ## gofmt, vet and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	@if said=$$($(GO) run $(LINTER) version 2>&1); then $(GO) run $(LINTER) run ./...; \
	else echo "$$said"; echo "lint: golangci-lint can't be had here, for the reason above; gofmt and vet have passed"; fi

cross: ## build and vet for every platform
	@for target in $(TARGETS); do \
		echo "$$target"; \
		export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
		$(GO) build -tags '$(TAGS)' -o /dev/null . && $(GO) vet ./... || exit 1; \
	done

docs: ## the reference pages, from the definitions
	$(GO) test ./transport/cli -run '^TestDocs' -count=1 -update

fuzz: ## every fuzz target, FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; \
	done

clean:
	rm -rf chainwright chainwright.exe dist .cache
