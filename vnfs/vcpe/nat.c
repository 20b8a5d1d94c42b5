// SPDX-License-Identifier: BSD-3-Clause
// Making, finding and ending sessions.
#include "nat.h"

#include <netinet/in.h>
#include <string.h>

#include "cat_csum.h"
#include "cat_parse.h"

uint32_t nat_hash(const struct nat_key *key)
{
	// For sessions this is the hash that packets bring along (cat_parse.h).
	return cat_flow_hash4(key->near, key->far, key->near_port, (uint16_t)(key->far_port ^ key->variant),
			      key->protocol);
}

struct nat_key nat_outer_key(const struct nat_session *session, const struct nat_key *inner)
{
	struct nat_key key = *inner;
	key.near = session->address;
	key.near_port = session->port;
	if (inner->protocol == IPPROTO_ICMP)
		key.far_port = session->port;
	return key;
}

struct nat_key nat_permit_key(const struct nat_session *session, const struct nat_key *inner)
{
	return (struct nat_key){
		.near = session->address,
		.far = inner->far,
		.near_port = session->port,
		.protocol = inner->protocol,
	};
}

uint32_t nat_find_inner(const struct nat *nat, const struct nat_key *inner)
{
	return cat_flow_find(nat->inner, inner, nat_hash(inner));
}

uint32_t nat_find_outer(const struct nat *nat, const struct nat_key *outer)
{
	uint32_t index = cat_flow_find(nat->outer, outer, nat_hash(outer));
	return index == CAT_FLOW_NONE ? index : nat_session_of(nat, index);
}

bool nat_slot_of(const struct vcpe_config *config, uint32_t address, uint32_t *ret_slot)
{
	for (uint32_t i = 0; i < config->nat.pool_count; i++) {
		if (config->nat.pool[i] == address) {
			*ret_slot = i;
			return true;
		}
	}
	return false;
}

const struct vcpe_forward *nat_rule_of_public(const struct vcpe_config *config, const struct nat_key *outer)
{
	for (uint32_t i = 0; i < config->nat.forward_count; i++) {
		const struct vcpe_forward *rule = &config->nat.forward[i];
		if (rule->port == outer->near_port && rule->address == outer->near && rule->protocol == outer->protocol)
			return rule;
	}
	return NULL;
}

const struct vcpe_forward *nat_rule_of_host(const struct vcpe_config *config, const struct nat_key *inner)
{
	for (uint32_t i = 0; i < config->nat.forward_count; i++) {
		const struct vcpe_forward *rule = &config->nat.forward[i];
		if (rule->to_port == inner->near_port && rule->to == inner->near && rule->protocol == inner->protocol)
			return rule;
	}
	return NULL;
}

// RFC 4787 REQ-2, "paired": one public address for all that a host sends. Rendezvous hashing, so that a change of the
// pool moves as few hosts as can be.
static uint32_t slot_for_host(struct nat *nat, const struct vcpe_config *config, uint32_t address)
{
	struct nat_subscriber *subscriber = nat_subscriber_of(nat, address);
	if (!subscriber->pool) {
		uint32_t best = 0, best_weight = 0;
		for (uint32_t i = 0; i < config->nat.pool_count; i++) {
			uint32_t weight = cat_flow_hash4(address, config->nat.pool[i], 0, 0, 0);
			if (weight >= best_weight) {
				best = i;
				best_weight = weight;
			}
		}
		subscriber->pool = best + 1;
	}
	return subscriber->pool - 1;
}

static void end_mapping(struct nat *nat, uint32_t index)
{
	struct nat_mapping *mapping = cat_flow_value(nat->mapping, index);
	const struct nat_key *key = cat_flow_key(nat->mapping, index);
	nat_port_give(nat, mapping->slot, key->protocol, mapping->port);
	cat_flow_remove(nat->endpoint, mapping->endpoint);
	cat_flow_remove(nat->mapping, index);
}

static enum nat_result new_mapping(struct nat *nat, const struct vcpe_config *config, const struct nat_key *key,
				   const struct nat_key *inner, uint32_t *ret_mapping)
{
	uint32_t slot = slot_for_host(nat, config, inner->near);
	uint16_t port = nat_port_take(nat, config, slot, inner);
	if (!port)
		return NAT_PORTS;
	struct nat_key public = {.near = config->nat.pool[slot], .near_port = port, .protocol = inner->protocol};
	struct nat_mapping made = {.address = public.near, .port = port, .slot = (uint16_t)slot};
	uint32_t index = cat_flow_insert(nat->mapping, key, nat_hash(key), UINT64_MAX, &made);
	if (index == CAT_FLOW_NONE)
		goto give_port;
	uint32_t endpoint = cat_flow_insert(nat->endpoint, &public, nat_hash(&public), UINT64_MAX, &index);
	if (endpoint == CAT_FLOW_NONE)
		goto remove_mapping;
	((struct nat_mapping *)cat_flow_value(nat->mapping, index))->endpoint = endpoint;
	*ret_mapping = index;
	return NAT_OK;
remove_mapping:
	cat_flow_remove(nat->mapping, index);
give_port:
	nat_port_give(nat, slot, inner->protocol, port);
	return NAT_TABLE;
}

// The internal endpoint behind a public one: of a rule, or of a mapping that the filter lets the remote end use.
static enum nat_result admit(const struct nat *nat, const struct vcpe_config *config, const struct nat_key *outer,
			     uint32_t *ret_address, uint16_t *ret_port, uint32_t *ret_mapping)
{
	const struct vcpe_forward *rule = nat_rule_of_public(config, outer);
	if (rule) {
		*ret_address = rule->to;
		*ret_port = rule->to_port;
		*ret_mapping = CAT_FLOW_NONE;
		return NAT_OK;
	}
	struct nat_key key = {.near = outer->near, .near_port = outer->near_port, .protocol = outer->protocol};
	uint32_t endpoint = cat_flow_find(nat->endpoint, &key, nat_hash(&key));
	if (endpoint == CAT_FLOW_NONE)
		return NAT_NO_SESSION;
	key.far = outer->far;
	if (config->nat.filtering == VCPE_FILTER_ADDRESS_PORT ||
	    (config->nat.filtering == VCPE_FILTER_ADDRESS &&
	     cat_flow_find(nat->permit, &key, nat_hash(&key)) == CAT_FLOW_NONE))
		return NAT_FILTERED;
	*ret_mapping = *(const uint32_t *)cat_flow_value(nat->endpoint, endpoint);
	const struct nat_key *host = cat_flow_key(nat->mapping, *ret_mapping);
	*ret_address = host->near;
	*ret_port = host->near_port;
	return NAT_OK;
}

// The flow that must meet this lane: the session as the WAN sees it, or, when it is hairpinned, as its other LAN host
// does.
static struct nat_key flow_to_meet(const struct nat *nat, const struct vcpe_config *config, const struct nat_key *inner)
{
	struct nat_key flow = *inner;
	if (nat->lanes == 1 || !vcpe_in_pool(config, inner->far))
		return flow;
	struct nat_key target = {.near = inner->far, .near_port = inner->far_port, .protocol = inner->protocol};
	uint32_t mapping;
	admit(nat, config, &target, &flow.far, &flow.far_port, &mapping);
	return flow;
}

// The internal endpoint's mapping; with several lanes the first whose port fits the remote end.
static enum nat_result mapping_for(struct nat *nat, const struct vcpe_config *config, const struct nat_key *inner,
				   uint32_t *ret_mapping)
{
	struct nat_key key = {.near = inner->near, .near_port = inner->near_port, .protocol = inner->protocol};
	struct nat_key flow = flow_to_meet(nat, config, inner);
	for (; key.variant < NAT_VARIANTS_MAX; key.variant++) {
		uint32_t index = cat_flow_find(nat->mapping, &key, nat_hash(&key));
		if (index == CAT_FLOW_NONE)
			return new_mapping(nat, config, &key, &flow, ret_mapping);
		const struct nat_mapping *mapping = cat_flow_value(nat->mapping, index);
		if (nat_port_meets_lane(nat, mapping->address, mapping->port, &flow)) {
			*ret_mapping = index;
			return NAT_OK;
		}
	}
	return NAT_PORTS;
}

bool nat_account(struct nat *nat, const struct vcpe_config *config, const struct nat_session *session,
		 const struct nat_key *inner)
{
	(void)config;
	if (nat->permits && session->mapping != CAT_FLOW_NONE) {
		struct nat_key key = nat_permit_key(session, inner);
		uint32_t hash = nat_hash(&key), index = cat_flow_find(nat->permit, &key, hash);
		if (index == CAT_FLOW_NONE)
			index = cat_flow_add(nat->permit, &key, hash, UINT64_MAX);
		if (index == CAT_FLOW_NONE)
			return false;
		++*(uint32_t *)cat_flow_value(nat->permit, index);
	}
	struct nat_subscriber *subscriber = nat_subscriber_of(nat, inner->near);
	if (subscriber->sessions++ == 0)
		nat->subscribers++;
	return true;
}

// What follows from a session that is about to leave `inner`.
static void release(struct nat *nat, uint32_t index)
{
	const struct nat_session *session = nat_session(nat, index);
	const struct nat_key *inner = nat_session_key(nat, index);
	cat_flow_remove(nat->outer, session->outer);
	struct nat_subscriber *subscriber = nat_subscriber_of(nat, inner->near);
	if (--subscriber->sessions == 0)
		nat->subscribers--;
	if (session->mapping == CAT_FLOW_NONE)
		return;
	if (nat->permits) {
		struct nat_key key = nat_permit_key(session, inner);
		uint32_t permit = cat_flow_find(nat->permit, &key, nat_hash(&key));
		if (permit != CAT_FLOW_NONE && --*(uint32_t *)cat_flow_value(nat->permit, permit) == 0)
			cat_flow_remove(nat->permit, permit);
	}
	struct nat_mapping *mapping = cat_flow_value(nat->mapping, session->mapping);
	if (--mapping->sessions == 0)
		end_mapping(nat, session->mapping);
}

static uint16_t session_flags(const struct vcpe_config *config, const struct nat_key *inner)
{
	uint32_t slot;
	uint16_t flags = 0;
	if (inner->near == config->lan.address)
		flags |= NAT_SESSION_LOCAL;
	if (nat_slot_of(config, inner->far, &slot))
		flags |= NAT_SESSION_HAIRPIN;
	if (((inner->far ^ config->wan.address) & config->wan.mask) == 0)
		flags |= NAT_SESSION_ON_LINK;
	return flags;
}

void nat_session_derive(const struct vcpe_config *config, struct nat_session *session, const struct nat_key *inner)
{
	struct nat_key outer = nat_outer_key(session, inner);
	session->inner_hash = nat_hash(inner);
	session->outer_hash = nat_hash(&outer);
	session->flags = session_flags(config, inner);
	// RFC 1624, equation 3: what is to be added to ~HC for each field that changes.
	uint64_t sum = (uint16_t) ~(inner->near & 0xffff) + (uint64_t)(uint16_t) ~(inner->near >> 16);
	sum += (session->address & 0xffff) + (uint64_t)(session->address >> 16);
	session->address_delta = cat_csum_fold(sum);
	session->port_delta = cat_csum_fold((uint64_t)(uint16_t)~inner->near_port + session->port);
}

static enum nat_result make_session(struct nat *nat, const struct vcpe_config *config, const struct nat_key *inner,
				    struct nat_session *made, uint64_t now_ms, uint32_t *ret_session)
{
	struct nat_key outer = nat_outer_key(made, inner);
	nat_session_derive(config, made, inner);
	made->timer = inner->protocol == IPPROTO_TCP   ? VCPE_TIMER_TCP_TRANSITORY
		      : inner->protocol == IPPROTO_UDP ? VCPE_TIMER_UDP
						       : VCPE_TIMER_ICMP;
	uint64_t expires_ms = now_ms + config->nat.timeout_ms[made->timer];
	made->touched = (uint16_t)(expires_ms >> 10);
	// Both can only be there when the same remote endpoint is reached in two ways at once (a rule came in between).
	if (cat_flow_find(nat->inner, inner, made->inner_hash) != CAT_FLOW_NONE ||
	    cat_flow_find(nat->outer, &outer, made->outer_hash) != CAT_FLOW_NONE)
		return NAT_NO_SESSION;
	made->outer = cat_flow_add(nat->outer, &outer, made->outer_hash, UINT64_MAX);
	if (made->outer == CAT_FLOW_NONE)
		return NAT_TABLE;
	uint32_t index = cat_flow_insert(nat->inner, inner, made->inner_hash, expires_ms, made);
	if (index == CAT_FLOW_NONE)
		goto remove_outer;
	if (!nat_account(nat, config, made, inner))
		goto remove_inner;
	*(uint32_t *)cat_flow_value(nat->outer, made->outer) = index;
	if (made->mapping != CAT_FLOW_NONE)
		((struct nat_mapping *)cat_flow_value(nat->mapping, made->mapping))->sessions++;
	nat->created++;
	*ret_session = index;
	return NAT_OK;
remove_inner:
	cat_flow_remove(nat->inner, index);
remove_outer:
	cat_flow_remove(nat->outer, made->outer);
	return NAT_TABLE;
}

static uint32_t share(uint32_t whole, uint32_t lanes)
{
	return whole / lanes + (whole % lanes != 0);
}

static enum nat_result check_limits(const struct nat *nat, const struct vcpe_config *config, uint32_t host,
				    bool from_outside)
{
	// What strangers open leaves the host at least half of its quota.
	uint32_t quota = share(config->nat.quota, nat->lanes), allowed = from_outside ? share(quota, 2) : quota;
	if (nat_subscriber_of(nat, host)->sessions >= allowed)
		return NAT_QUOTA;
	return cat_flow_count(nat->inner) >= share(config->nat.sessions, nat->lanes) ? NAT_TABLE : NAT_OK;
}

enum nat_result nat_open_out(struct nat *nat, const struct vcpe_config *config, const struct nat_key *inner, bool opens,
			     uint64_t now_ms, uint32_t *ret_session)
{
	*ret_session = nat_find_inner(nat, inner);
	if (*ret_session != CAT_FLOW_NONE)
		return NAT_OK;
	const struct vcpe_forward *rule = nat_rule_of_host(config, inner);
	if (!rule && !opens)
		return NAT_NO_SESSION;
	enum nat_result result = check_limits(nat, config, inner->near, false);
	if (result != NAT_OK)
		return result;
	struct nat_session made = {.mapping = CAT_FLOW_NONE};
	if (rule) {
		made.address = rule->address;
		made.port = rule->port;
		return make_session(nat, config, inner, &made, now_ms, ret_session);
	}
	result = mapping_for(nat, config, inner, &made.mapping);
	if (result != NAT_OK)
		return result;
	const struct nat_mapping *mapping = cat_flow_value(nat->mapping, made.mapping);
	made.address = mapping->address;
	made.port = mapping->port;
	result = make_session(nat, config, inner, &made, now_ms, ret_session);
	if (result != NAT_OK && mapping->sessions == 0)
		end_mapping(nat, made.mapping);
	return result;
}

enum nat_result nat_admit(struct nat *nat, const struct vcpe_config *config, const struct nat_key *outer,
			  uint32_t *ret_address, uint16_t *ret_port)
{
	uint32_t mapping;
	return admit(nat, config, outer, ret_address, ret_port, &mapping);
}

enum nat_result nat_open_in(struct nat *nat, const struct vcpe_config *config, const struct nat_key *outer, bool opens,
			    uint64_t now_ms, uint32_t *ret_session)
{
	*ret_session = nat_find_outer(nat, outer);
	if (*ret_session != CAT_FLOW_NONE)
		return NAT_OK;
	struct nat_session made = {.address = outer->near, .port = outer->near_port};
	struct nat_key inner = *outer;
	enum nat_result result = admit(nat, config, outer, &inner.near, &inner.near_port, &made.mapping);
	if (result != NAT_OK)
		return result;
	if (!opens && made.mapping != CAT_FLOW_NONE)
		return NAT_NO_SESSION;
	result = check_limits(nat, config, inner.near, true);
	return result == NAT_OK ? make_session(nat, config, &inner, &made, now_ms, ret_session) : result;
}

static void on_expired(void *user, struct cat_flow_table *table, uint32_t index)
{
	(void)table;
	struct nat *nat = user;
	release(nat, index);
	nat->expired++;
}

void nat_expire(struct nat *nat, uint64_t now_ms, uint32_t budget)
{
	cat_flow_expire(nat->inner, now_ms, budget, on_expired, nat);
}

uint8_t nat_tcp_next(uint8_t state, uint8_t flags, bool outbound)
{
	const uint8_t closed = NAT_TCP_FIN_OUT | NAT_TCP_FIN_IN, open = NAT_TCP_SYN_OUT | NAT_TCP_SYN_IN;
	if (flags & NAT_TCP_RESET)
		return state | NAT_TCP_RST;
	if (flags & NAT_TCP_SYN) {
		// The endpoints use the same ports for a new connection.
		if ((state & NAT_TCP_RST) || (state & closed) == closed)
			state = 0;
		state |= outbound ? NAT_TCP_SYN_OUT : NAT_TCP_SYN_IN;
	} else if ((flags & NAT_TCP_ACK) && (state & open) == open) {
		state |= NAT_TCP_ESTABLISHED;
	}
	// What goes on talking was not reset: anybody can forge a RST.
	state &= (uint8_t)~NAT_TCP_RST;
	if (flags & NAT_TCP_FIN)
		state |= outbound ? NAT_TCP_FIN_OUT : NAT_TCP_FIN_IN;
	return state;
}

enum vcpe_timer nat_tcp_timer(uint8_t state)
{
	const uint8_t closed = NAT_TCP_FIN_OUT | NAT_TCP_FIN_IN;
	bool established = (state & NAT_TCP_ESTABLISHED) && !(state & NAT_TCP_RST) && (state & closed) != closed;
	return established ? VCPE_TIMER_TCP : VCPE_TIMER_TCP_TRANSITORY;
}
