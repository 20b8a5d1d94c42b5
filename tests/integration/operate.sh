#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Verbs on what runs (heal, restart, scale, ops, top, exec), and packages: exported, checked, refused, imported.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(snapshot)
cp -r "$PREFIX/share/catena/kinds" "$WORK/kinds"
cp -r "$PREFIX/share/catena/images" "$WORK/images"
export CATENA_KINDS=$WORK/kinds CATENA_IMAGES=$WORK/images
cat >"$WORK/ops.yaml" <<-'YAML'
	version: 1
	service: ops
	ports:
	  left: {dev: "gen:", gen: {rate: 1000}}
	  right: {dev: "null:"}
	functions:
	  one: {kind: "null"}
	  two: {kind: "null"}
	path: [left, one, two, right]
	share_cores: true
YAML
manager_start
catena up "$WORK/ops.yaml" >/dev/null || fail "up"

# code EXPECTED COMMAND...
code() {
	local expected=$1 found
	shift
	"$@" >"$WORK/out" 2>"$WORK/err.log"
	found=$?
	[ "$found" = "$expected" ] || fail "$*: exit code $found, expected $expected: $(cat "$WORK/out" "$WORK/err.log")"
}
code 2 catena heal
code 5 catena heal ops
code 5 catena heal ops/none
code 5 catena heal none/one
code 5 catena restart none
code 2 catena scale ops
code 2 catena scale ops many
code 2 catena scale ops 0
code 5 catena scale none 1
code 5 catena top none
code 2 catena top ops --count 0
code 2 catena exec ops true
code 5 catena exec none/one true
code 5 catena exec ops/none true
code 2 catena package
code 2 catena package export null
first=$(function_pid ops one) second=$(function_pid ops two)
code 0 catena heal ops/one
{ [ "$(function_pid ops one)" != "$first" ] && [ "$(function_pid ops two)" = "$second" ]; } || fail "heal replaced something else"
code 0 catena restart ops --json
[ "$(function_pid ops two)" != "$second" ] || fail "restart replaced nothing"
code 0 catena scale ops 1
code 1 catena scale ops 16
is_running ops || fail "scaling that failed did not leave it as it was"
code 0 catena ops ops
{ grep -q 'INSTANTIATE .* COMPLETED' "$WORK/out" && grep -q 'SCALE_TO_LEVEL .* ROLLED_BACK' "$WORK/out" &&
	grep -q 'step plan: ' "$WORK/out"; } || fail "ops: $(cat "$WORK/out")"
id=$(catena ops --json | jq -r '.[-1].id')
[ "$(catena ops "$id" | jq -r .id)" = "$id" ] || fail "ops ID"
code 0 catena top ops --count 2
{ grep -Eq '^main +one ' "$WORK/out" && grep -Eq '^0 +[0-9]+ +two ' "$WORK/out"; } || fail "top: $(cat "$WORK/out")"
code 0 catena top ops --count 1 --json
jq -e '.lanes[0].packets_per_s | has("one")' "$WORK/out" >/dev/null || fail "top --json"
code 0 catena exec ops/one -- /usr/bin/catena-null --help
ok "heal, restart, scale, ops, top, exec"

jq -se 'any(.service == "ops" and .component == "catenad" and (.message | startswith("runs: "))) and
	any(.service == "ops" and .component == "dataplane") and all(has("time") and has("level"))' "$CATENA_STATE_DIR/log.jsonl" >/dev/null ||
	fail "log.jsonl: $(tail -n 5 "$CATENA_STATE_DIR/log.jsonl")"
ok "what all processes say, in one place"

code 0 catena package list
grep -q '^null ' "$WORK/out" || fail "list: $(cat "$WORK/out")"
code 1 catena package export none "$WORK/none.csar"
{ [ ! -e "$WORK/none.csar" ] && [ ! -e "$WORK/none.csar.part" ]; } || fail "a package of nothing"
code 0 catena package export null "$WORK/null.csar"
code 0 catena package export null "$WORK/again.csar"
cmp "$WORK/null.csar" "$WORK/again.csar" || fail "the same kind makes two packages"
code 1 catena package import "$WORK/null.csar"
grep -q -e '--force' "$WORK/err.log" || fail "no remedy: $(cat "$WORK/err.log")"

# Packages that are not what they say.
python3 - "$WORK" <<-'PY' || fail "making packages"
	import hashlib, os, stat, sys, zipfile
	work = sys.argv[1]
	with zipfile.ZipFile(work + '/null.csar') as z:
	    good = {n: z.read(n) for n in z.namelist()}
	def write(name, files, change=None):
	    with zipfile.ZipFile('%s/bad-%s.csar' % (work, name), 'w', zipfile.ZIP_DEFLATED) as z:
	        for path, data in files.items():
	            info = zipfile.ZipInfo(path)
	            info.compress_type = zipfile.ZIP_DEFLATED
	            info.external_attr = 0o100644 << 16
	            if change:
	                change(info)
	            z.writestr(info, data)
	def listed(files):
	    files = {k: v for k, v in files.items() if k != 'null.mf'}
	    text = good['null.mf'].decode().split('\nSource:')[0]
	    for path, data in files.items():
	        text += '\nSource: %s\nAlgorithm: SHA-256\nHash: %s\n' % (path, hashlib.sha256(data).hexdigest())
	    return dict(files, **{'null.mf': text.encode()})
	write('changed', dict(good, **{'Files/vnfd.yaml': good['Files/vnfd.yaml'] + b'# more\n'}))
	write('unlisted', dict(good, **{'Files/more': b'x'}))
	write('missing', {k: v for k, v in good.items() if k != 'ChangeLog.txt'})
	write('no-manifest', {k: v for k, v in good.items() if k != 'null.mf'})
	write('no-meta', {k: v for k, v in good.items() if not k.startswith('TOSCA')})
	for number, path in enumerate(('../escape', '/tmp/escape', 'a/../../escape', 'a//b', './a', 'a\\b')):
	    write('escape-%d' % number, listed(dict(good, **{path: b'x'})))
	write('bomb', listed(dict(good, **{'Files/zeroes': bytes(300000000)})))
	write('many', listed(dict(good, **{'Files/%d' % i: b'' for i in range(2000)})))
	def link(info):
	    if info.filename == 'Files/vnfd.yaml':
	        info.external_attr = (stat.S_IFLNK | 0o777) << 16
	write('link', dict(good, **{'Files/vnfd.yaml': b'/etc/passwd'}), link)
	blob = next(k for k in good if '/blobs/' in k)
	write('blob', listed(dict(good, **{blob: good[blob] + b' '})))
	write('kind', listed(dict(good, **{'Files/vnfd.yaml': good['Files/vnfd.yaml'].replace(b'kind: "null"', b'kind: "../null"')})))
	write('schema', listed(dict(good, **{'Files/schema.json': b'{"type": "nothing"}'})))
	new = {k: v for k, v in good.items()}
	new['Files/vnfd.yaml'] = good['Files/vnfd.yaml'].replace(b'kind: "null"', b'kind: other\nimage: "null"')
	new = listed(new)
	os.rename(work + '/null.csar', work + '/whole.csar')
	write('x', new)
	os.rename(work + '/bad-x.csar', work + '/other.csar')
	with open(work + '/whole.csar', 'rb') as f:
	    data = f.read()
	with open(work + '/bad-short.csar', 'wb') as f:
	    f.write(data[:len(data) // 2])
	with open(work + '/bad-noise.csar', 'wb') as f:
	    f.write(os.urandom(100000))
PY
kinds=$(find "$WORK/kinds" "$WORK/images" | sort | xargs -d '\n' stat -c '%n %s %Y' | sort)
for package in "$WORK"/bad-*.csar; do
	catena package import "$package" --force >"$WORK/out" 2>"$WORK/err.log" && fail "$package is installed"
	[ "$(find "$WORK/kinds" "$WORK/images" | sort | xargs -d '\n' stat -c '%n %s %Y' | sort | grep -v "^$WORK/kinds [0-9]")" = \
		"$(grep -v "^$WORK/kinds [0-9]" <<<"$kinds")" ] || fail "$package left something: $(cat "$WORK/err.log")"
	echo "$(basename "$package"): $(sed 's/.*csar: //' "$WORK/err.log")"
done
{ [ ! -e /tmp/escape ] && [ ! -e "$WORK/escape" ]; } || fail "an entry escaped"
ok "packages that are not what they say are refused, and leave nothing"

code 0 catena package import "$WORK/other.csar"
catena package list | grep -q '^other ' || fail "not listed"
# A kind that is gone with its image comes back from its package.
rm -r "$WORK/kinds/null" "$WORK/kinds/other"
jq '.manifests |= map(select(.annotations["org.opencontainers.image.ref.name"] != "null"))' "$WORK/images/index.json" >"$WORK/index" &&
	cp "$WORK/index" "$WORK/images/index.json"
sed 's/service: ops/service: more/' "$WORK/ops.yaml" >"$WORK/more.yaml"
code 3 catena validate "$WORK/more.yaml"
code 0 catena package import "$WORK/whole.csar"
code 0 catena up "$WORK/more.yaml"
is_running more || fail "an imported kind does not run"
is_running ops || fail "what ran before does not run any more"
ok "an imported kind runs, in the manager that ran before"
bash -c 'source <(catena completion); COMP_WORDS=(catena he); COMP_CWORD=1; _catena; [[ " ${COMPREPLY[*]} " == *" heal "* ]]' ||
	fail "completion does not know heal"
code 0 catena down --all --json
manager_stop
same_host "$before"
ok "the host is as it was"
