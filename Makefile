# SPDX-License-Identifier: BSD-3-Clause
# The door; meson does the work.
BUILD ?= build

.PHONY: all packages build test check demo bench lint install clean

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

demo: build
	tests/demo.sh

# Three functions in containers against the same in one process; writes $(BUILD)/bench/headline.json.
bench: build
	bench/headline.sh

lint: packages
	tests/lint.sh

install: build
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-*
