# Rooms, which of them a room may use, and the foreign libraries each one owns.
ROOMS := base image nn store mail intake auth report station wire ui cli

below_base :=
below_image := base
below_nn := base
below_store := base
below_mail := base
level1 := image nn store mail base
below_intake := $(level1)
below_auth := $(level1)
below_report := $(level1)
below_station := intake auth report $(level1)
below_wire := station $(below_station)
below_ui := wire $(below_wire)
below_cli := wire $(below_wire)

# Quietly empty on a machine without the packages: "make deps" comes first, then make starts again.
pkg_libs = $(shell pkg-config --libs $(1) 2>/dev/null)
pkg_cflags = $(patsubst -I%,-isystem %,$(filter -I%,$(shell pkg-config --cflags $(1) 2>/dev/null)))
HDF5 := $(shell pkg-config --exists hdf5 2>/dev/null && echo hdf5 || echo hdf5-serial)

libs_base := -lsodium -lunistring -ldl
libs_image := -lm
libs_nn := -ljansson -lm
libs_store := -lsqlite3 -ljansson
libs_mail :=
libs_intake :=
libs_auth := -lsodium -lcrypt -ljansson
libs_report := -ljansson -lm
libs_station := -ljansson -lm
libs_wire := -ljansson
libs_ui := -lncursesw -ltinfo -ljansson -lm
libs_cli := -ljansson -lm

# HDF5 from its archive: Debian's shared library brings libcurl, OpenSSL and Kerberos along, 30 libraries that no parser of
# untrusted bytes should have around it, and 8 ms of every import.
HDF5_ARCHIVE := $(wildcard $(patsubst -L%,%/libhdf5.a,$(firstword $(shell pkg-config --libs-only-L $(HDF5) 2>/dev/null))))
HDF5_LIBS = $(if $(HDF5_ARCHIVE),$(HDF5_ARCHIVE) -Wl$(comma)-Bstatic -lsz -laec -Wl$(comma)-Bdynamic -lz -ldl,$(call pkg_libs,$(HDF5)))
comma := ,

# Modules: sources with a heavy library, opened with module_symbol() on first use. Not in the room's archive.
MODULES := smtp pdf blas ascii picture
module_src_smtp := $(wildcard src/mail/smtp.c)
module_libs_smtp = $(call pkg_libs,libcurl)
module_src_pdf := $(wildcard src/report/pdf*.c)
module_libs_pdf = $(call pkg_libs,pangocairo cairo libqpdf) -lm
module_src_blas := $(wildcard src/nn/kernel/gemm_blas.c)
module_libs_blas = $(call pkg_libs,openblas)
module_src_ascii := $(wildcard src/image/ascii.c)
module_libs_ascii = $(call pkg_libs,caca)
module_src_picture := $(wildcard src/image/write.c)
module_libs_picture = $(call pkg_libs,libpng libjpeg)
MODULE_SRC := $(foreach m,$(MODULES),$(module_src_$(m)))

# Cages: the only programs that link the parsers of untrusted bytes.
CAGE_COMMON := $(filter-out %_main.c,$(wildcard src/intake/cage/*.c))
CAGES := image network
cage_src_image := $(wildcard src/intake/cage/image_main.c)
cage_parser_image := $(wildcard src/image/decode.c src/image/png.c src/image/jpeg.c)
cage_libs_image = $(call pkg_libs,libpng libjpeg) -lm
cage_rooms_image := image base
cage_src_network := $(wildcard src/intake/cage/network_main.c)
cage_parser_network := $(wildcard src/nn/import/*.c)
cage_libs_network = $(HDF5_LIBS) -ljansson -lm
cage_rooms_network := nn base
CAGE_SRC := $(wildcard src/intake/cage/*.c) $(foreach c,$(CAGES),$(cage_parser_$(c)))

# Foreign header folders outside /usr/include.
cflags_src/report = $(call pkg_cflags,pangocairo cairo libqpdf)
cflags_src/nn/import = $(call pkg_cflags,$(HDF5))
cflags_src/nn/kernel = $(call pkg_cflags,openblas)
