# Compilers, warnings, hardening, instruction sets.
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
DEBUG ?= -g
OPT ?= -O2
KERNEL_OPT ?= -O3

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wno-format-zero-length
ifneq ($(filter 1,$(CI) $(WERROR)),)
WARN += -Werror
endif

HARDEN := -fstack-protector-strong -fcf-protection -fstack-clash-protection
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(SAN),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
else
SAN_FLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer
ifneq ($(findstring undefined,$(SAN)),)
SAN_FLAGS += -fno-sanitize-recover=undefined
endif
OPT := -O1
KERNEL_OPT := -O1
# GCC 12 places vectors of 64 bytes askew in the frames it makes for finds of use after return (its bug 110027).
ifeq ($(findstring clang,$(CC)),)
KERNEL_OPT += $(if $(findstring address,$(SAN)),--param=asan-use-after-return=0)
endif
# Kernels compute on shapes that are checked before: parsers are what is fuzzed, and instrumented kernels compile for minutes.
ifneq ($(findstring fuzzer,$(SAN)),)
KERNEL_OPT += -fno-sanitize=all
endif
endif

CPPFLAGS_ALL = -D_GNU_SOURCE -DCLINIC_VERSION='"$(VERSION)"' -Iinclude -Isrc $(CPPFLAGS)
CFLAGS_ALL = -std=c17 $(DEBUG) $(WARN) $(HARDEN) $(SAN_FLAGS) -pthread $(CFLAGS)
LDFLAGS_ALL = -pthread $(HARDEN_LD) $(SAN_FLAGS) $(LDFLAGS)

# The file name says which instructions a kernel may use; the table of kernels decides at run time which one is called.
isa_avx2 := -mavx2 -mfma -mf16c
isa_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512
isa_sse41 := -msse4.1
isa_shani := -msha -msse4.1
isa_of = $(strip $(foreach i,avx2 avx512 sse41 shani,$(if $(filter %_$(i).c,$(1)),$(i))))
# Contraction to FMA is left to the kernels that write it out themselves, so that every other sum is the same everywhere.
source_flags = $(if $(call isa_of,$(1)),$(KERNEL_OPT) $(isa_$(call isa_of,$(1))),-ffp-contract=off \
	$(if $(filter src/nn/kernel/% src/nn/op/%,$(1)),$(KERNEL_OPT),$(OPT)))
