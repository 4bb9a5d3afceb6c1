# Targets around the build: dependencies, the demo, tests, installing.

# make -j N check: N for all; make check: as many as there are processors.
SUBMAKE = +@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
RUN = bash tests/tools/run.sh
VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite
ASAN = B=$(B)-asan SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" CFLAGS="-O1 -g -fno-omit-frame-pointer"

##   deps         install what building and testing need (Debian, as root or with sudo)
.PHONY: deps
deps:
	@bash tests/tools/deps.sh all

##   demo         install what is missing, build, and run the whole system with a demo task
.PHONY: demo
demo:
	@bash tests/tools/deps.sh run
	@echo 'orbiter: building'
	$(SUBMAKE) -s all
	@$(B)/orbiter dev --demo

##   check        install what is missing and run all tests
.PHONY: check
check:
	@bash tests/tools/deps.sh all
	+@MAKE="$(MAKE)" bash tests/tools/check.sh $(B)

# All test programs, and what they start.
.PHONY: test-programs
test-programs: $(PROGS) $(UNIT_T) $(INTEG_T) $(FUZZ_T) $(CHAOS_T) $(EX_T) $(BENCH_T) $(if $(FAKE_C),$(B)/fake-provider)

##   unit         unit tests only, no server
.PHONY: unit
unit: $(UNIT_T)
	@$(RUN) -t 20 $(UNIT_T)

##   integration  tests against a real redis-server, child processes and providers
.PHONY: integration
integration: test-programs
	@$(RUN) -t 180 $(INTEG_T)

##   golden-update  write the golden screens (tests/golden) anew: look at what git diff says of them
.PHONY: golden-update
golden-update: $(B)/tests/integration/test_golden
	@$< --update >/dev/null 2>&1 || { $< --update; exit 1; }
	@echo 'orbiter: tests/golden is written'

##   captures     write what the console shows of a running system into docs/console.md and docs/console.svg
.PHONY: captures
captures: $(PROGS)
	@bash tests/tools/captures.sh $(B)

##   check-asan   unit and integration tests under the address and undefined-behaviour sanitizers
.PHONY: check-asan
check-asan:
	$(SUBMAKE) $(ASAN) unit integration

##   check-valgrind  integration tests and a worker's whole life under valgrind
.PHONY: check-valgrind
check-valgrind:
	@bash tests/tools/deps.sh all valgrind
	$(SUBMAKE) valgrind-run
.PHONY: valgrind-run
valgrind-run: test-programs
	@$(RUN) -t 1200 $(foreach t,$(INTEG_T),'$(VALGRIND) $(t)') 'RUN_UNDER="$(VALGRIND)" bash tests/examples/run.sh $(B)'

##   fuzz         look for inputs that break what reads input; SECONDS=600 each, TARGETS="payload url" only those
FUZZ_SAN = -fsanitize=address,undefined -fno-sanitize-recover=all
.PHONY: fuzz
fuzz:
	@bash tests/tools/deps.sh run fuzz
	$(SUBMAKE) -s B=$(B)-fuzz CC=clang CFLAGS="-O1 -g -fno-omit-frame-pointer" SAN="$(FUZZ_SAN) -fsanitize=fuzzer-no-link" \
		FUZZER=-fsanitize=fuzzer fuzz-programs
	@bash tests/fuzz/run.sh $(B)-fuzz $(or $(SECONDS),600) $(TARGETS)
.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_T)

##   bench        speed and memory beside probes (docs/benchmarks.md); ROWS="tasks latency" measures only those
.PHONY: bench
bench: $(PROGS) $(B)/fake-provider $(BENCH_T)
	@bash tests/bench/run.sh $(B) $(ROWS)

##   chaos        the proofs under fire in their full forms, an hour or so: SEED=n; PROOFS="kill cancel readers crash rolling million mixed model faults sentinel top_faults" runs only those
.PHONY: chaos
chaos: $(PROGS) $(B)/fake-provider $(CHAOS_T) $(filter %/test_faults %/test_sentinel %/test_top_faults,$(INTEG_T))
	@bash tests/chaos/run.sh $(B) $(or $(SEED),$(shell date +%s)) $(PROOFS)

##   check-layers the layer law, from the #include lines and from what is linked
.PHONY: check-layers
check-layers:
	@bash tests/tools/layers.sh sources
	@bash tests/tools/test_layers.sh
	$(SUBMAKE) $(PROGS) $(LIBS_OUT)
	@bash tests/tools/layers.sh programs $(B)

##   lint         shellcheck on every script
.PHONY: lint
lint:
	@bash tests/tools/lint.sh

##   check-bare   demo and check in an empty Debian root (as root; downloads packages)
.PHONY: check-bare
check-bare:
	@bash tests/tools/bare.sh

##   man          the manual pages, from the same tables as --help
.PHONY: man
man: $(B)/man/orbiter.1 $(B)/man/orbiter-worker.1
$(B)/man/orbiter.1: $(B)/orbiter
	@mkdir -p $(@D)
	$(call tell,MAN)
	$(Q)$(B)/orbiter help --man > $@
$(B)/man/orbiter-worker.1: $(B)/orbiter-worker
	@mkdir -p $(@D)
	$(call tell,MAN)
	$(Q)$(B)/orbiter-worker --man > $@

##   install      into DESTDIR and prefix (default /usr/local)
INSTALLED = bin/orbiter bin/orbiter-worker lib/liborbiter.a lib/liborbiter.so.0 lib/liborbiter.so lib/pkgconfig/orbiter.pc \
	share/man/man1/orbiter.1 share/man/man1/orbiter-worker.1 $(patsubst lib/%,%,$(wildcard lib/include/orbiter/*.h)) \
	$(addprefix share/orbiter/,$(THEMES))
.PHONY: install
install: all
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/lib/pkgconfig $(DESTDIR)$(prefix)/include/orbiter $(DESTDIR)$(prefix)/share/man/man1 \
		$(DESTDIR)$(prefix)/share/orbiter/themes
	install -m 755 $(PROGS) $(DESTDIR)$(prefix)/bin
	install -m 644 $(B)/liborbiter.a $(DESTDIR)$(prefix)/lib
	install -m 755 $(B)/liborbiter.so $(DESTDIR)$(prefix)/lib/liborbiter.so.0
	ln -sf liborbiter.so.0 $(DESTDIR)$(prefix)/lib/liborbiter.so
	install -m 644 lib/include/orbiter/*.h $(DESTDIR)$(prefix)/include/orbiter
	install -m 644 $(B)/man/orbiter.1 $(B)/man/orbiter-worker.1 $(DESTDIR)$(prefix)/share/man/man1
	install -m 644 $(THEMES) $(DESTDIR)$(prefix)/share/orbiter/themes
	sed -e 's,@prefix@,$(prefix),' -e 's,@version@,$(VERSION),' -e 's,@uses@,$(PKGS),' lib/orbiter.pc.in > $(DESTDIR)$(prefix)/lib/pkgconfig/orbiter.pc
	chmod 644 $(DESTDIR)$(prefix)/lib/pkgconfig/orbiter.pc

##   uninstall    remove what install put there
.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR)$(prefix)/,$(INSTALLED))
	-@rmdir $(addprefix $(DESTDIR)$(prefix)/,include/orbiter share/orbiter/themes share/orbiter) 2>/dev/null

##   clean        remove everything that was built
.PHONY: clean
clean:
	rm -rf $(B) $(B)-asan $(B)-fuzz

##   help         this list
.PHONY: help
help:
	@sed -n 's/^##  *//p' Makefile tests/targets.mk | sort
	@echo 'Variables: B (build folder), CC, CFLAGS, WERROR= (warnings are not errors), V=1 (show commands), prefix, DESTDIR'
