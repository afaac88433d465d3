# The two commands are `make run` and `make test`; `make help` lists the rest.
# `make test` does everything CI does, and CI does nothing else (.ci/run).

BUILD ?= .build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
# A test that hangs must not hold whoever runs them all: three times what a busy machine needs.
TEST_SECONDS ?= 1200
# All tests at once starve each other on a small machine until everything is late.
TESTS_AT_ONCE ?= 8
ADDRESS = 127.0.0.1:11611

RELEASE = -c release --static-swift-stdlib --product gr
SWIFT_SOURCES = Sources Tests Benchmarks perf Package.swift
MONITOR_SOURCES = $(wildcard Sources/CEpoll/Monitor/*.c Sources/CEpoll/Monitor/*.h) \
	Sources/CEpoll/include/monitor_protocol.h
# The monitor is one static C program: linked through swiftc it would carry the Swift runtime
# (docs/decisions/0002-one-monitor-per-service.md).
MONITOR_FLAGS = -std=gnu11 -Os -static -Wall -Wextra -Werror -ISources/CEpoll/include

# What gr prints of itself at the installation.
MAN_PAGES = gr.1 gr.toml.5
SHARED_FOLDERS = man/man1 man/man5 bash-completion/completions zsh/site-functions \
	fish/vendor_completions.d

.NOTPARALLEL:
.PHONY: help run build test bench fuzz install clean debug release lint format \
	test-thread test-address for-build for-tests

help:
	@echo "make run             build gr and run its daemon on $(ADDRESS), in the foreground"
	@echo "make test            format lint, build, every test, fuzzing for 5 s a target"
	@echo "make build           build without starting: .build/release/gr"
	@echo "make bench           measure everything and write docs/performance.md (10 minutes)"
	@echo "make fuzz            fuzz each parser for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make test-thread     the tests under the thread sanitizer"
	@echo "make test-address    the tests under the address sanitizer"
	@echo "make lint            formats only; make format mends what a tool can mend"
	@echo "make install         gr, gr-monitor, man pages, completions into PREFIX=$(PREFIX)"
	@echo "make clean           remove what was built"

# ---- run and build ----------------------------------------------------------------------------

# GR_HOME chooses the daemon's folder, ~/.gr by default. The daemon replaces the shell, so that
# Ctrl-C reaches it and nothing stands between; it says itself when the port is taken.
run: build
	@scripts/welcome $(BUILD)/release/gr $(ADDRESS)
	@exec $(BUILD)/release/gr serve

build: for-build release

# Swift first: it replaces .build/release by a link, and with it whatever stood there.
release:
	swift build --scratch-path $(BUILD) $(RELEASE)
	@$(MAKE) --no-print-directory $(BUILD)/release/gr-monitor

debug:
	swift build --scratch-path $(BUILD) --build-tests $(SANITIZE)
	@$(MAKE) --no-print-directory $(BUILD)/debug/gr-monitor

$(BUILD)/release/gr-monitor $(BUILD)/debug/gr-monitor: $(MONITOR_SOURCES) Makefile
	@test -d $(@D) || { echo "$(@D) is not there: run 'make $(notdir $(@D))'" >&2; exit 1; }
	$(CC) $(MONITOR_FLAGS) $(filter %.c,$^) -o $@

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/,$(SHARED_FOLDERS))
	install -m 755 $(BUILD)/release/gr $(BUILD)/release/gr-monitor $(DESTDIR)$(PREFIX)/bin
	@for page in $(MAN_PAGES); do $(BUILD)/release/gr man $${page%.*} >$(BUILD)/$$page && \
		install -m 644 $(BUILD)/$$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; done
	@cd $(BUILD) && for shell in bash zsh fish; do \
		release/gr completion $$shell >completion.$$shell; done
	install -m 644 $(BUILD)/completion.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/gr
	install -m 644 $(BUILD)/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_gr
	install -m 644 $(BUILD)/completion.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/gr.fish

clean:
	rm -rf .build .build-thread .build-address perf/build

# ---- tests ------------------------------------------------------------------------------------

test: for-tests lint debug
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TESTS_AT_ONCE) \
		timeout --verbose $(TEST_SECONDS) swift test --quiet --scratch-path $(BUILD)
	@if [ -x perf/fuzz/run ]; then perf/fuzz/run 5; fi
	@if [ -x perf/gate ]; then perf/gate; fi

lint:
	swift format lint --strict --recursive $(SWIFT_SOURCES)
	@scripts/lint-c

format:
	swift format --in-place --recursive $(SWIFT_SOURCES)
	@scripts/lint-c mend

# The sanitizers bring an allocator of their own: the gate, which counts allocations, stays out.
test-thread: BUILD = .build-thread
test-thread: SANITIZE = --sanitize=thread
test-address: BUILD = .build-address
test-address: SANITIZE = --sanitize=address

# The leak checker reports what the test runner itself keeps.
test-thread test-address: for-tests
	@$(MAKE) --no-print-directory BUILD=$(BUILD) SANITIZE=$(SANITIZE) debug
	ASAN_OPTIONS=detect_leaks=0 SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TESTS_AT_ONCE) \
		swift test --quiet --scratch-path $(BUILD) $(SANITIZE)

fuzz: for-build
	perf/fuzz/run $(FUZZ_SECONDS)

bench: build
	perf/report

# ---- what has to be there ---------------------------------------------------------------------

for-build:
	@scripts/prerequisites build

for-tests:
	@scripts/prerequisites build tests
