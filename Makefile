# Two targets do everything on a fresh Debian or Ubuntu machine: run and test.

GO ?= go
NATIVE := $(shell $(GO) env GOARCH)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CLANG ?= clang-19
STRIP ?= llvm-strip-19

module := github.com/agent-preflight/agent-preflight
ldflags := -s -w -X $(module)/preflight.buildVersion=$(VERSION)
# For the target architecture $(1): a static binary with libbpf, and one without cgo.
cgo = scripts/with-libbpf $(1) $(GO) build -trimpath -tags netgo,osusergo -ldflags '$(ldflags) $(2) -extldflags "-static"'
nocgo = CGO_ENABLED=0 GOARCH=$(1) $(GO) build -trimpath -ldflags '$(ldflags) $(2)'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build everything and print the verdict for this machine
	@# the verdict is the exit code of the program; make has done its work either way
	@dist/agent-preflight || echo "(exit code $$?)"

## ---- build

.PHONY: build
build: deps-build ## dist/agent-preflight and dist/lsm_check, static, for this machine
	$(call cgo,$(NATIVE),) -o dist/agent-preflight ./cmd/agent-preflight
	$(call cgo,$(NATIVE),-X main.name=lsm_check) -o dist/lsm_check ./cmd/agent-preflight

.PHONY: lsm-check
lsm-check: build ## dist/lsm_check: the LSM check alone, same flags and exit codes

.PHONY: build-arm64
build-arm64: deps-arm64 ## dist/agent-preflight-arm64, static
	$(call cgo,arm64,) -o dist/agent-preflight-arm64 ./cmd/agent-preflight

.PHONY: guests
guests: build build-arm64 ## what runs inside the virtual machines of the tests
	$(call guest,amd64)
	$(call guest,arm64)

define guest
	mkdir -p build/guest/$(1)/bin
	$(call cgo,$(1),) -o build/guest/$(1)/bin/agent-preflight ./cmd/agent-preflight
	$(call cgo,$(1),-X main.name=lsm_check) -o build/guest/$(1)/bin/lsm_check ./cmd/agent-preflight
	$(call nocgo,$(1),) -o build/guest/$(1)/bin/agent-preflight-nocgo ./cmd/agent-preflight
	$(call nocgo,$(1),) -o build/guest/$(1)/init ./integration/guest
endef

## ---- the BPF objects

bpf := preflight/lsm/bpf
bpf_objects := $(bpf)/file_open_bpfel.o $(bpf)/file_open_bpfeb.o
# -mcpu=v2: what the verifier of every kernel from 5.7 takes, on every architecture.
define compile
	$(CLANG) -O2 -g -Wall -Werror -target $(1) -mcpu=v2 -ffile-prefix-map=$(CURDIR)=. -c $(bpf)/file_open.bpf.c -o $(2)
	$(STRIP) -g $(2)
endef

.PHONY: bpf
bpf: deps-bpf ## rebuild the committed BPF objects
	$(call compile,bpfel,$(bpf)/file_open_bpfel.o)
	$(call compile,bpfeb,$(bpf)/file_open_bpfeb.o)

.PHONY: bpf-verify
bpf-verify: deps-bpf ## fail if the committed objects are not what the compiler makes of the source
	mkdir -p build/bpf
	$(call compile,bpfel,build/bpf/file_open_bpfel.o)
	$(call compile,bpfeb,build/bpf/file_open_bpfeb.o)
	for o in $(notdir $(bpf_objects)); do cmp build/bpf/$$o $(bpf)/$$o || exit 1; done

## ---- tests

.PHONY: test
test: unit lint bpf-verify vm-test ## everything: unit tests, lint, objects, real kernels

.PHONY: unit
unit: deps-build ## unit tests, with and without cgo, and with the race detector
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) test ./...
	$(GO) test -C tools ./...
	scripts/with-libbpf $(NATIVE) $(GO) test -race ./...

.PHONY: lint
lint: deps-build ## gofmt, vet and staticcheck, for every build of the library
	$(GO) build -C tools -o ../build/staticcheck honnef.co/go/tools/cmd/staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	scripts/with-libbpf $(NATIVE) $(GO) vet -tags vm ./...
	scripts/with-libbpf $(NATIVE) build/staticcheck -tags vm ./...
	CGO_ENABLED=0 build/staticcheck ./preflight/... ./cmd/...
	GOOS=darwin CGO_ENABLED=0 $(GO) vet ./preflight/... ./cmd/...

.PHONY: vm-test
vm-test: guests deps-vm ## boot every host of the table in QEMU; KERNELS=dir adds kernels of your own
	CGO_ENABLED=0 $(GO) test -tags vm -count=1 -timeout 60m -v ./integration

## ---- what has to be installed

.PHONY: deps-build deps-arm64 deps-bpf deps-vm
deps-build:
	@scripts/need gcc pkg-config libelf-dev zlib1g-dev libzstd-dev ca-certificates debian-archive-keyring
deps-arm64: deps-build
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
deps-bpf:
	@scripts/need $(CLANG) $(subst strip-,,$(STRIP))
deps-vm:
	@scripts/need qemu-system-x86 qemu-system-arm cpio

.PHONY: clean
clean: ## remove what was built; downloads stay in the cache
	rm -rf build dist
