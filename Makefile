# make or make help lists the targets. Variables may be given on the command
# line: make run ARGS='-addr=127.0.0.1:11000', make sim SIM_SCHEDULES=1000000.

.DEFAULT_GOAL := help
SHELL := bash

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X main.version=$(VERSION))

# Pinned: a new version with new checks must not turn CI red by itself.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Two packages at a time: several of them measure the time of a failover, and a
# dozen at once would measure each other. The limit is for one package.
GO_TEST := go test -shuffle=on -p=2 -timeout=15m

# What the tests start, as PROGRAM:PACKAGE of Debian.
TOOLS := redis-server:redis-server redis-sentinel:redis-sentinel ip:iproute2 openssl:openssl curl:curl \
	java:default-jre-headless /usr/share/java/zookeeper.jar:libzookeeper-java \
	haproxy:haproxy prometheus-redis-exporter:prometheus-redis-exporter \
	node:nodejs npm:npm /usr/lib/python3/dist-packages/redis/__init__.py:python3-redis \
	ruby:ruby /usr/share/doc/ruby-redis/copyright:ruby-redis php:php-cli /usr/share/doc/php-redis/copyright:php-redis

ARGS ?=
NODES ?= 1
SIM_SCHEDULES ?= 100000
FUZZTIME ?= 20s
ROUNDS ?= 20
BENCH ?= .
BROKER ?= raft
CHAOS_FAULTS ?= 2000
CHAOS_SEED ?= $(shell date +%s)

.PHONY: help build run test race lint sim chaos fuzz bench system compat ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

build: ## build ./bin/redis-failover
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/redis-failover .

# The playground is built and not "go run": a SIGTERM for go run would leave it
# behind.
run: build ## watch a master and two replicas, all on loopback; NODES=3: with three nodes; ARGS='…': run the server so
ifeq ($(strip $(ARGS)),)
	@.ci/install redis-server:redis-server
	@go build -o bin/playground ./tests/playground
	@exec bin/playground -nodes=$(NODES) bin/redis-failover
else
	@exec bin/redis-failover $(ARGS)
endif

test: ## run all tests, with redis-server, redis-sentinel, iproute2 and ZooKeeper installed if missing
	@.ci/install $(TOOLS)
	$(GO_TEST) ./...

race: ## the same with the race detector
	@.ci/install $(TOOLS) gcc:gcc gcc:libc6-dev
	CGO_ENABLED=1 $(GO_TEST) -race ./...

lint: ## gofmt, go vet and staticcheck (see staticcheck.conf)
	@unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then echo "not in the form of gofmt:" $$unformatted; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

sim: ## simulate SIM_SCHEDULES schedules of failures in virtual time
	SIM_SCHEDULES=$(SIM_SCHEDULES) go test -count=1 -v -timeout=4h ./tests/sim

chaos: ## break real nodes with CHAOS_FAULTS faults of the seed CHAOS_SEED, and judge what they did
	@.ci/install $(TOOLS)
	CHAOS_FAULTS=$(CHAOS_FAULTS) CHAOS_SEED=$(CHAOS_SEED) go test -count=1 -v -timeout=4h -run=Chaos ./tests/chaos

fuzz: ## run each fuzz target for FUZZTIME, a duration or a number of inputs (10000x)
	@set -o pipefail; \
	grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort -u | while IFS=: read -r file target; do \
		echo "$${target#func } in $$(dirname "$$file")"; \
		go test "$$(dirname "$$file")" -run='^$$' -fuzz="^$${target#func }\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x </dev/null || exit 1; \
	done

bench: ## measure ROUNDS failovers of each kind, and more, beside stock redis-sentinels; BENCH=SingleLookup for one kind, BROKER=zk for groups with ZooKeeper
	@.ci/install $(TOOLS)
	ROUNDS=$(ROUNDS) BROKER=$(BROKER) go test -v -timeout=6h -run='^$$' -bench='$(BENCH)' -benchtime=1x ./tests/bench

system: ## only the tests with real servers and the real binary
	@.ci/install $(TOOLS)
	$(GO_TEST) -count=1 -v ./tests/system/... ./tests/cluster/...

compat: ## only the comparison with the real redis-sentinel
	@.ci/install $(TOOLS)
	$(GO_TEST) -count=1 -v ./tests/compat/... ./tests/events/...

ci: ## what CI runs: lint, then test
	@.ci/run

clean: ## remove what make built
	rm -rf bin
