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
	$(call cgo,$(1),) -o build/guest/$(1)/bin/hostagent ./integration/hostagent
	$(call nocgo,$(1),) -o build/guest/$(1)/bin/drill ./integration/drill
	$(call cgo,$(1),) -o build/guest/$(1)/bin/soak ./integration/soak
	cp integration/hostagent/*.bpf.o build/guest/$(1)/bin/
endef

## ---- the BPF objects

bpf := preflight/lsm/bpf
agent := integration/hostagent
# -mcpu=v2: what the verifier of every kernel from 5.7 takes, on every architecture.
define compile
	$(CLANG) -O2 -g -Wall -Werror -target $(1) -mcpu=v2 -ffile-prefix-map=$(CURDIR)=. -c $(2) -o $(3)
	$(STRIP) -g $(3)
endef

.PHONY: bpf
bpf: deps-bpf ## rebuild the committed BPF objects
	$(call objects,$(bpf),$(agent))

# Into the directories $(1), for the check, and $(2), for the host agent.
define objects
	$(call compile,bpfel,$(bpf)/file_open.bpf.c,$(1)/file_open_bpfel.o)
	$(call compile,bpfeb,$(bpf)/file_open.bpf.c,$(1)/file_open_bpfeb.o)
	$(call compile,bpfel,$(agent)/block.bpf.c,$(2)/block.bpf.o)
	$(call compile,bpfel,$(agent)/creds.bpf.c,$(2)/creds.bpf.o)
	$(call compile,bpfel,$(agent)/audit.bpf.c,$(2)/audit.bpf.o)
endef

.PHONY: bpf-verify
bpf-verify: deps-bpf ## fail if the committed objects are not what the compiler makes of the source
	mkdir -p build/bpf
	$(call objects,build/bpf,build/bpf)
	cd build/bpf && for o in *_bpfe[lb].o; do cmp $$o $(CURDIR)/$(bpf)/$$o || exit 1; done
	cd build/bpf && for o in *.bpf.o; do cmp $$o $(CURDIR)/$(agent)/$$o || exit 1; done

## ---- tests

.PHONY: test
test: unit lint bpf-verify embed vm-test ## everything: unit tests, lint, objects, real kernels

.PHONY: unit
unit: deps-build ## unit tests, with and without cgo, and with the race detector
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) test ./...
	$(GO) test -C tools ./...
	scripts/with-libbpf $(NATIVE) $(GO) test -race ./...

.PHONY: embed
embed: deps-arm64 ## build a stranger's agent in every way in which users build
	cd $(embed) && CGO_ENABLED=0 GOARCH=amd64 $(GO) build -o $(CURDIR)/build/embed/nocgo-amd64 .
	cd $(embed) && CGO_ENABLED=0 GOARCH=arm64 $(GO) build -o $(CURDIR)/build/embed/nocgo-arm64 .
	cd $(embed) && $(GO) build -tags nolibbpf -o $(CURDIR)/build/embed/nolibbpf .
	cd $(embed) && $(CURDIR)/scripts/with-libbpf amd64 $(GO) build $(static) -o $(CURDIR)/build/embed/static-amd64 .
	cd $(embed) && $(CURDIR)/scripts/with-libbpf arm64 $(GO) build $(static) -o $(CURDIR)/build/embed/static-arm64 .
	cd $(embed) && $(CURDIR)/scripts/with-system-libbpf $(GO) build -o $(CURDIR)/build/embed/dynamic .
	readelf -d build/embed/dynamic | grep -q 'NEEDED.*libbpf.so.1'

embed := integration/embed
static := -tags netgo,osusergo -ldflags '-extldflags "-static"'

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

.PHONY: soak
soak: guests deps-vm ## 1,000 checks in one process, with each loader; some twenty minutes under emulation
	SOAK=1000 CGO_ENABLED=0 $(GO) test -tags vm -count=1 -timeout 120m -v -run TestSoak ./integration

.PHONY: fuzz
fuzz: ## each fuzz target for a minute
	for t in FuzzText FuzzBTF FuzzRequirementsOf; do CGO_ENABLED=0 $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime 60s -fuzzminimizetime 100x ./preflight/lsm || exit 1; done
	CGO_ENABLED=0 $(GO) test -run '^$$' -fuzz FuzzParsePolicies -fuzztime 60s -fuzzminimizetime 100x ./cmd/agent-preflight

## ---- what has to be installed

.PHONY: deps-build deps-arm64 deps-bpf deps-vm
deps-build:
	@scripts/need gcc libc6-dev pkg-config libelf-dev zlib1g-dev libzstd-dev ca-certificates debian-archive-keyring
deps-arm64: deps-build
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
deps-bpf:
	@scripts/need $(CLANG) $(subst strip-,,$(STRIP))
deps-vm:
	@scripts/need qemu-system-x86 qemu-system-arm cpio bpftool xz-utils zstd lz4

.PHONY: clean
clean: ## remove what was built; downloads stay in the cache
	rm -rf build dist
