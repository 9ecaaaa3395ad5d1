# nfvs: one Makefile. "make help" lists the targets.
B          ?= build
CFLAGS     ?= -O2 -g
DESTDIR    ?=
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
VERSION    := 0.1.0

PKGS   := libmnl libnetfilter_queue libnetfilter_conntrack libnftnl libconfig liburcu liburcu-cds \
	libuv jansson popt libcap-ng libsystemd
DIRS   := lib lvs sched rules conf ctl daemon
# Who may include whom, beside itself; the folders not named may include lvs and lib.
MAY_lib    := lib
MAY_lvs    := lib
MAY_conf   := sched lvs lib
MAY_ctl    := sched lvs lib
MAY_daemon := rules conf ctl sched lvs lib

# Debian packages by name: to build, to test, to measure.
DEBS_BUILD := gcc libc6-dev make pkg-config libmnl-dev libnetfilter-queue-dev libnfnetlink-dev \
	libnetfilter-conntrack-dev libnftnl-dev libconfig-dev liburcu-dev libuv1-dev libjansson-dev \
	libpopt-dev libxxhash-dev libcap-ng-dev libsystemd-dev
DEBS_DEMO  := iproute2 nftables nginx-light curl python3 procps util-linux kmod
DEBS_CHECK := clang clang-format libcriterion-dev bats socat wrk jq iputils-ping tcpdump \
	python3-scapy libcap2-bin iperf3 ethtool gnuplot-nox conntrack
DEBS_VM    := qemu-system-x86 busybox-static cpio kmod ipvsadm
DEBS_BENCH := haproxy nftlb ipvsadm wrk iperf3 conntrack gnuplot-nox

override CFLAGS += -std=gnu11 -D_GNU_SOURCE -I. -MMD -MP -DNFVS_VERSION='"$(VERSION)"' \
	-Wall -Wextra -Wshadow -Wswitch-enum -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	$(WERROR:1=-Werror) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
override CFLAGS  += $(if $(SAN),$(SAN:%=-fsanitize=%) -fno-sanitize-recover=all -fno-omit-frame-pointer)
override LDFLAGS += $(SAN:%=-fsanitize=%) -Wl,--as-needed
LDLIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

progs   = $(patsubst %.c,$(B)/%,$(wildcard $(1)))
MAINS  := $(B)/daemon/main.o $(B)/daemon/nfvs-rules.o $(B)/ctl/nfvsadm.o
OBJS   := $(filter-out $(MAINS),$(addsuffix .o,$(call progs,$(DIRS:=/*.c))))
TESTS  := $(call progs,tests/unit/test_*.c)
STRESS := $(call progs,tests/unit/stress_*.c)
FUZZ   := $(call progs,tests/fuzz/fuzz_*.c)
TOOLS  := $(call progs,tests/tools/*.c bench/*.c)
MANS   := $(B)/nfvsd.8 $(B)/nfvsadm.8 $(B)/nfvs-rules.8 $(B)/nfvs-realserver.8 $(B)/nfvs.conf.5

# For a make within: on every CPU, unless the caller said on how many.
QUIETLY = --no-print-directory -s $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(B)/nfvsd $(B)/nfvsadm $(B)/nfvs-rules $(B)/nfvs-realserver $(MANS) ## build the daemon, its tools and manual pages

help: ## this list
	@awk -F':.*## ' '/^[a-z -]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- install what is missing -------------------------------------------------------------------
define install_debs
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | \
		grep -q 'ok installed' || echo $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "missing packages, and not root: apt-get install" $$missing >&2; exit 1; fi; \
	echo "installing:" $$missing; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get install -qq -y --no-install-recommends $$missing >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing >/dev/null; }
endef

deps: ## install the Debian packages to build and to test
	$(call install_debs,$(DEBS_BUILD) $(DEBS_DEMO) $(DEBS_CHECK) $(DEBS_VM))
deps-demo:
	$(call install_debs,$(DEBS_BUILD) $(DEBS_DEMO))
deps-bench:
	$(call install_debs,$(DEBS_BUILD) $(DEBS_DEMO) $(DEBS_BENCH))

# --- the two commands --------------------------------------------------------------------------
demo: deps-demo ## a director, a client and three real servers in network namespaces, shown at work
	@$(MAKE) $(QUIETLY) all
	@B=$(B) bash tests/netns/demo.sh

check: deps ## everything that this machine can test; ends with "N passed, N failed, N skipped"
	@$(MAKE) $(QUIETLY) all check-programs
	@B=$(B) bash tests/run-check

check-programs: $(TESTS) $(TOOLS)
	@$(MAKE) $(QUIETLY) B=build/asan SAN="address undefined" CFLAGS="-O1 -g" san-programs
	@$(MAKE) $(QUIETLY) B=build/tsan SAN=thread CFLAGS="-O1 -g" stress-programs
	@$(MAKE) $(QUIETLY) B=build/fuzz CC=clang SAN="address undefined fuzzer-no-link" \
		CFLAGS="-O1 -g" fuzz-programs
san-programs: $(TESTS) $(B)/nfvsd $(B)/nfvsadm
stress-programs: $(STRESS)
fuzz-programs: $(FUZZ)

# --- parts of check ----------------------------------------------------------------------------
unit: $(TESTS) ## unit tests alone
	@for t in $(TESTS); do $$t || exit 1; done
netns: all ## end-to-end tests in network namespaces alone
	@B=$(B) bash tests/run-check netns
vm: deps ## all end-to-end tests again in a stock Debian kernel under emulation, IPVS beside nfvs (long)
	@$(MAKE) $(QUIETLY) all
	@B=$(B) NFVS_VM_ALL=1 NFVS_SEEDS=$(SEEDS) NFVS_SEED=$${NFVS_SEED:-$$(date +%s)} bash tests/run-check vm
san: ## unit tests under address and undefined behaviour sanitizers
	@$(MAKE) $(QUIETLY) B=build/asan SAN="address undefined" CFLAGS="-O1 -g" san-programs
	@B=$(B) bash tests/run-check san
tsan: ## thread tests under the thread sanitizer
	@$(MAKE) $(QUIETLY) B=build/tsan SAN=thread CFLAGS="-O1 -g" stress-programs
	@B=$(B) bash tests/run-check tsan
fuzz: ## build the fuzzers into build/fuzz
	@$(MAKE) $(QUIETLY) B=build/fuzz CC=clang SAN="address undefined fuzzer-no-link" \
		CFLAGS="-O1 -g" fuzz-programs
bench: deps-bench ## side by side: no balancer, numgen, nftlb, HAProxy, IPVS, nfvs; a table of ratios
	@$(MAKE) $(QUIETLY) all $(TOOLS)
	@B=$(B) bash bench/run
bench-scale: deps ## cost by number of services, servers and connections: time, memory, expiry, start, reload, listing
	@$(MAKE) $(QUIETLY) $(B)/nfvsd $(B)/nfvsadm $(B)/bench/scale
	@$(B)/bench/scale
	@B=$(B) bash bench/scale.sh
bench-vm: deps deps-bench ## the same, and IPVS, in a stock Debian kernel under emulation: only ratios mean anything
	@$(MAKE) $(QUIETLY) all $(TOOLS)
	@B=$(B) NFVS_VM_OUT=$${NFVS_VM_OUT:-$(B)/vm} NFVS_VM_TIMEOUT=$${NFVS_VM_TIMEOUT:-3600} \
		NFVS_VM_CPUS=$${NFVS_VM_CPUS:-2} tests/vm/run bench/run

bench-count: deps deps-bench ## the same in instructions of one emulated CPU: repeatable to a few percent
	@$(MAKE) $(QUIETLY) all $(TOOLS)
	@B=$(B) NFVS_VM_OUT=$${NFVS_VM_OUT:-$(B)/vm} NFVS_VM_TIMEOUT=$${NFVS_VM_TIMEOUT:-3600} \
		NFVS_VM_ACCEL=icount tests/vm/run bench/run
bench-plots: deps deps-bench ## what docs/performance.md shows of it, measured anew: plots and tables (BENCH_SETS="columns services flows")
	@$(MAKE) $(QUIETLY) all $(TOOLS)
	@B=$(B) bash bench/collect $(BENCH_SETS)
plots: ## the plots and tables again, from the numbers that docs/plots keeps
	@python3 bench/plots.py docs/plots docs/performance.md

# --- lint --------------------------------------------------------------------------------------
SOURCES := $(wildcard $(DIRS:=/*.[ch]) tests/unit/*.[ch] tests/fuzz/*.c tests/tools/*.c bench/*.c)
lint: deps ## both compilers without a warning, formatting, include direction, lengths
	@$(MAKE) $(QUIETLY) lint-run
lint-run: $(DIRS:%=lint-%)
	@$(MAKE) $(QUIETLY) B=build/gcc WERROR=1 CC=gcc all lint-objects
	@$(MAKE) $(QUIETLY) B=build/clang WERROR=1 CC=clang all lint-objects
	@for h in $(wildcard $(DIRS:=/*.h)); do \
		$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -Werror -fsyntax-only -x c $$h || exit 1; done
	@clang-format --dry-run --Werror $(SOURCES)
	@! grep -n 'lib/log\.h' $(wildcard $(patsubst %,%/*.[ch],lvs sched rules conf)) /dev/null
	@! grep -nE '<(uv|syslog|sys/socket|linux/netlink|libmnl/.*)\.h>' \
		$(wildcard lvs/*.[ch] sched/*.[ch]) /dev/null
	@awk 'FNR == 1 { at = 0 } FNR == 501 { print FILENAME ": over 500 lines"; bad = 1 } \
		/^{/ { at = FNR } /^}/ { if (at && FNR - at > 100) { \
		print FILENAME ":" at ": over 100 lines"; bad = 1 } at = 0 } END { exit bad }' \
		$(SOURCES) /dev/null
	@echo "lint: ok"
lint-objects: $(addsuffix .o,$(TESTS) $(STRESS) $(FUZZ) $(TOOLS))
$(DIRS:%=lint-%): lint-%:
	@may=$$(echo $* $(or $(MAY_$*),lvs lib) | tr ' ' '|'); \
	! grep -n '#include "' $(wildcard $*/*.[ch]) /dev/null | grep -vE "\"($$may)/"
format: ## clang-format over the tree
	@clang-format -i $(SOURCES)

# --- install -----------------------------------------------------------------------------------
install: all ## into DESTDIR/PREFIX (default /usr/local)
	install -D -m 755 $(B)/nfvsd $(DESTDIR)$(PREFIX)/sbin/nfvsd
	install -D -m 755 $(B)/nfvsadm $(DESTDIR)$(PREFIX)/sbin/nfvsadm
	install -D -m 755 $(B)/nfvs-rules $(DESTDIR)$(PREFIX)/sbin/nfvs-rules
	install -D -m 755 $(B)/nfvs-realserver $(DESTDIR)$(PREFIX)/sbin/nfvs-realserver
	install -D -m 644 conf/nfvs.conf.example $(DESTDIR)$(PREFIX)/share/doc/nfvs/nfvs.conf.example
	for m in $(MANS); do install -D -m 644 $$m \
		$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/} || exit 1; done
	sed 's|@PREFIX@|$(PREFIX)|g' packaging/nfvsd.service.in > $(B)/nfvsd.service
	install -D -m 644 $(B)/nfvsd.service $(DESTDIR)$(UNITDIR)/nfvsd.service
	sed 's|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
		packaging/nfvs-realserver.service.in > $(B)/nfvs-realserver.service
	install -D -m 644 $(B)/nfvs-realserver.service $(DESTDIR)$(UNITDIR)/nfvs-realserver.service
	[ -e $(DESTDIR)$(SYSCONFDIR)/nfvs/nfvs.conf ] || \
		install -D -m 640 packaging/nfvs.conf $(DESTDIR)$(SYSCONFDIR)/nfvs/nfvs.conf
uninstall: ## what install put there, but for the configuration
	rm -f $(DESTDIR)$(PREFIX)/sbin/nfvsd $(DESTDIR)$(PREFIX)/sbin/nfvsadm \
		$(DESTDIR)$(PREFIX)/sbin/nfvs-rules $(DESTDIR)$(UNITDIR)/nfvsd.service \
		$(DESTDIR)$(PREFIX)/sbin/nfvs-realserver $(DESTDIR)$(UNITDIR)/nfvs-realserver.service
	for m in $(MANS); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/nfvs
clean: ## remove build/
	rm -rf build

# --- how things are made -----------------------------------------------------------------------
$(B)/nfvsd: $(B)/daemon/main.o $(OBJS)
$(B)/nfvs-rules: $(B)/daemon/nfvs-rules.o $(OBJS)
$(B)/nfvsadm: $(B)/ctl/nfvsadm.o $(filter $(B)/ctl/% $(B)/lvs/% $(B)/sched/% $(B)/lib/%,$(OBJS))
$(TESTS) $(STRESS) $(FUZZ) $(TOOLS): %: %.o $(OBJS)
$(TESTS): LDLIBS += -lcriterion
$(FUZZ): LDLIBS += -fsanitize=fuzzer
$(B)/nfvsd $(B)/nfvsadm $(B)/nfvs-rules $(TESTS) $(STRESS) $(FUZZ) $(TOOLS):
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/lvs/pkt.o $(B)/lvs/csum.o $(B)/lvs/crc32c.o $(B)/lvs/nat.o $(B)/lvs/fwd_nat.o $(B)/lvs/tunnel.o $(B)/lvs/fragment.o $(B)/lvs/icmp.o: override CFLAGS += -Wconversion
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<
$(B)/nfvs-realserver: $(patsubst %,realserver/%.sh,top address system options step check main)
	@mkdir -p $(@D)
	cat $^ | sed 's|@VERSION@|$(VERSION)|g' > $@ && chmod 755 $@
$(B)/%.8: docs/%.8
	@mkdir -p $(@D)
	sed 's|@VERSION@|$(VERSION)|g' $< > $@
$(B)/nfvs.conf.5: docs/nfvs.conf.5.in $(B)/tests/tools/confkeys
	$(B)/tests/tools/confkeys < $< | sed 's|@VERSION@|$(VERSION)|g' > $@

.PHONY: all help deps deps-demo deps-bench demo check check-programs san-programs stress-programs \
	fuzz-programs unit netns vm san tsan fuzz bench bench-scale bench-vm bench-count bench-plots plots lint lint-run lint-objects $(DIRS:%=lint-%) format install uninstall clean
.SECONDARY:
-include $(OBJS:.o=.d) $(MAINS:.o=.d) $(TESTS:=.d) $(STRESS:=.d) $(FUZZ:=.d) $(TOOLS:=.d)
