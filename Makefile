# make help says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s

# Nothing needs cgo but the race detector: without, the binary is static, and takes a megabyte less. The same for all, so that it is
# compiled once.
export CGO_ENABLED = 0

# Where scripts/need.sh puts a Node.js that fits, if the system's does not.
export PATH := $(CURDIR)/web/.node/node_modules/.bin:$(PATH)

.PHONY: help
help: ## What there is
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: bin/parley ## Build and start the chat on http://localhost:8080, data in ./data (DEMO=1 fills an empty one)
	@exec bin/parley serve $(if $(DEMO),--demo) $(ARGS)

.PHONY: build bin/parley
build: bin/parley ## Build bin/parley
bin/parley:
	@$(GO) build -trimpath -ldflags='-s -w' -o $@ ./cmd/parley

# Vet, staticcheck and the tests look at the same packages, built for the race
# detector: so everything is compiled once for the three. But what only computes is
# not watched itself, as it takes several times as long then: SQLite in Go, hashes of
# passwords, pictures. None of these may use sync.Map or another generic type of sync:
# one copy of its methods is linked, and it might be theirs, which is not watched.
COMPUTES := modernc.org/... golang.org/x/crypto/argon2 golang.org/x/crypto/blake2b golang.org/x/crypto/blowfish \
	golang.org/x/image/... image/...
RACE := -race $(COMPUTES:%=-gcflags=%=-race=false)

# The kit is modules of its own, which ./... leaves out.
KIT := github.com/parley-chat/parley/kit/...
PACKAGES := ./... $(KIT)

# Two rows of parts beside each other: one mostly computes, the other mostly waits
# for browsers. Each part says at its end how long it took.
PARTS := +@$(MAKE) --no-print-directory --output-sync --jobs=2 IN_ROWS=1
PART := @bash scripts/part.sh
ifdef IN_ROWS
test-go: vet
test-kit: test-go
staticcheck vet-more test-plain fuzz test-kit-servers: test-kit
e2e: test-web
e2e-nodes: e2e
endif

.PHONY: test
test: needs web/node_modules ## Everything: Go with a real Redis, the client, the browser on one node and on two
	$(PARTS) vet test-web test-go e2e test-kit e2e-nodes test-plain

.PHONY: check
check: needs format fresh ## What CI runs: lint, fresh, test and fuzz, two parts at a time
	$(PARTS) vet test-web test-go e2e test-kit e2e-nodes staticcheck vet-more test-plain fuzz test-kit-servers

# The stores' suites are random histories on each kind of Redis: the race detector,
# which makes them take four times as long, watches their short form, on one Redis;
# the whole of them runs without.
STORES := ./internal/sqlite ./internal/redisstore ./internal/migrate

.PHONY: test-go
test-go: export CGO_ENABLED = 1
test-go: export PARLEY_TEST_REDIS = require
test-go: export PARLEY_TEST_PROXIES = require
test-go:
	$(PART) $@ $(GO) test -vet=off -timeout=30m $(RACE) $$($(GO) list ./... | grep -vxF "$$($(GO) list $(STORES))")
	$(PART) $@-stores $(GO) test -short -vet=off -timeout=30m $(RACE) $(STORES)

# The kit's tests are built among the packages of this repository, so that nothing of
# them is compiled again with other versions; that its modules need nothing of this
# repository shows without building.
.PHONY: test-kit test-kit-servers
test-kit: export CGO_ENABLED = 1
test-kit: export PARLEY_TEST_REDIS = require
test-kit:
	@for m in kit kit/prom; do (cd $$m && GOWORK=off $(GO) list -deps -test ./... >/dev/null) || exit 1; done
	$(PART) $@ $(GO) test -vet=off -timeout=30m $(RACE) $(KIT)

test-kit-servers: ## The kit on Valkey, and on the servers that PARLEY_TEST_REDIS_SERVERS names
	$(PART) $@ nice bash scripts/kit-servers.sh

.PHONY: test-plain
test-plain: export PARLEY_TEST_REDIS = require
test-plain: # without the race detector: the stores in full, and what measures memory, which it changes
	$(PART) $@ $(GO) test -vet=off -trimpath -timeout=30m $(STORES)
	$(PART) $@-memory $(GO) test -vet=all -trimpath -run=Memory $$(grep -rlx --include='*_test.go' '//go:build !race' . | xargs dirname | sort -u)

.PHONY: test-web e2e e2e-nodes
test-web: web/node_modules
	$(PART) $@ npm --prefix web test
e2e: web/node_modules
	$(PART) $@ npm --prefix web run e2e -- $(FILES)
e2e-nodes: web/node_modules
	$(PART) $@ npm --prefix web run e2e:nodes -- $(FILES)

.PHONY: quick
quick: ## What a change of a package or two needs, within a minute; says what it leaves out
	@bash scripts/quick.sh

.PHONY: lint
lint: format vet staticcheck vet-more ## Formatting, vet, staticcheck (see staticcheck.conf)

.PHONY: format vet vet-more staticcheck
format:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
vet:
	$(PART) $@ nice env CGO_ENABLED=1 GOGC=300 $(GO) vet $(RACE) $(PACKAGES)
staticcheck:
	@GOBIN=$(CURDIR)/bin $(GO) install $(STATICCHECK)
	$(PART) $@ nice env CGO_ENABLED=1 GOGC=300 GOFLAGS="$$($(GO) env GOFLAGS) $(RACE)" bin/staticcheck $(PACKAGES)
vet-more: # the modules that nobody imports
	$(PART) $@ nice env CGO_ENABLED=1 GOGC=300 bash -c 'for m in kit/bench bench/picture; do (cd $$m && $(GO) vet $(RACE) ./...) || exit 1; done'
	$(GO) mod verify

.PHONY: fresh
fresh: web/node_modules ## The committed web/dist is what web/src builds to
	$(PART) $@ npm --prefix web run build
	@test -z "$$(git status --porcelain -- web/dist)" || { git status --short -- web/dist; echo "web/dist is not what web/src builds to: run make web and commit it"; exit 1; }

.PHONY: web
web: web/node_modules ## Build the client into web/dist
	cd web && npm run build

web/node_modules: web/package.json web/package-lock.json
	@bash scripts/need.sh node npm
	cd web && npm ci --no-fund --no-audit
	@touch $@

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME
	$(PART) $@ nice bash scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## The figures of the design, measured on the real server; JSON lines and a table
	$(GO) run ./bench

.PHONY: bench-picture
bench-picture: ## Measure, put the figures into docs/performance.md, and draw the README's picture; the run is kept in tmp/bench.txt
	mkdir -p tmp && set -o pipefail && $(GO) run ./bench -into docs/performance.md | tee tmp/bench.txt
	cd bench/picture && $(GO) run . ../../docs/images/bench.svg < ../../tmp/bench.txt

.PHONY: verify
verify: bin/parley ## The promises, while nodes and Redis are killed, cut off and slowed down (minutes; see docs/reliability.md)
	@bash scripts/need.sh redis-server
	bin/parley verify --scenario all --seconds 5 --kills 50 $(ARGS)
	$(GO) test -count=1 ./internal/sqlite -run PowerLoss -powercuts 300

.PHONY: platforms
platforms: ## Check the Helm chart, the Compose files, the Cloud Run manifest, the alerts (builds Helm: four minutes the first time)
	@bash scripts/need.sh promtool
	promtool check rules deploy/prometheus/alerts.yaml
	promtool test rules deploy/prometheus/alerts_test.yaml
	cd release/platforms && $(GO) vet . && $(GO) test -count=1 .

.PHONY: release release-check
release: ## Archives, packages, an OCI image, an SBOM and checksums of the last commit, in tmp/release
	mkdir -p tmp && rm -rf tmp/release
	cd release && $(GO) run . -out ../tmp/release $(ARGS)
release-check: ## Build a release twice, compare, and install its deb on a new Debian (as root; needs debootstrap)
	@bash scripts/release-check.sh $(ARGS)

.PHONY: screenshots
screenshots: needs web/node_modules ## The README's pictures, from the real client
	cd web && npm run screenshots

.PHONY: needs
needs: ## Install what the tests need: redis-server, Chromium, Node.js, a C compiler
	@bash scripts/need.sh go gcc redis-server chromium node npm nginx caddy haproxy apache2

.PHONY: fresh-machine
fresh-machine: ## make run and make test on new machines with Debian 12 and 13 (as root; needs debootstrap; half an hour)
	@bash scripts/fresh-machine.sh
