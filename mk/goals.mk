# What people call. Goals that need packages start make again after "deps", so that pkg-config is asked once they are there.
.PHONY: help deps run demo test test-now unit lint format format-check cppcheck tidy valgrind check-deep fuzz fuzz-programs \
	bench bench-ui parity install clean

help:
	@echo "make               build everything into $(BUILD)/"
	@echo "make run           install packages, build, open the station (PLAIN=1 or no terminal: the main job as text)"
	@echo "make test          install packages, build, all tests; SAN=address,undefined: unit tests under sanitizers"
	@echo "make deps          install the Debian packages of deps.txt that are missing"
	@echo "make lint          rules of the house; make format applies .clang-format"
	@echo "make check-deep    sanitizers, clang, clang-tidy, cppcheck, valgrind, fuzzing for a moment"
	@echo "make fuzz          libFuzzer, FUZZ_S=60 seconds a target, FUZZ=name for one"
	@echo "make bench         speed against peers; make bench-ui: screens; make parity: agreement with Keras"
	@echo "make install       PREFIX=$(PREFIX) DESTDIR="
	@echo "make clean         remove $(BUILD)/"
	@echo "Variables: BUILD=dir CC=clang WERROR=1 SAN=address,undefined V=1 DEBUG= OPT="

deps:
	@sh mk/deps

# --- the program -----------------------------------------------------------------------------------------------------
run: deps
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@$(MAKE) --no-print-directory demo
# On a terminal the screens with a demo station; else, or with PLAIN=1, the main job as text on the sample pictures.
demo:
	@if [ -t 0 ] && [ -t 1 ] && [ -z "$(PLAIN)" ]; then \
		$(BUILD)/bin/clinic init --demo && cd samples && exec $(abspath $(BUILD)/bin/clinic); \
	else \
		exec $(BUILD)/bin/clinic demo; \
	fi

# --- tests -----------------------------------------------------------------------------------------------------------
test: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@$(MAKE) --no-print-directory test-now
test-now:
	@$(PYTHON) tests/run --build $(BUILD) $(if $(SAN),--units-only) $(TEST_ARGS)
unit: tests
	@$(PYTHON) tests/run --build $(BUILD) --units-only $(TEST_ARGS)

LINTS := $(filter-out %/house.py,$(wildcard tests/lint/*.py))
lint:
	@rc=0; for l in $(LINTS); do $(PYTHON) $$l || rc=1; done; exit $$rc

C_FILES = $(shell find include src tests -name '*.[ch]')
format:
	clang-format -i $(C_FILES)

TIDY_FLAGS = -std=c17 -D_GNU_SOURCE -DCLINIC_VERSION="0" -Iinclude -Isrc $(cflags_src/report) $(cflags_src/nn/import) \
	$(cflags_src/nn/kernel) $(isa_avx512) $(isa_shani)
tidy:
	@printf '%s\n' $(TIDY_FILES) | xargs -P $(JOBS) -I{} sh -c 'clang-tidy --quiet --warnings-as-errors="*" {} -- $(TIDY_FLAGS) 2>/dev/null'
TIDY_FILES ?= $(shell find src -name '*.c')

cppcheck:
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppressions-list=mk/cppcheck.txt -j $(JOBS) -D_GNU_SOURCE -D__x86_64__ -DCLINIC_VERSION='"0"' -Iinclude -Isrc $(wildcard src)

VALGRIND_ROOMS ?= base image
VALGRIND_BIN = $(foreach r,$(VALGRIND_ROOMS),$(filter $(BUILD)/tests/$(r)/%,$(TEST_BIN)))
valgrind: $(VALGRIND_BIN)
	@for t in $(VALGRIND_BIN); do echo "  VALGRIND $$t"; \
		valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite $$t >$(BUILD)/valgrind.log 2>&1 || \
		{ cat $(BUILD)/valgrind.log; exit 1; }; done

FUZZ_S ?= 60
FUZZ_BUILD := build-fuzz
fuzz-programs: $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_SRC))
fuzz:
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(FUZZ_BUILD) fuzz-programs
	@sh tests/fuzz/run.sh $(FUZZ_BUILD) $(FUZZ_S) $(FUZZ)

check-deep:
	@sh mk/deps deep
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=address,undefined BUILD=build-san WERROR=1 tests
	@$(MAKE) --no-print-directory SAN=address,undefined BUILD=build-san test-now
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang BUILD=build-clang WERROR=1 tests
	@$(MAKE) --no-print-directory tidy cppcheck lint
	@$(MAKE) --no-print-directory -j$(JOBS) valgrind
	@$(MAKE) --no-print-directory fuzz FUZZ_S=10

# --- measuring -------------------------------------------------------------------------------------------------------
bench: programs $(BENCH_BIN)
	@for b in $(BENCH_BIN); do echo "== $$b"; $$b || exit 1; done
	@if [ -f tests/bench/bench.py ]; then $(PYTHON) tests/bench/bench.py --build $(BUILD) $(BENCH_ARGS); fi
bench-ui: programs
	@$(PYTHON) tests/bench/ui.py --build $(BUILD) $(BENCH_ARGS)
parity: programs
	@$(PYTHON) tests/bench/parity.py --build $(BUILD) $(PARITY_ARGS)

# --- installing ------------------------------------------------------------------------------------------------------
INSTALL ?= install
dest := $(DESTDIR)$(PREFIX)
install: programs
	$(INSTALL) -d $(dest)/bin $(dest)/lib/clinic $(dest)/share/clinic/models $(dest)/share/clinic/schema \
		$(dest)/share/man/man1 $(dest)/share/bash-completion/completions
	$(INSTALL) -s -m 755 $(BUILD)/bin/clinic $(dest)/bin/clinic
	$(INSTALL) -s -m 755 $(CAGE_BIN) $(dest)/lib/clinic/
	$(INSTALL) -s -m 644 $(MODULE_SO) $(dest)/lib/clinic/
	$(INSTALL) -m 644 $(wildcard models/*.h5 models/*.json) $(dest)/share/clinic/models/
	$(INSTALL) -m 644 $(wildcard schema/*.sql) $(dest)/share/clinic/schema/
	$(if $(wildcard samples/*),$(INSTALL) -d $(dest)/share/clinic/samples && \
		$(INSTALL) -m 644 $(wildcard samples/*) $(dest)/share/clinic/samples/)
	$(BUILD)/bin/clinic help --man > $(BUILD)/clinic.1 && $(INSTALL) -m 644 $(BUILD)/clinic.1 $(dest)/share/man/man1/clinic.1
	$(BUILD)/bin/clinic help --completion > $(BUILD)/clinic.bash && \
		$(INSTALL) -m 644 $(BUILD)/clinic.bash $(dest)/share/bash-completion/completions/clinic

clean:
	rm -rf $(BUILD)
