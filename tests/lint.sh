#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Form, spelling, shell, man pages, and what clang-tidy sees. Exit code 0: nothing to mend.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

report() {
	echo "lint: $1"
	bad=1
}

mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
mapfile -t pages < <(git ls-files 'docs/man/*')

clang-format --dry-run --Werror "${sources[@]}" 2>&1 | grep -m 20 'error:' && report "run clang-format -i on these"
# Nd is mdoc's macro and neighbour discovery's short name; misspelt keys in tests are what the tests are about.
codespell --ignore-words-list=nd --skip='*/corpus/*,*/broken/*,*/test_schema.c' "${sources[@]}" "${scripts[@]}" README.md docs chains || report "spelling"
shellcheck -x -e SC2119 "${scripts[@]}" || report "shell scripts"
for page in "${pages[@]}"; do
	mandoc -T lint -W warning "$page" || report "man page $page"
done
for file in "${sources[@]}" "${scripts[@]}" $(git ls-files '*meson.build' Makefile); do
	head -3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || report "$file has no SPDX line"
done
# All packages of the list must go together on a machine that has none.
mapfile -t packages < <(sed 's/#.*//; /^ *$/d' infra/packages.txt)
empty=$(mktemp)
apt-get -o Dir::State::status="$empty" install -s --no-install-recommends "${packages[@]}" 2>&1 >/dev/null | grep '^E:' && report "infra/packages.txt cannot be installed as a whole"
rm -f "$empty"
[ -z "$(printf '%s\n' "${packages[@]}" | sort | uniq -d)" ] || report "infra/packages.txt names a package twice"
# A file holds one noun: a longer one names its reason in its first comment ("Long because ...").
for file in "${sources[@]}"; do
	if [ "$(wc -l <"$file")" -gt 600 ] && ! head -30 "$file" | grep -q 'Long because'; then
		report "$file has more than 600 lines"
	fi
done
if [ -f build/compile_commands.json ]; then
	mapfile -t units < <(git ls-files 'infra/*.c' 'dataplane/*.c' 'vnfs/*.c' 'chains/*.c' 'vnfm/*.c' 'bench/*.c')
	clang-tidy --quiet -p build "${units[@]}" 2>/dev/null | grep -E 'warning:|error:' && report "clang-tidy"
fi
[ "$bad" = 0 ] && echo "lint: nothing to mend"
exit "$bad"
