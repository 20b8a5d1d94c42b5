# SPDX-License-Identifier: BSD-3-Clause
# The door; meson does the work.
BUILD ?= build

.PHONY: all packages build test check kills demo bench table fault lab lint install clean

all: build

# Installs what infra/packages.txt lists and is missing.
packages:
	@infra/packages.sh

$(BUILD)/build.ninja: | packages
	meson setup $(BUILD) --werror

build: $(BUILD)/build.ninja
	meson compile -C $(BUILD)

# The suites as they are built now, without installing or sanitizers.
test: build
	meson test -C $(BUILD) --print-errorlogs

check:
	tests/check.sh

# Managers killed at random moments of operations, 200 unless COUNT says otherwise: too long for every check.
kills: build
	KILLS=$${COUNT:-200} CATENA_BUILD=$(abspath $(BUILD)) tests/integration/sol003_faults.sh

demo: build
	tests/demo.sh

# The project's own claims, measured: writes $(BUILD)/bench/headline.json and $(BUILD)/bench/report.html, in less than ten minutes.
bench: build
	DESTDIR=$(CURDIR)/$(BUILD)/stage meson install -C $(BUILD) --no-rebuild --only-changed --quiet
	CATENA_BUILD=$(CURDIR)/$(BUILD) bench/harness/catena-bench headline --output $(BUILD)/bench

# A full table by BGP, compared with the kernel's, killed and withdrawn: minutes on a slow machine. Needs CATENA_TEST_DATA.
table: build
	CATENA_BUILD=$(abspath $(BUILD)) ROUTER_TABLE_TIME=240 tests/integration/router_table.sh

# Kills everything, again and again, and counts; writes $(BUILD)/fault/summary.json.
fault: build
	tests/fault/run.sh $(BUILD)

# A machine with two NUMA nodes, an IOMMU and NICs, emulated: Debian's kernel in qemu; writes $(BUILD)/lab/summary.json.
lab: build
	tests/lab/run.sh $(BUILD)

lint: packages
	tests/lint.sh

install: build
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-*
