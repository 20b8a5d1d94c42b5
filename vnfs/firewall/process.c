// SPDX-License-Identifier: BSD-3-Clause
// The packet path, in stages over a chunk of a burst: read the packets, look up their connections all at once, ask the
// rules about those that have none, and then act on each in its turn. No packet's bytes are changed.
#include <netinet/in.h>

#include "cat_parse.h"
#include "firewall.h"

#define MATCH_UNKNOWN UINT32_MAX
// How stale a connection's expiry may become: setting it for every packet would cost more than the lookup.
#define TOUCH_MS 250u
#define PREFETCH 8u

struct context {
	struct cat_lane *lane;
	struct fw_lane *fw;
	const struct fw_config *config;
	enum cat_side side;
};

static void read_packets(const struct context *c, const struct cat_desc *desc, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i + PREFETCH < count)
			__builtin_prefetch(cat_data(c->lane, &desc[i + PREFETCH]));
		fw_packet_read(c->config, &desc[i], cat_data(c->lane, &desc[i]), c->side, &c->fw->packet[i]);
	}
}

static void find_connections(struct fw_lane *fw, uint32_t count)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct fw_packet *p = &fw->packet[i];
		p->connection = CAT_FLOW_NONE;
		p->match = MATCH_UNKNOWN;
		if (p->kind > FW_TRACKED_LAST && (p->kind != FW_ERROR || p->counter))
			continue;
		fw->lookup[n] = i;
		fw->key[n] = &p->key;
		fw->hash[n] = p->hash;
		n++;
	}
	if (n)
		cat_flow_find_bulk(fw->table.flows, fw->key, fw->hash, n, fw->found);
	for (uint32_t i = 0; i < n; i++) {
		fw->packet[fw->lookup[i]].connection = fw->found[i];
		// An entry takes two cache lines, of which the lookup fetched the first.
		if (fw->found[i] != CAT_FLOW_NONE)
			__builtin_prefetch((const uint8_t *)fw_conn_at(&fw->table, fw->found[i]) +
					   sizeof(struct fw_conn) - 1);
	}
}

// It can only pass without a connection by a rule that tracks none.
static bool needs_connection(const struct fw_packet *p, const uint8_t *l4)
{
	return (p->kind == FW_TCP && !fw_tcp_opens(l4)) || p->kind == FW_ANSWER || p->kind == FW_ERROR;
}

static void classify(const struct context *c, const struct cat_desc *desc, enum fw_family family, const uint32_t *asked,
		     uint32_t count)
{
	struct fw_lane *fw = c->fw;
	for (uint32_t i = 0; i < count; i++) {
		const struct cat_desc *d = &desc[asked[i]];
		fw->input_at[i] = (const uint8_t *)&fw->input[i];
		if (family == FW_IPV4)
			fw_packet_input4(d, cat_data(c->lane, d), &fw->input[i].ipv4);
		else
			fw_packet_input6(d, cat_data(c->lane, d), &fw->packet[asked[i]], &fw->input[i].ipv6);
	}
	fw_acl_classify(&c->config->acl, c->side, family, fw->input_at, count, fw->result);
	for (uint32_t i = 0; i < count; i++)
		fw->packet[asked[i]].match = fw->result[i];
}

static void ask_rules(const struct context *c, const struct cat_desc *desc, uint32_t count)
{
	struct fw_lane *fw = c->fw;
	uint32_t n[FW_FAMILIES] = {0};
	for (uint32_t i = 0; i < count; i++) {
		const struct fw_packet *p = &fw->packet[i];
		if (__builtin_expect(p->connection != CAT_FLOW_NONE || p->kind > FW_UNTRACKED, 1))
			continue;
		if (!c->config->stateless && needs_connection(p, cat_data(c->lane, &desc[i]) + desc[i].l4))
			continue;
		enum fw_family family = desc[i].flags & CAT_DESC_IPV4 ? FW_IPV4 : FW_IPV6;
		fw->asked[family][n[family]++] = i;
	}
	for (enum fw_family family = 0; family < FW_FAMILIES; family++) {
		if (n[family])
			classify(c, desc, family, fw->asked[family], n[family]);
	}
}

static void pass_on(const struct context *c, const struct cat_desc *desc)
{
	cat_emit(c->lane, desc, c->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT);
}

static void reject(const struct context *c, const struct cat_desc *desc)
{
	struct cat_lane *lane = c->lane;
	struct cat_desc answer;
	if (!fw_bucket_take(&c->fw->rejects, c->config->reject_rate, lane->now_us)) {
		cat_stats_add(lane->stats, FW_REJECT_SUPPRESSED, 1);
	} else if (cat_supply_peek(lane, &answer) && answer.off + FW_REJECT_BYTES_MAX <= lane->stride) {
		uint32_t length = fw_reject_make(desc, cat_data(lane, desc), cat_data(lane, &answer));
		if (length) {
			answer.len = (uint16_t)length;
			cat_parse(&answer, cat_data(lane, &answer));
			cat_emit_supply(lane, &answer, c->side);
			cat_stats_add(lane->stats, FW_REJECT_SENT, 1);
		}
	}
	cat_drop(lane, desc, FW_DROP_REJECT);
}

static enum fw_timer timer_of(const struct fw_packet *p, uint8_t state)
{
	static const uint8_t tcp[FW_STATES] = {
		[FW_SYN_SENT] = FW_TIMER_TCP_HALF_OPEN,     [FW_SYN_CROSSED] = FW_TIMER_TCP_HALF_OPEN,
		[FW_SYN_RECEIVED] = FW_TIMER_TCP_HALF_OPEN, [FW_ESTABLISHED] = FW_TIMER_TCP_ESTABLISHED,
		[FW_CLOSING] = FW_TIMER_TCP_CLOSING,        [FW_TIME_WAIT] = FW_TIMER_TCP_TIME_WAIT,
		[FW_CLOSED] = FW_TIMER_TCP_RESET,
	};
	switch (p->kind) {
	case FW_TCP:
		return tcp[state];
	case FW_UDP:
		return state == FW_REPLIED ? FW_TIMER_UDP : FW_TIMER_UDP_UNREPLIED;
	case FW_QUERY:
	case FW_ANSWER:
		return FW_TIMER_ICMP;
	default:
		return FW_TIMER_OTHER;
	}
}

static uint64_t expiry(const struct context *c, const struct fw_packet *p, uint8_t state)
{
	return c->lane->now_us / 1000 + c->config->timeout_ms[timer_of(p, state)];
}

static void touch(const struct context *c, const struct fw_packet *p, struct fw_conn *conn)
{
	conn->touched_ms = c->fw->now_ms;
	cat_flow_set_expiry(c->fw->table.flows, p->connection, expiry(c, p, conn->tcp.state));
}

// The source has as many connections as it may; each lane has its share.
static bool is_greedy(const struct context *c, const struct fw_packet *p)
{
	uint32_t most = c->config->max_per_source;
	return most && fw_sources_open(&c->fw->table.sources, &p->key, p->from_high) >=
			       (most + c->lane->lanes - 1) / c->lane->lanes;
}

static void open_connection(const struct context *c, struct fw_packet *p, const struct cat_desc *desc)
{
	struct cat_lane *lane = c->lane;
	if (is_greedy(c, p)) {
		cat_drop(lane, desc, FW_DROP_SOURCE_LIMIT);
		return;
	}
	uint32_t evicted;
	struct fw_conn made = {.touched_ms = c->fw->now_ms,
			       .list = FW_LIST_NONE,
			       .from_high = p->from_high,
			       .judged = c->config->fingerprint};
	if (p->kind == FW_TCP)
		fw_tcp_open(&made.tcp, cat_data(lane, desc) + desc->l4, (uint32_t)(desc->len - desc->l4));
	else
		made.tcp.state = FW_UNREPLIED;
	uint64_t expires_ms = expiry(c, p, made.tcp.state);
	p->connection = fw_conn_add(&c->fw->table, p, &made, c->fw->limit, expires_ms, &evicted);
	cat_stats_add(lane->stats, FW_EVICTED, evicted);
	if (p->connection == CAT_FLOW_NONE) {
		cat_drop(lane, desc, FW_DROP_TABLE_FULL);
		return;
	}
	cat_stats_add(lane->stats, FW_OPENED, 1);
	pass_on(c, desc);
}

static void count_match(const struct context *c, uint32_t match)
{
	uint32_t rule = match - 1;
	cat_stats_add(c->lane->stats, rule < FW_RULE_COUNTERS_MAX ? FW_RULE_HITS + rule : FW_RULE_OTHERS, 1);
}

// The rule may decide on one more packet now. Each lane has its share.
static bool within_limit(const struct context *c, const struct fw_rule *rule)
{
	const struct cat_lane *lane = c->lane;
	uint32_t share = (rule->limit + lane->lanes - 1) / lane->lanes;
	struct fw_bucket *bucket = &c->config->bucket[(size_t)lane->id * c->config->limit_count + rule->limit_at];
	return fw_bucket_take(bucket, share, lane->now_us);
}

static uint32_t reason_without_connection(const struct fw_packet *p)
{
	switch (p->kind) {
	case FW_TCP:
		return FW_DROP_TCP_NO_CONNECTION;
	case FW_ANSWER:
		return FW_DROP_ICMP_NO_CONNECTION;
	default:
		return FW_DROP_ICMP_UNRELATED;
	}
}

// What is to become of a packet on which a rule, or none, decides.
static enum fw_log_action decide(const struct context *c, const struct fw_packet *p, const struct fw_rule *rule)
{
	if (!rule)
		return c->config->accept ? FW_LOG_ACCEPTED : FW_LOG_DROPPED;
	if (rule->spoofed)
		return FW_LOG_SPOOFED;
	count_match(c, p->match);
	if (rule->limit && !within_limit(c, rule))
		return FW_LOG_LIMITED;
	return rule->action == FW_ACCEPT ? FW_LOG_ACCEPTED : rule->action == FW_DROP ? FW_LOG_DROPPED : FW_LOG_REJECTED;
}

static void carry_out(const struct context *c, struct fw_packet *p, const struct cat_desc *desc,
		      const struct fw_rule *rule, enum fw_log_action action)
{
	switch (action) {
	case FW_LOG_ACCEPTED:
		if (p->kind != FW_UNTRACKED && (!rule || rule->track)) {
			open_connection(c, p, desc);
			return;
		}
		cat_stats_add(c->lane->stats, FW_PASSED_STATELESS, 1);
		pass_on(c, desc);
		return;
	case FW_LOG_DROPPED:
		cat_drop(c->lane, desc, rule ? FW_DROP_RULE : FW_DROP_DEFAULT);
		return;
	case FW_LOG_REJECTED:
		reject(c, desc);
		return;
	case FW_LOG_LIMITED:
		cat_drop(c->lane, desc, FW_DROP_RULE_LIMIT);
		return;
	case FW_LOG_SPOOFED:
		cat_drop(c->lane, desc, FW_DROP_SPOOFED);
		return;
	}
}

// A packet without connection: the rules decide.
static __attribute__((noinline)) void judge(const struct context *c, struct fw_packet *p, const struct cat_desc *desc,
					    uint32_t number)
{
	struct cat_lane *lane = c->lane;
	bool late = needs_connection(p, cat_data(lane, desc) + desc->l4);
	if (p->match == MATCH_UNKNOWN && (!late || c->config->stateless)) {
		// It had a connection when the rules were asked.
		classify(c, desc - number, desc->flags & CAT_DESC_IPV4 ? FW_IPV4 : FW_IPV6, &number, 1);
	}
	const struct fw_rule *rule = NULL;
	if (p->match != MATCH_UNKNOWN && p->match != FW_ACL_NONE)
		rule = &c->config->rule[p->match - 1];
	if (late && (!rule || rule->track)) {
		cat_drop(lane, desc, reason_without_connection(p));
		return;
	}
	enum fw_log_action action = decide(c, p, rule);
	if (rule && !rule->spoofed ? rule->log : c->config->log_default)
		fw_log_packet(&c->fw->log, lane, rule, action, p, desc, c->side);
	carry_out(c, p, desc, rule, action);
}

// The state has changed: other list, other timeout.
static void state_changed(const struct context *c, const struct fw_packet *p, struct fw_conn *conn)
{
	uint8_t state = conn->tcp.state;
	if (state == FW_TIME_WAIT || state == FW_CLOSED)
		fw_conn_list(&c->fw->table, p->connection, FW_LIST_ENDED);
	else if (state == FW_ESTABLISHED || state == FW_CLOSING || state == FW_REPLIED)
		fw_conn_list(&c->fw->table, p->connection, FW_LIST_NONE);
	if (state == FW_CLOSED)
		cat_stats_add(c->lane->stats, FW_RESET, 1);
	touch(c, p, conn);
}

static void act_tcp(const struct context *c, struct fw_packet *p, struct fw_conn *conn, const struct cat_desc *desc,
		    uint32_t number)
{
	struct cat_lane *lane = c->lane;
	uint8_t before = conn->tcp.state;
	const uint8_t *segment = cat_data(lane, desc) + desc->l4;
	switch (fw_tcp_segment(&conn->tcp, p->from_high != conn->from_high, segment,
			       (uint32_t)(desc->len - desc->l4))) {
	case FW_TCP_PASS:
		if (__builtin_expect(conn->tcp.state != before, 0))
			state_changed(c, p, conn);
		else if (c->fw->now_ms - conn->touched_ms >= TOUCH_MS && before != FW_TIME_WAIT)
			touch(c, p, conn);
		pass_on(c, desc);
		break;
	case FW_TCP_IGNORE:
		pass_on(c, desc);
		break;
	case FW_TCP_REOPEN:
		fw_conn_remove(&c->fw->table, p->connection);
		p->connection = CAT_FLOW_NONE;
		judge(c, p, desc, number);
		break;
	case FW_TCP_INVALID:
		cat_drop(lane, desc, FW_DROP_TCP_INVALID);
		break;
	case FW_TCP_WINDOW:
		cat_drop(lane, desc, FW_DROP_TCP_WINDOW);
		break;
	}
}

// The rules have changed since it was let in: they are asked again, about its first packet.
static __attribute__((noinline)) bool is_still_accepted(const struct context *c, uint32_t index, struct fw_conn *conn)
{
	const struct fw_key *key = cat_flow_key(c->fw->table.flows, index);
	enum cat_side side = (enum cat_side)(conn->from_high ? !key->side : key->side);
	union fw_acl_input input;
	const uint8_t *at = (const uint8_t *)&input;
	uint32_t match = FW_ACL_NONE;
	fw_key_input(key, conn->from_high, &input);
	fw_acl_classify(&c->config->acl, side, (enum fw_family)key->family, &at, 1, &match);
	const struct fw_rule *rule = match == FW_ACL_NONE ? NULL : &c->config->rule[match - 1];
	if (rule ? rule->action != FW_ACCEPT : !c->config->accept)
		return false;
	conn->judged = c->config->fingerprint;
	return true;
}

static inline __attribute__((always_inline)) void act_connected(const struct context *c, struct fw_packet *p,
								const struct cat_desc *desc, uint32_t number)
{
	struct fw_conn *conn = fw_conn_at(&c->fw->table, p->connection);
	if (__builtin_expect(c->config->rejudge && conn->judged != c->config->fingerprint, 0) &&
	    !is_still_accepted(c, p->connection, conn)) {
		fw_conn_remove(&c->fw->table, p->connection);
		cat_drop(c->lane, desc, FW_DROP_REJUDGED);
		return;
	}
	bool answered = p->from_high != conn->from_high;
	if (p->kind == FW_TCP) {
		act_tcp(c, p, conn, desc, number);
		return;
	}
	if (p->kind == FW_ERROR) {
		// An error says something of a connection, but changes nothing (RFC 5927, section 4).
		if (p->key.protocol == IPPROTO_TCP && !fw_tcp_sent(&conn->tcp, answered, p->quoted_seq)) {
			cat_drop(c->lane, desc, FW_DROP_ICMP_UNRELATED);
			return;
		}
		cat_stats_add(c->lane->stats, FW_PASSED_RELATED, 1);
		pass_on(c, desc);
		return;
	}
	if (answered && conn->tcp.state == FW_UNREPLIED) {
		conn->tcp.state = FW_REPLIED;
		state_changed(c, p, conn);
	} else if (c->fw->now_ms - conn->touched_ms >= TOUCH_MS) {
		touch(c, p, conn);
	}
	pass_on(c, desc);
}

static bool is_bad_tcp(const struct cat_desc *desc, const uint8_t *data)
{
	const uint8_t *segment = data + desc->l4;
	return desc->l4 + (segment[12] >> 4) * 4 > desc->len || !fw_tcp_flags_valid(segment);
}

// A packet that is judged by itself.
static inline __attribute__((always_inline)) void act_alone(const struct context *c, struct fw_packet *p,
							    const struct cat_desc *desc, uint32_t number)
{
	if (p->kind == FW_TCP && is_bad_tcp(desc, cat_data(c->lane, desc)))
		cat_drop(c->lane, desc, FW_DROP_TCP_INVALID);
	else if (p->connection != CAT_FLOW_NONE)
		act_connected(c, p, desc, number);
	else
		judge(c, p, desc, number);
}

// The first fragment of a datagram: judged as if it were whole. Says whether it passed.
static __attribute__((noinline)) bool act_first(const struct context *c, struct fw_packet *p,
						const struct cat_desc *desc, uint32_t number, struct fw_pieces *pieces)
{
	enum cat_side to = c->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT;
	uint32_t before = CAT_PROGRESS_OF(c->lane->progress, to);
	const uint8_t *data = cat_data(c->lane, desc);
	fw_packet_read_first(c->config, desc, data, c->side, p);
	if (p->kind == FW_REFUSE) {
		cat_drop(c->lane, desc, p->counter);
		return false;
	}
	p->match = MATCH_UNKNOWN;
	p->connection = p->kind <= FW_TRACKED_LAST || (p->kind == FW_ERROR && !p->counter)
				? cat_flow_find(c->fw->table.flows, &p->key, p->hash)
				: CAT_FLOW_NONE;
	if (p->kind == FW_TCP) {
		pieces->tcp = true;
		pieces->from_high = p->from_high;
		pieces->key = p->key;
		pieces->hash = p->hash;
		// Byte n of the datagram has this number plus n.
		pieces->seq = fw_get32(data + desc->l4 + 4) - (data[desc->l4 + 12] >> 4) * 4u +
			      !!(data[desc->l4 + 13] & FW_TCP_FLAG_SYN);
	}
	act_alone(c, p, desc, number);
	return CAT_PROGRESS_OF(c->lane->progress, to) != before;
}

// The window of a TCP connection moves by what its fragments bring.
static void extend_tcp(const struct context *c, const struct cat_datagram *datagram)
{
	const struct fw_table *table = &c->fw->table;
	const struct fw_pieces *pieces = (const struct fw_pieces *)datagram->user;
	uint32_t index = pieces->tcp ? cat_flow_find(table->flows, &pieces->key, pieces->hash) : CAT_FLOW_NONE;
	if (index == CAT_FLOW_NONE)
		return;
	struct fw_conn *conn = fw_conn_at(table, index);
	for (uint32_t i = 1; i < datagram->piece_count; i++)
		fw_tcp_extend(&conn->tcp, pieces->from_high != conn->from_high, pieces->seq + datagram->piece[i].end);
}

static __attribute__((noinline)) void act_fragment(const struct context *c, struct fw_packet *p,
						   const struct cat_desc *desc, uint32_t number)
{
	struct cat_fragments *fragments = &c->fw->fragments;
	struct cat_lane *lane = c->lane;
	struct cat_fragment fragment;
	uint16_t reason;
	uint32_t index = cat_fragments_note(fragments, desc, cat_data(lane, desc), c->side, lane->now_us / 1000,
					    &fragment, &reason);
	if (index == CAT_FLOW_NONE) {
		cat_drop(lane, desc, reason);
		return;
	}
	struct cat_datagram *datagram = cat_datagram_at(fragments, index);
	if (fragment.start == 0) {
		if (!act_first(c, p, desc, number, (struct fw_pieces *)datagram->user)) {
			cat_fragments_discard(fragments, index, CAT_DROP_FRAGMENT);
			return;
		}
		datagram->fate = CAT_FATE_PASS;
		struct cat_desc held;
		while (cat_fragments_next(fragments, index, lane, &held))
			cat_emit_supply(lane, &held, c->side == CAT_LEFT ? CAT_RIGHT : CAT_LEFT);
	} else if (datagram->fate == CAT_FATE_PASS) {
		pass_on(c, desc);
	} else if (cat_fragments_hold(fragments, index, desc, cat_data(lane, desc))) {
		cat_stats_add(lane->stats, FW_FRAGMENTS_HELD, 1);
		cat_drop(lane, desc, CAT_DROP_CONSUMED);
		return;
	} else {
		cat_fragments_discard(fragments, index, CAT_DROP_FRAGMENT);
		cat_drop(lane, desc, CAT_DROP_FRAGMENT);
		return;
	}
	extend_tcp(c, datagram);
	cat_fragments_settle(fragments, index);
}

static void act(const struct context *c, const struct cat_desc *desc, uint32_t count)
{
	struct fw_lane *fw = c->fw;
	struct fw_table *table = &fw->table;
	uint32_t added = table->added, removed = table->removed;
	for (uint32_t i = 0; i < count; i++) {
		struct fw_packet *p = &fw->packet[i];
		const struct cat_desc *d = &desc[i];
		if (p->kind == FW_REFUSE) {
			cat_drop(c->lane, d, p->counter);
			continue;
		}
		if (p->kind == FW_PASS) {
			cat_stats_add(c->lane->stats, p->counter, 1);
			pass_on(c, d);
			continue;
		}
		if (p->kind == FW_FRAGMENT) {
			act_fragment(c, p, d, i);
			continue;
		}
		bool tracked = p->kind <= FW_TRACKED_LAST || (p->kind == FW_ERROR && !p->counter);
		// An earlier packet of this chunk may have opened or ended it.
		if (tracked && (table->removed != removed || (p->connection == CAT_FLOW_NONE && table->added != added)))
			p->connection = cat_flow_find(table->flows, &p->key, p->hash);
		act_alone(c, p, d, i);
	}
}

void fw_gauges(struct cat_lane *lane)
{
	struct fw_lane *fw = lane->priv;
	cat_stats_set(lane->stats, FW_GAUGE_CONNECTIONS, cat_flow_count(fw->table.flows));
	cat_stats_set(lane->stats, FW_GAUGE_HALF_OPEN, fw->table.list[FW_LIST_HALF_OPEN].count);
	cat_stats_set(lane->stats, FW_GAUGE_CONNECTIONS_MAX, fw->limit);
}

void fw_process(struct cat_lane *lane, struct cat_burst *burst)
{
	struct context c = {.lane = lane, .fw = lane->priv, .config = lane->config, .side = burst->side};
	c.fw->now_ms = (uint32_t)(lane->now_us / 1000);
	for (uint32_t done = 0; done < burst->count; done += FW_CHUNK) {
		const struct cat_desc *desc = burst->desc + done;
		uint32_t count = burst->count - done < FW_CHUNK ? burst->count - done : FW_CHUNK;
		read_packets(&c, desc, count);
		find_connections(c.fw, count);
		ask_rules(&c, desc, count);
		act(&c, desc, count);
	}
	fw_gauges(lane);
}
