#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS, tokens, certificates and scopes over TCP; the audit log; /metrics by promtool and a real Prometheus.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip "needs openssl"

before=$(snapshot)
cd "$WORK" || exit 1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=https://127.0.0.1:$port

# An authority, the server's certificate, a client's, and one of an authority that nobody knows.
request() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
}
for authority in ca other; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $authority.key -out $authority.pem \
		-subj /CN=$authority -days 2 2>/dev/null
done
sign() {
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -out "$1.pem" -days 2 -extfile <(echo "$3") 2>/dev/null
}
request server 127.0.0.1 && sign server ca "subjectAltName=IP:127.0.0.1"
request client operator && sign client ca "extendedKeyUsage=clientAuth"
request forged operator && sign forged other "extendedKeyUsage=clientAuth"
digest() {
	printf %s "$1" | sha256sum | cut -d' ' -f1
}
cat >access.yaml <<-YAML
	clients:
	  - {name: reader, token_sha256: "$(digest read-token)", scope: read}
	  - {name: one, token_sha256: "$(digest one-token)", scope: admin, services: [one]}
	  - {name: admin, token_sha256: "$(digest admin-token)", scope: admin}
	  - {name: by-certificate, certificate: operator, scope: operate}
YAML
for name in one two; do
	cat >$name.yaml <<-YAML
		version: 1
		service: $name
		ports:
		  left: {dev: "gen:", gen: {rate: 1000}}
		  right: {dev: "null:"}
		functions:
		  fn: {kind: "null"}
		path: [left, fn, right]
		share_cores: true
	YAML
done
listen=(--listen "127.0.0.1:$port" --tls-certificate server.pem --tls-key server.key --tls-clients ca.pem --access access.yaml)

refused() {
	timeout 20 catenad --foreground "$@" >refused.log 2>&1 && fail "catenad serves with $*"
	grep -q -e "$expected" refused.log || fail "$*: $(cat refused.log)"
}
chmod 644 access.yaml
expected='chmod 600' refused "${listen[@]}"
chmod 600 access.yaml
expected='tls-certificate' refused --listen "127.0.0.1:$port"
expected='--access' refused --listen "127.0.0.1:$port" --tls-certificate server.pem --tls-key server.key
expected='ADDRESS:PORT' refused --listen "localhost:$port" "${listen[@]:2}"
ok "nothing is served over TCP without TLS and clients"

manager_start "${listen[@]}"
# status EXPECTED PATH [CURL OPTIONS]
status() {
	local expected=$1 path=$2 found
	shift 2
	found=$(curl -sS --max-time 30 --cacert ca.pem -o body -w '%{http_code}' -H 'Version: 2.0.0' "$@" "$url$path" 2>curl.log)
	[ "$found" = "$expected" ] || fail "$path $*: status $found, expected $expected: $(cat body curl.log)"
}
token() {
	printf 'Authorization: Bearer %s' "$1"
}
{ catena up one.yaml >/dev/null && catena up two.yaml >/dev/null; } || fail "up"
for path in /catena/v1/version /catena/v1/services/none /nothing /vnflcm/v2/vnf_instances /metrics; do
	status 401 $path
	status 401 $path -H "$(token wrong)"
	status 401 $path -H "Authorization: Basic cmVhZGVyOnJlYWQtdG9rZW4="
done
{ curl -sS -D headers -o body --cacert ca.pem "$url/" && grep -qi '^WWW-Authenticate: Bearer' headers; } || fail "no challenge"
status 401 /catena/v1/version --cert forged.pem --key forged.key
status 200 /catena/v1/version -H "$(token read-token)"
status 200 /vnflcm/v2/vnf_instances -H "$(token read-token)"
status 403 /catena/v1/services/one -X DELETE -H "$(token read-token)"
status 403 /catena/v1/services/one -X PUT --data-binary @one.yaml -H "$(token read-token)"
status 403 /vnflcm/v2/vnf_instances -X POST -H 'Content-Type: application/json' -d '{}' -H "$(token read-token)"
status 200 /catena/v1/services/one -H "$(token one-token)"
status 403 /catena/v1/services/two -H "$(token one-token)"
status 403 /catena/v1/services/two -X DELETE -H "$(token one-token)"
status 403 /catena/v1/host -H "$(token one-token)"
status 403 /metrics -H "$(token one-token)"
status 200 /catena/v1/services -H "$(token one-token)"
[ "$(jq -r '.services[].service' body)" = one ] || fail "more than its own service: $(cat body)"
status 200 /vnflcm/v2/vnf_instances -H "$(token one-token)"
[ "$(jq -r '.[].vnfInstanceName' body)" = one/fn ] || fail "more than its own instance: $(cat body)"
status 200 /vnflcm/v2/vnf_instances --cert client.pem --key client.key
two=$(jq -r '.[] | select(.vnfInstanceName == "two/fn").id' body)
status 403 "/vnflcm/v2/vnf_instances/$two" -H "$(token one-token)"
status 403 "/vnflcm/v2/vnf_instances/$two/heal" -X POST -H 'Content-Type: application/json' -d '{}' -H "$(token one-token)"
status 403 "/vnflcm/v2/vnf_instances/$two/terminate" -X POST -H 'Content-Type: application/json' \
	-d '{"terminationType":"FORCEFUL"}' --cert client.pem --key client.key
{ is_running one && is_running two; } || fail "something was changed"
status 202 "/vnflcm/v2/vnf_instances/$two/heal" -X POST -H 'Content-Type: application/json' -d '{}' --cert client.pem --key client.key
ok "tokens, certificates, scopes and services"

# What is no TLS 1.2, no TLS, too large, or too much.
curl -sS --max-time 10 --cacert ca.pem --tls-max 1.1 "$url/catena/v1/version" >/dev/null 2>&1 && fail "TLS 1.1"
curl -sS --max-time 10 "http://127.0.0.1:$port/catena/v1/version" >/dev/null 2>&1 && fail "without TLS"
head -c 2000000 /dev/zero >large
# Refused before all of it was read: a client that still sends when the answer comes may see only that the connection ended.
found=$(curl -sS --max-time 30 --cacert ca.pem -o body -w '%{http_code}' -H 'Version: 2.0.0' -X POST -H 'Content-Type: application/json' \
	--data-binary @large -H Expect: -H "$(token admin-token)" "$url/vnflcm/v2/vnf_instances" 2>curl.log)
[ "$found" = 413 ] || { [ "$found" = 000 ] && grep -qE '\((55|56)\)' curl.log; } || fail "a large body: status $found: $(cat body curl.log)"
head -c 20000 /dev/urandom | timeout 5 bash -c "cat >/dev/tcp/127.0.0.1/$port" 2>/dev/null
python3 - "$port" <<-'PY' || fail "the rate of one address is not limited"
	import http.client, ssl, sys
	connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=ssl._create_unverified_context())
	seen = set()
	for _ in range(2000):
	    connection.request("GET", "/catena/v1/version")
	    answer = connection.getresponse()
	    answer.read()
	    seen.add(answer.status)
	    if 429 in seen:
	        sys.exit(0)
	sys.exit(1)
PY
catena version >/dev/null || fail "the socket does not answer"
ok "plain, old, broken, large and too many requests"

audit=$CATENA_STATE_DIR/audit.log
[ "$(stat -c %a "$audit")" = 600 ] || fail "others can read the audit log"
jq -se 'any(.who == "reader" and .verb == "DELETE" and .status == 403) and any(.who == "by-certificate" and .status == 202) and
	any(.who == "nobody" and .status == 401) and any(.who == "uid 0" and .from == "unix" and .verb == "PUT" and .status == 200)' \
	"$audit" >/dev/null || fail "the audit log: $(tail -n 5 "$audit")"
grep -q 'token' <(jq -r .who "$audit") && fail "a token is in the audit log"
ok "the audit log"

curl -sS --unix-socket "$CATENA_RUN_DIR/api.sock" http://catena/metrics >metrics.txt
curl -sS --unix-socket "$CATENA_RUN_DIR/api.sock" -D headers -H 'Accept: application/openmetrics-text; version=1.0.0' http://catena/metrics >open
{ grep -q '^Content-Type: application/openmetrics-text; version=1.0.0' headers && [ "$(tail -n 1 open)" = '# EOF' ]; } || fail "OpenMetrics: $(head -n 3 headers open)"
for sample in 'catena_link_packets_total{service="one",link="main/0",lane="0",direction="right"}' 'catena_service_running{service="two"} 1' \
	'catena_function_packets_total{service="one",function="fn",lane="0",direction="right"}' 'catena_port_packets_total{service="one",port="left"'; do
	grep -qF "$sample" open || fail "no $sample in $(cat open)"
done
if command -v promtool >/dev/null && command -v prometheus >/dev/null; then
	said=$(promtool check metrics <metrics.txt 2>&1) || fail "promtool: $said"
	web=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf %s read-token >token
	cat >prometheus.yml <<-YAML
		global: {scrape_interval: 1s}
		scrape_configs:
		  - job_name: catena
		    scheme: https
		    tls_config: {ca_file: $WORK/ca.pem}
		    authorization: {credentials_file: $WORK/token}
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
	YAML
	prometheus --config.file=prometheus.yml --storage.tsdb.path="$WORK/tsdb" --web.listen-address="127.0.0.1:$web" >prometheus.log 2>&1 &
	prometheus=$!
	at_exit kill "$prometheus"
	scraped() {
		curl -sS --max-time 5 "http://127.0.0.1:$web/api/v1/query?query=catena_service_running" |
			jq -e '[.data.result[] | select(.value[1] == "1").metric.service] | sort == ["one", "two"]'
	}
	wait_until 60 scraped
	grew() {
		curl -sS --max-time 5 -G --data-urlencode 'query=increase(catena_link_packets_total{service="one",direction="right",link="main/0"}[10s])' \
			"http://127.0.0.1:$web/api/v1/query" | jq -e '.data.result[0].value[1] | tonumber > 0'
	}
	wait_until 60 grew
	kill "$prometheus"
	wait "$prometheus"
	ok "promtool finds nothing wrong, and a Prometheus scrapes by TLS and token"
else
	echo "without prometheus: not scraped"
fi
catena down --all >/dev/null || fail "down"
manager_stop
same_host "$before"
ok "the host is as it was"
