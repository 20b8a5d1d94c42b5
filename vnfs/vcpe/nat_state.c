// SPDX-License-Identifier: BSD-3-Clause
// The tables in state memory: their places, and bringing them in line after a crash or a new configuration.
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cat_log.h"
#include "nat.h"

#define TABLES 5u
#define AHEAD 16u // sessions; packets wait while they are adopted
#define SESSIONS_MIN 64u
#define SESSIONS_MAX (1u << 24)

static const uint32_t value_size[TABLES] = {
	sizeof(struct nat_session), sizeof(uint32_t), sizeof(struct nat_mapping), sizeof(uint32_t), sizeof(uint32_t),
};

static size_t align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static struct cat_flow_layout layout_of(unsigned table, uint32_t sessions)
{
	return (struct cat_flow_layout){
		.version = NAT_STATE_VERSION,
		.key_size = sizeof(struct nat_key),
		.value_size = value_size[table],
		.capacity = sessions,
	};
}

static size_t bytes_for(uint32_t sessions)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < TABLES; i++) {
		struct cat_flow_layout layout = layout_of(i, sessions);
		bytes += align64(cat_flow_bytes(&layout));
	}
	return bytes;
}

// As many sessions as the state holds: the same in every life, so that a successor finds the tables where they are.
static uint32_t sessions_in(size_t state_bytes)
{
	uint32_t low = 0, high = SESSIONS_MAX;
	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;
		if (bytes_for(middle) <= state_bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static int attach_tables(struct nat *nat, void *state, size_t state_bytes, struct cat_err *err)
{
	uint32_t sessions = sessions_in(state_bytes);
	if (sessions < SESSIONS_MIN)
		return cat_err_set(err, -ENOSPC,
				   "%zu bytes of state hold %u sessions, at least %u are needed: give the "
				   "function more state",
				   state_bytes, sessions, SESSIONS_MIN);
	struct cat_flow_table **table[TABLES] = {&nat->inner, &nat->outer, &nat->mapping, &nat->endpoint, &nat->permit};
	uint8_t *at = state;
	for (unsigned i = 0; i < TABLES; i++) {
		struct cat_flow_layout layout = layout_of(i, sessions);
		size_t bytes = align64(cat_flow_bytes(&layout));
		bool adopted;
		int r = cat_flow_attach(at, bytes, &layout, table[i], &adopted, err);
		if (r < 0)
			return r;
		at += bytes;
	}
	return 0;
}

// Sessions that a predecessor left without an end get one.
static void bound_lives(struct nat *nat, uint64_t now_ms)
{
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->inner, i)) != CAT_FLOW_NONE;)
		if (cat_flow_expires_ms(nat->inner, i) > now_ms + VCPE_TIMEOUT_MAX_MS)
			cat_flow_set_expiry(nat->inner, i, now_ms + VCPE_TIMEOUT_MAX_MS);
}

int nat_init(struct nat *nat, const struct vcpe_config *config, void *state, size_t state_bytes, uint32_t lane,
	     uint32_t lanes, uint64_t now_ms, struct cat_err *err)
{
	*nat = (struct nat){.lane = lane, .lanes = lanes};
	int r = attach_tables(nat, state, state_bytes, err);
	if (r < 0)
		return r;
	size_t words = (size_t)cat_flow_capacity(nat->inner) / 64 + 1;
	nat->ports = calloc((size_t)VCPE_POOL_MAX * NAT_PROTOCOLS * NAT_PORT_WORDS, sizeof(*nat->ports));
	nat->live_sessions = calloc(words, sizeof(*nat->live_sessions));
	nat->live_mappings = calloc(words, sizeof(*nat->live_mappings));
	nat->subscriber = calloc(VCPE_SUBSCRIBERS_MAX, sizeof(*nat->subscriber));
	if (!nat->ports || !nat->live_sessions || !nat->live_mappings || !nat->subscriber) {
		nat_finish(nat);
		return cat_err_set(err, -ENOMEM, "no memory for the NAT's tables");
	}
	if (getrandom(&nat->random, sizeof(nat->random), 0) != sizeof(nat->random) || nat->random == 0)
		nat->random = (uint64_t)(uintptr_t)nat | 1;
	bound_lives(nat, now_ms);
	nat_reconcile(nat, config);
	return 0;
}

void nat_finish(struct nat *nat)
{
	free(nat->ports);
	free(nat->live_sessions);
	free(nat->live_mappings);
	free(nat->subscriber);
	nat->ports = nat->live_sessions = nat->live_mappings = NULL;
	nat->subscriber = NULL;
}

static bool is_live(const uint64_t *marks, uint32_t index)
{
	return marks[index / 64] >> (index % 64) & 1;
}

static void set_live(uint64_t *marks, uint32_t index)
{
	marks[index / 64] |= UINT64_C(1) << (index % 64);
}

static void forget_derived(struct nat *nat)
{
	size_t words = (size_t)cat_flow_capacity(nat->inner) / 64 + 1;
	memset(nat->live_sessions, 0, words * sizeof(*nat->live_sessions));
	memset(nat->live_mappings, 0, words * sizeof(*nat->live_mappings));
	memset(nat->ports, 0, (size_t)VCPE_POOL_MAX * NAT_PROTOCOLS * NAT_PORT_WORDS * sizeof(*nat->ports));
	memset(nat->subscriber, 0, VCPE_SUBSCRIBERS_MAX * sizeof(*nat->subscriber));
	nat->subscribers = 0;
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->permit, i)) != CAT_FLOW_NONE;)
		cat_flow_remove(nat->permit, i);
}

// Whether the configuration still leads from the session's internal endpoint to its public one and back.
static bool session_fits(const struct nat *nat, const struct vcpe_config *config, uint32_t index)
{
	const struct nat_session *session = nat_session(nat, index);
	const struct nat_key *inner = nat_session_key(nat, index);
	uint32_t slot;
	struct nat_key outer = nat_outer_key(session, inner);
	// Under another hash, or twice: nobody would find it.
	if (nat_find_inner(nat, inner) != index)
		return false;
	if (!vcpe_in_lan(config, inner->near) || !nat_slot_of(config, session->address, &slot) ||
	    session->timer >= VCPE_TIMERS)
		return false;
	const struct vcpe_forward *rule = nat_rule_of_public(config, &outer);
	if (session->mapping == CAT_FLOW_NONE)
		return rule && rule->to == inner->near && rule->to_port == inner->near_port;
	if (rule || session->mapping >= cat_flow_capacity(nat->mapping) ||
	    !is_live(nat->live_mappings, session->mapping))
		return false;
	const struct nat_mapping *mapping = cat_flow_value(nat->mapping, session->mapping);
	const struct nat_key *host = cat_flow_key(nat->mapping, session->mapping);
	return mapping->address == session->address && mapping->port == session->port && host->near == inner->near &&
	       host->near_port == inner->near_port && host->protocol == inner->protocol;
}

static bool adopt_session(struct nat *nat, const struct vcpe_config *config, uint32_t index)
{
	struct nat_session *session = nat_session(nat, index);
	const struct nat_key *inner = nat_session_key(nat, index);
	if (!session_fits(nat, config, index))
		return false;
	nat_session_derive(config, session, inner);
	struct nat_key outer = nat_outer_key(session, inner);
	uint32_t found = cat_flow_find(nat->outer, &outer, nat_hash(&outer));
	if (found == CAT_FLOW_NONE)
		found = cat_flow_add(nat->outer, &outer, nat_hash(&outer), UINT64_MAX);
	if (found == CAT_FLOW_NONE || !nat_account(nat, config, session, inner))
		return false;
	*(uint32_t *)cat_flow_value(nat->outer, found) = index;
	session->outer = found;
	if (session->mapping != CAT_FLOW_NONE)
		((struct nat_mapping *)cat_flow_value(nat->mapping, session->mapping))->sessions++;
	set_live(nat->live_sessions, index);
	return true;
}

static void drop_mapping(struct nat *nat, uint32_t index)
{
	nat->live_mappings[index / 64] &= ~(UINT64_C(1) << (index % 64));
	cat_flow_remove(nat->mapping, index);
}

// Before the sessions: a mapping holds its port, unless the pool has lost the address or somebody else has the port.
static void claim_mapping(struct nat *nat, const struct vcpe_config *config, uint32_t index)
{
	struct nat_mapping *mapping = cat_flow_value(nat->mapping, index);
	const struct nat_key *host = cat_flow_key(nat->mapping, index);
	uint32_t slot = 0;
	mapping->sessions = 0;
	if (!nat_slot_of(config, mapping->address, &slot) || nat_port_taken(nat, slot, host->protocol, mapping->port) ||
	    cat_flow_find(nat->mapping, host, nat_hash(host)) != index) {
		cat_flow_remove(nat->mapping, index);
		return;
	}
	mapping->slot = (uint16_t)slot;
	nat_port_mark(nat, slot, host->protocol, mapping->port);
	nat->live_mappings[index / 64] |= UINT64_C(1) << (index % 64);
}

// After the sessions: it lives as long as any uses it.
static void adopt_mapping(struct nat *nat, uint32_t index)
{
	struct nat_mapping *mapping = cat_flow_value(nat->mapping, index);
	const struct nat_key *host = cat_flow_key(nat->mapping, index);
	struct nat_key public = {.near = mapping->address, .near_port = mapping->port, .protocol = host->protocol};
	uint32_t endpoint = CAT_FLOW_NONE;
	if (mapping->sessions) {
		endpoint = cat_flow_find(nat->endpoint, &public, nat_hash(&public));
		if (endpoint == CAT_FLOW_NONE)
			endpoint = cat_flow_add(nat->endpoint, &public, nat_hash(&public), UINT64_MAX);
	}
	if (endpoint == CAT_FLOW_NONE) {
		nat_port_give(nat, mapping->slot, host->protocol, mapping->port);
		drop_mapping(nat, index);
		return;
	}
	*(uint32_t *)cat_flow_value(nat->endpoint, endpoint) = index;
	mapping->endpoint = endpoint;
	// Where a host is known by one public address, it stays so (RFC 4787 REQ-2).
	nat_subscriber_of(nat, host->near)->pool = mapping->slot + 1u;
}

// What adopting the session AHEAD entries behind `index` will look up. Its words are not believed, only followed.
static void look_ahead(const struct nat *nat, uint32_t index)
{
	uint32_t ahead = index + AHEAD;
	if (ahead >= cat_flow_capacity(nat->inner))
		return;
	const struct nat_session *session = nat_session(nat, ahead);
	const struct nat_key *inner = nat_session_key(nat, ahead);
	struct nat_key permit = nat_permit_key(session, inner);
	cat_flow_prefetch(nat->inner, session->inner_hash);
	cat_flow_prefetch(nat->outer, session->outer_hash);
	if (nat->permits)
		cat_flow_prefetch(nat->permit, nat_hash(&permit));
	if (session->outer < cat_flow_capacity(nat->outer))
		__builtin_prefetch(cat_flow_key(nat->outer, session->outer));
	if (session->mapping < cat_flow_capacity(nat->mapping))
		__builtin_prefetch(cat_flow_key(nat->mapping, session->mapping));
}

void nat_reconcile(struct nat *nat, const struct vcpe_config *config)
{
	nat->permits = config->nat.filtering == VCPE_FILTER_ADDRESS;
	forget_derived(nat);
	for (uint32_t i = 0; i < config->nat.forward_count; i++) {
		const struct vcpe_forward *rule = &config->nat.forward[i];
		uint32_t slot;
		if (nat_slot_of(config, rule->address, &slot))
			nat_port_mark(nat, slot, rule->protocol, rule->port);
	}
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->mapping, i)) != CAT_FLOW_NONE;)
		claim_mapping(nat, config, i);
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->inner, i)) != CAT_FLOW_NONE;) {
		look_ahead(nat, i);
		if (!adopt_session(nat, config, i))
			cat_flow_remove(nat->inner, i);
	}
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->outer, i)) != CAT_FLOW_NONE;) {
		uint32_t index = nat_session_of(nat, i);
		if (index >= cat_flow_capacity(nat->inner) || !is_live(nat->live_sessions, index) ||
		    nat_session(nat, index)->outer != i)
			cat_flow_remove(nat->outer, i);
	}
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->mapping, i)) != CAT_FLOW_NONE;)
		adopt_mapping(nat, i);
	for (uint32_t i = CAT_FLOW_NONE; (i = cat_flow_next(nat->endpoint, i)) != CAT_FLOW_NONE;) {
		uint32_t index = *(const uint32_t *)cat_flow_value(nat->endpoint, i);
		if (index >= cat_flow_capacity(nat->mapping) || !is_live(nat->live_mappings, index) ||
		    ((const struct nat_mapping *)cat_flow_value(nat->mapping, index))->endpoint != i)
			cat_flow_remove(nat->endpoint, i);
	}
}

bool nat_config_differs(const struct vcpe_config *from, const struct vcpe_config *to)
{
	const struct vcpe_nat_config *a = &from->nat, *b = &to->nat;
	return from->lan.address != to->lan.address || from->lan.mask != to->lan.mask ||
	       from->wan.address != to->wan.address || from->wan.mask != to->wan.mask || a->filtering != b->filtering ||
	       a->pool_count != b->pool_count || memcmp(a->pool, b->pool, a->pool_count * sizeof(a->pool[0])) != 0 ||
	       a->forward_count != b->forward_count ||
	       (a->forward_count && memcmp(a->forward, b->forward, a->forward_count * sizeof(a->forward[0])) != 0);
}
