# clinic: "make help" lists what this file can do.
VERSION := 0.1.0
ifneq ($(SAN),)
BUILD ?= build-san
endif
BUILD ?= build
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.DELETE_ON_ERROR:
.SUFFIXES:
.PRECIOUS: $(BUILD)/obj/%.o
MAKEFLAGS += --no-builtin-rules
# V=1 shows the commands, otherwise one short line each.
V ?= 0
say = $(if $(filter 1,$(V)),,@echo "  $(1)" $(patsubst $(BUILD)/%,%,$@);)
.DEFAULT_GOAL := all

include mk/flags.mk
include mk/rooms.mk

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# $(call pick,folder): its C sources at any depth
pick = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))

$(foreach r,$(ROOMS),$(eval all_src_$(r) := $(call pick,src/$(r))))
$(foreach r,$(ROOMS),$(eval room_src_$(r) := $(filter-out $(MODULE_SRC) $(CAGE_SRC),$(all_src_$(r)))))
# What the room's unit tests may link besides the archive: parsers and modules, without their main().
$(foreach r,$(ROOMS),$(eval extra_src_$(r) := $(filter-out %_main.c,$(filter $(MODULE_SRC) $(CAGE_SRC),$(all_src_$(r))))))
room_lib = $(if $(room_src_$(1)),$(BUILD)/lib$(1).a)
extra_lib = $(if $(extra_src_$(1)),$(BUILD)/lib$(1)-extra.a)
# $(call link_rooms,room): archives of the room and of all below it
link_rooms = $(foreach r,$(1) $(below_$(1)),$(call room_lib,$(r)))
link_extra = $(foreach r,$(1) $(below_$(1)),$(call extra_lib,$(r)))
link_libs = $(foreach r,$(1) $(below_$(1)),$(libs_$(r)))
EXTRA_LIBS = $(foreach m,$(MODULES),$(if $(module_src_$(m)),$(module_libs_$(m)))) \
	$(foreach c,$(CAGES),$(if $(cage_parser_$(c)),$(cage_libs_$(c))))

ARCHIVES := $(foreach r,$(ROOMS),$(call room_lib,$(r)))
# The program needs its faces; a tree without them still builds and tests the rooms it has.
CLINIC := $(if $(and $(wildcard src/app/main.c),$(room_src_cli),$(room_src_ui),$(room_src_wire),$(room_src_station)),$(BUILD)/bin/clinic)
MODULE_SO := $(foreach m,$(MODULES),$(if $(module_src_$(m)),$(BUILD)/lib/$(m).so))
CAGE_BIN := $(foreach c,$(CAGES),$(if $(and $(cage_src_$(c)),$(cage_parser_$(c))),$(BUILD)/lib/clinic-cage-$(c)))
TREE := $(BUILD)/clinic-tree

TEST_ROOMS := $(filter $(ROOMS),$(notdir $(wildcard tests/*)))
$(foreach r,$(TEST_ROOMS),$(eval test_src_$(r) := $(wildcard tests/$(r)/test_*.c)))
$(foreach r,$(TEST_ROOMS),$(eval test_help_$(r) := $(filter-out tests/$(r)/test_%,$(wildcard tests/$(r)/*.c))))
TEST_BIN := $(foreach r,$(TEST_ROOMS),$(patsubst %.c,$(BUILD)/%,$(test_src_$(r))))
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
REPLAY_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%,$(FUZZ_SRC))

.PHONY: all always programs tests $(ROOMS:%=check-%)
all: programs
programs: $(ARCHIVES) $(CLINIC) $(MODULE_SO) $(CAGE_BIN) $(TREE)
tests: programs $(TEST_BIN) $(REPLAY_BIN)
# make check-image: this room's unit tests, with nothing built that they do not need.
$(ROOMS:%=check-%): check-%:
	@$(MAKE) --no-print-directory $(or $(filter $(BUILD)/tests/$*/%,$(TEST_BIN)),$(TREE)) && \
		$(PYTHON) tests/run --build $(BUILD) --units-only tests/$*/

# Tells a program that runs from the build tree where the tree is (see path.c).
$(TREE):
	@mkdir -p $(@D)
	@realpath --relative-to=$(BUILD) . > $@

# Another compiler or other flags: everything again.
FLAGS_NOW := $(CC) $(OPT) $(KERNEL_OPT) $(DEBUG) $(SAN) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(VERSION)
FLAGS_THEN := $(file <$(BUILD)/flags)
$(BUILD)/flags: $(if $(filter-out $(FLAGS_THEN),$(FLAGS_NOW))$(filter-out $(FLAGS_NOW),$(FLAGS_THEN)),always)
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_NOW)' > $@
always:

# A packed network fits the engine that made it: its file name carries a hash of the sources that decide on the layout.
ENGINE_SRC := $(sort $(wildcard src/nn/*.[ch] src/nn/*.def src/nn/kernel/* src/nn/op/*))
cflags_file_src/nn/packed.c = -DNN_SOURCES='"$(shell cat $(ENGINE_SRC) | sha256sum | cut -c1-8)"'
$(call obj,src/nn/packed.c): $(ENGINE_SRC)

# --- objects ---------------------------------------------------------------------------------------------------------
$(call obj,$(MODULE_SRC)): PIC := -fPIC
PIC := -fPIE
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(CPPFLAGS_ALL) $(cflags_$(patsubst %/,%,$(dir $<))) $(cflags_file_$<) $(CFLAGS_ALL) $(PIC) $(call source_flags,$<) -MMD -MP -c $< -o $@

define archive_rules
ifneq ($(room_src_$(1)),)
$(BUILD)/lib$(1).a: $(call obj,$(room_src_$(1)))
	@rm -f $$@
	$$(call say,AR  )$(AR) rcsD $$@ $$^
endif
ifneq ($(extra_src_$(1)),)
$(BUILD)/lib$(1)-extra.a: $(call obj,$(extra_src_$(1)))
	@rm -f $$@
	$$(call say,AR  )$(AR) rcsD $$@ $$^
endif
endef
$(foreach r,$(ROOMS),$(eval $(call archive_rules,$(r))))

# --- programs --------------------------------------------------------------------------------------------------------
# Modules take the functions of these rooms from the program that opens them, so there is one allocator hook and one log.
# Their own functions stay their own (-Bsymbolic): a name of theirs may also be a name in the program.
EXPORTED := base image report
$(BUILD)/bin/clinic: $(call obj,src/app/main.c) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -pie -rdynamic $(LDFLAGS_ALL) -o $@ $< -Wl,--whole-archive $(foreach r,$(EXPORTED),$(call room_lib,$(r))) \
		-Wl,--no-whole-archive -Wl,--start-group $(filter-out $(foreach r,$(EXPORTED),$(call room_lib,$(r))),$(ARCHIVES)) \
		-Wl,--end-group $(sort $(foreach r,$(ROOMS),$(if $(room_src_$(r)),$(libs_$(r)))))

define module_rules
$(BUILD)/lib/$(1).so: $(call obj,$(module_src_$(1)))
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) -shared -Wl,-Bsymbolic $$(LDFLAGS_ALL) -o $$@ $$^ $$(module_libs_$(1))
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))

define cage_rules
$(BUILD)/lib/clinic-cage-$(1): $(call obj,$(cage_src_$(1)) $(CAGE_COMMON) $(cage_parser_$(1))) $(foreach r,$(cage_rooms_$(1)),$(call room_lib,$(r)))
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) -pie $$(LDFLAGS_ALL) -o $$@ $$^ $(foreach r,$(cage_rooms_$(1)),$(libs_$(r))) $$(cage_libs_$(1))
endef
$(foreach c,$(CAGES),$(eval $(call cage_rules,$(c))))

# --- tests: a room, the rooms below it, nothing else -----------------------------------------------------------------
define test_rules
$(BUILD)/tests/$(1)/test_%: $(BUILD)/obj/tests/$(1)/test_%.o $(call obj,$(test_help_$(1))) $(call link_rooms,$(1)) $(call link_extra,$(1)) | $(TREE)
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) -pie -rdynamic $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) $(if $(room_src_base),-Wl$(comma)--whole-archive $(BUILD)/libbase.a -Wl$(comma)--no-whole-archive) \
		-Wl,--start-group $$(filter-out %/libbase.a,$$(filter %.a,$$^)) -Wl,--end-group $(call link_libs,$(1)) $$(EXTRA_LIBS) -lcmocka
endef
comma := ,
$(foreach r,$(TEST_ROOMS),$(eval $(call test_rules,$(r))))

# Benchmarks take every room but the faces.
LIB_ALL := $(foreach r,$(filter-out ui cli,$(ROOMS)),$(call room_lib,$(r)) $(call extra_lib,$(r)))
LIB_ALL_LIBS = $(sort $(foreach r,$(filter-out ui cli,$(ROOMS)),$(if $(room_src_$(r)),$(libs_$(r))))) $(EXTRA_LIBS)
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(LIB_ALL) | $(TREE)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -pie -rdynamic $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(LIB_ALL) -Wl,--end-group $(LIB_ALL_LIBS)

# Fuzz targets take the parsers and what these stand on.
FUZZ_OBJ := $(call obj,$(room_src_base) $(room_src_image) $(room_src_nn) $(extra_src_image) \
	$(extra_src_nn))
FUZZ_LIBS = $(sort $(libs_base) $(libs_image) $(libs_nn)) $(cage_libs_image) $(cage_libs_network)
$(BUILD)/libfuzz.a: $(FUZZ_OBJ)
	@rm -f $@
	$(call say,AR  )$(AR) rcsD $@ $^
$(BUILD)/tests/fuzz/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay_main.o $(BUILD)/libfuzz.a | $(TREE)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -pie -rdynamic $(LDFLAGS_ALL) -o $@ $^ $(FUZZ_LIBS)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/libfuzz.a | $(TREE)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -pie -rdynamic $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

include mk/goals.mk
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
