# orbiter: `make help` lists the targets. Adding a source file, a test, a script
# or a theme needs no change here: the lists are made from the folders.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# make V=1 shows the commands, make -s says nothing.
Q    := $(if $(V),,@)
tell = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-5s %s\n' $(1) $@)

VERSION := $(shell sed -n 's/^\#define ORB_VERSION "\(.*\)"/\1/p' lib/include/orbiter/base.h)
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
B       ?= build
prefix  ?= /usr/local
DESTDIR ?=
WERROR  ?= -Werror
CFLAGS  ?= -O2 -g
PKGS    := libevent libevent_openssl hiredis jansson libcurl openssl yaml-0.1
TEST_LIBS := -lcmocka -lvterm
# What the console adds to orbiter alone.
TUI_PKGS := ncursesw libutf8proc inih

# Goals that need no libraries, or install them first and then call make again.
NO_FLAGS := help clean deps deps-run deps-test demo check lint check-layers check-asan check-valgrind check-bare uninstall fuzz
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(NO_FLAGS),$(MAKECMDGOALS)),all),)
-include $(B)/flags.mk
endif
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Wno-format-nonliteral $(WERROR)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Ilib -Ilib/include $(WARN) $(CFLAGS) $(SAN) -fPIC -fvisibility=hidden -fno-strict-aliasing -MMD -MP $(PKG_CFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(SAN)

LIB_C    := $(wildcard lib/*/*.c)
LIB_LUA  := $(wildcard lib/store/*.lua)
WORKER_C := $(wildcard worker/*.c)
TUI_C    := $(wildcard tui/*.c)
CLI_C    := $(wildcard cli/*.c)
UNIT_C   := $(wildcard tests/unit/test_*.c)
INTEG_C  := $(wildcard tests/integration/test_*.c)
BENCH_C  := $(wildcard tests/bench/*.c)
CHAOS_C  := $(filter-out tests/chaos/chaos.c,$(wildcard tests/chaos/*.c))
FAKE_C   := $(wildcard tests/fake/*.c)
SUPP_C   := $(wildcard tests/support/*.c)
THEMES   := $(sort $(wildcard themes/*.theme))
EX_C     := $(wildcard tests/examples/*.c)
TOOLS_C  := $(wildcard tests/tools/*.c)
FUZZ_C   := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
LIB_O    := $(call obj,$(LIB_C)) $(B)/obj/lib/store/scripts_lua.o $(B)/obj/lib/tool/python_host_py.o $(B)/obj/lib/model/prices_text.o
TUI_O    := $(call obj,$(TUI_C)) $(B)/obj/tui/themes_text.o
SUPP_O   := $(call obj,$(SUPP_C))
UNIT_T   := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_C))
INTEG_T  := $(patsubst tests/integration/%.c,$(B)/tests/integration/%,$(INTEG_C))
BENCH_T  := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_C))
CHAOS_T  := $(patsubst tests/chaos/%.c,$(B)/tests/chaos/%,$(CHAOS_C))
FUZZ_T   := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(FUZZ_C))
EX_T     := $(patsubst tests/examples/%.c,$(B)/examples/%,$(EX_C)) $(B)/examples/readme
PROGS    := $(B)/orbiter $(B)/orbiter-worker
LIBS_OUT := $(B)/liborbiter.a $(B)/liborbiter.so

##   all          build the programs and the libraries (default)
.PHONY: all
all: $(PROGS) $(LIBS_OUT) man

# What pkg-config says is asked once, not at every make.
$(B)/flags.mk: Makefile
	@mkdir -p $(B)
	@command -v pkg-config >/dev/null || { echo "orbiter: pkg-config is missing: run 'make deps' (it installs what the build needs)" >&2; exit 1; }
	@pkg-config --exists $(PKGS) $(TUI_PKGS) || { echo "orbiter: libraries are missing: run 'make deps' (it installs what the build needs)" >&2; exit 1; }
	@printf 'PKG_CFLAGS := %s\nPKG_LIBS := %s -lm\n' "$$(pkg-config --cflags $(PKGS))" "$$(pkg-config --libs $(PKGS))" > $@
	@printf 'TUI_CFLAGS := %s\nTUI_LIBS := %s\n' "$$(pkg-config --cflags $(TUI_PKGS))" "$$(pkg-config --libs $(TUI_PKGS))" >> $@

$(B)/obj/%.o: %.c $(B)/flags.mk
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/obj/tui/%.o: PKG_CFLAGS += $(TUI_CFLAGS) -I.
$(B)/obj/cli/%.o: PKG_CFLAGS += -I.
$(B)/obj/tests/%.o: PKG_CFLAGS += -Itests -I.

# The Lua scripts become C strings; common.lua goes before each of them.
$(B)/obj/lib/store/scripts_lua.c: $(LIB_LUA) lib/store/embed.sh
	@mkdir -p $(@D)
	$(call tell,LUA)
	$(Q)sh lib/store/embed.sh $(LIB_LUA) > $@

# So do the host of Python tools and the table of prices.
$(B)/obj/lib/tool/python_host_py.c: lib/tool/python_host.py lib/base/embed.sh
	@mkdir -p $(@D)
	$(call tell,PY)
	$(Q)sh lib/base/embed.sh $< orb_python_host > $@
$(B)/obj/lib/model/prices_text.c: lib/model/prices.txt lib/base/embed.sh
	@mkdir -p $(@D)
	$(call tell,TEXT)
	$(Q)sh lib/base/embed.sh $< orb_prices_text > $@
# And the themes, with a table of their names.
$(B)/obj/tui/themes_text.c: $(THEMES) tui/embed.sh lib/base/embed.sh
	@mkdir -p $(@D)
	$(call tell,TEXT)
	$(Q)sh tui/embed.sh $(THEMES) > $@

$(B)/obj/%.o: $(B)/obj/%.c $(B)/flags.mk
	$(call tell,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/liborbiter.a: $(LIB_O)
	$(call tell,AR)
	$(Q)rm -f $@; ar rcs $@ $^
$(B)/liborbiter.so: $(LIB_O)
	$(call tell,LD)
	$(Q)$(CC) -shared -Wl,-soname,liborbiter.so.0 -Wl,--no-undefined $^ -o $@ $(ALL_LDFLAGS) $(PKG_LIBS)

# Only a place to take from: orbiter and the tests link what they use.
$(B)/libtui.a: $(TUI_O)
	$(call tell,AR)
	$(Q)rm -f $@; ar rcs $@ $^

$(B)/orbiter: $(call obj,$(CLI_C)) $(B)/libtui.a $(B)/liborbiter.a
	$(call tell,LD)
	$(Q)$(CC) $^ -o $@ $(ALL_LDFLAGS) $(TUI_LIBS) $(PKG_LIBS)
$(B)/orbiter-worker: $(call obj,$(WORKER_C)) $(B)/liborbiter.a
	$(call tell,LD)
	$(Q)$(CC) $^ -o $@ $(ALL_LDFLAGS) $(PKG_LIBS)

$(B)/fake-provider: $(call obj,$(FAKE_C)) $(B)/liborbiter.a
	$(call tell,LD)
	$(Q)$(CC) $^ -o $@ $(ALL_LDFLAGS) $(PKG_LIBS)
# What tests share: each takes what it uses.
$(B)/libsupport.a: $(SUPP_O)
	$(call tell,AR)
	$(Q)rm -f $@; ar rcs $@ $^
TEST_A := $(B)/libsupport.a $(B)/libtui.a $(B)/liborbiter.a

$(B)/tests/%: $(B)/obj/tests/%.o $(TEST_A)
	@mkdir -p $(@D)
	$(call tell,LD)
	$(Q)$(CC) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(ALL_LDFLAGS) $(TUI_LIBS) $(PKG_LIBS) $(TEST_LIBS)
$(B)/tests/integration/test_sentinel: $(B)/obj/tests/chaos/chaos.o
$(B)/tests/chaos/%: $(B)/obj/tests/chaos/%.o $(B)/obj/tests/chaos/chaos.o $(TEST_A)
	@mkdir -p $(@D)
	$(call tell,LD)
	$(Q)$(CC) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(ALL_LDFLAGS) $(TUI_LIBS) $(PKG_LIBS) $(TEST_LIBS)
$(CHAOS_T): $(B)/obj/tests/chaos/chaos.o
# Two of them have files of their own.
$(B)/tests/chaos/model: $(call obj,$(wildcard tests/chaos/model/*.c))
$(B)/tests/chaos/cancel: $(call obj,$(wildcard tests/chaos/cancel/*.c))
# Each runs over the files that it is given; with FUZZER, clang's, it looks for new ones.
FUZZ_MAIN := $(if $(FUZZER),,$(B)/obj/tests/fuzz/replay.o)
$(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(FUZZ_MAIN) $(B)/libtui.a $(B)/liborbiter.a
	@mkdir -p $(@D)
	$(call tell,LD)
	$(Q)$(CC) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(ALL_LDFLAGS) $(FUZZER) $(TUI_LIBS) $(PKG_LIBS)
$(B)/tests/fuzz/fuzz_config: $(B)/obj/cli/spec_file.o
$(B)/tests/fuzz/fuzz_cells: $(call obj,tests/support/cells.c)
$(B)/tests/fuzz/fuzz_console: $(call obj,tests/support/havoc.c tests/support/cells.c tests/support/console.c)
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(TEST_A)
	@mkdir -p $(@D)
	$(call tell,LD)
	$(Q)$(CC) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(ALL_LDFLAGS) $(TUI_LIBS) $(PKG_LIBS) $(TEST_LIBS)
# The console's harness is several files.
$(B)/bench/console: $(call obj,$(wildcard tests/bench/console/*.c))
# Examples see only what is installed: the public headers and the library.
$(B)/examples/%: tests/examples/%.c $(B)/liborbiter.a
	$(example)
$(B)/examples/%: $(B)/obj/examples/%.c $(B)/liborbiter.a
	$(example)
define example
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -Ilib/include $(WARN) $(CFLAGS) $(SAN) $< $(B)/liborbiter.a -o $@ $(ALL_LDFLAGS) $(PKG_LIBS)
endef
# The program of the README, but for its server and its model.
$(B)/obj/examples/readme.c: README.md
	@mkdir -p $(@D)
	$(call tell,TEXT)
	$(Q)sed -n '/^```c$$/,/^```$$/{ /^```/!p }' $< | sed -e '1i #include <stdlib.h>' -e 's,"redis://localhost:6379",getenv("ORBITER_REDIS_URL"),' \
		-e 's,openai:gpt-4o,sim:say=Paris,' > $@

.SECONDARY:

include tests/targets.mk

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
