// SPDX-License-Identifier: BSD-3-Clause
// The addresses of a side: what may be one, and which one others see us by.
#include <arpa/inet.h>
#include <errno.h>

#include "l3.h"

static const uint8_t link_local_prefix[8] = {0xfe, 0x80};

static uint64_t fnv1a(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

void cat_l3_interface_init(struct cat_l3_interface *interface, enum cat_side side, const struct cat_mac *mac,
			   const char *seed)
{
	*interface = (struct cat_l3_interface){.side = side, .mtu = CAT_L3_MTU_DEFAULT};
	if (mac) {
		interface->mac = *mac;
		return;
	}
	uint8_t which = (uint8_t)side;
	uint64_t hash = fnv1a(UINT64_C(0xcbf29ce484222325), seed, strlen(seed));
	hash = fnv1a(hash, &which, 1);
	hash ^= hash >> 29;
	for (unsigned i = 0; i < 6; i++)
		interface->mac.byte[i] = (uint8_t)(hash >> (i * 8));
	interface->mac.byte[0] = (uint8_t)((interface->mac.byte[0] & 0xfcu) | 0x02u);
}

static const char *ipv4_fault(const struct cat_prefix *p)
{
	uint32_t a = cat_addr_ipv4(&p->addr);
	if (p->length == 0 || p->length > 32)
		return "prefix length must be 1 to 32";
	if (a >> 24 == 0)
		return "addresses of 0.0.0.0/8 name no host";
	if (a >> 24 == 127)
		return "loopback addresses are not used on a link";
	if (a >> 28 == 14)
		return "multicast addresses name no host";
	if (a >> 28 == 15)
		return "addresses of 240.0.0.0/4 are reserved";
	uint32_t host = p->length == 32 ? 0 : UINT32_MAX >> p->length;
	// Both ends of a /31 are hosts (RFC 3021).
	if (p->length < 31 && (a & host) == 0)
		return "that is the network's own address";
	if (p->length < 31 && (a & host) == host)
		return "that is the network's broadcast address";
	return NULL;
}

static const char *ipv6_fault(const struct cat_prefix *p)
{
	static const uint8_t zero[16];
	const uint8_t *a = p->addr.byte;
	if (p->length == 0 || p->length > 128)
		return "prefix length must be 1 to 128";
	if (a[0] == 0xff)
		return "multicast addresses name no host";
	if (memcmp(a, zero, 15) == 0 && a[15] == 0)
		return "the unspecified address names no host";
	if (memcmp(a, zero, 15) == 0 && a[15] == 1)
		return "the loopback address is not used on a link";
	if (memcmp(a, zero, 10) == 0 && a[10] == 0xff && a[11] == 0xff)
		return "IPv4-mapped addresses are not used on a link";
	return NULL;
}

int cat_l3_interface_add(struct cat_l3_interface *interface, const struct cat_prefix *address, struct cat_err *err)
{
	char text[CAT_ADDR_TEXT_MAX];
	const char *fault = address->addr.family == AF_INET ? ipv4_fault(address) : ipv6_fault(address);
	for (uint32_t i = 0; !fault && i < interface->count; i++)
		if (cat_addr_equal(&interface->address[i].addr, &address->addr))
			fault = "it is there already";
	if (fault)
		return cat_err_set(err, -EINVAL, "%s cannot be an interface's address: %s",
				   cat_prefix_format(address, text), fault);
	if (interface->count == CAT_L3_ADDRESSES_MAX)
		return cat_err_set(err, -ENOSPC, "%s: an interface has at most %u addresses",
				   cat_prefix_format(address, text), CAT_L3_ADDRESSES_MAX);
	interface->address[interface->count++] = *address;
	return 0;
}

bool l3_is_link_local(const struct cat_addr *addr)
{
	return addr->family == AF_INET6 && addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;
}

int cat_l3_interface_finish(struct cat_l3_interface *interface, struct cat_err *err)
{
	bool ipv6 = false, link_local = false;
	for (uint32_t i = 0; i < interface->count; i++) {
		ipv6 |= interface->address[i].addr.family == AF_INET6;
		link_local |= l3_is_link_local(&interface->address[i].addr);
	}
	if (ipv6 && interface->mtu < 1280)
		return cat_err_set(err, -EINVAL, "mtu %u is below the 1280 that IPv6 needs", interface->mtu);
	if (!ipv6 || link_local)
		return 0;
	const uint8_t *mac = interface->mac.byte;
	struct cat_prefix p = {.addr = {.family = AF_INET6}, .length = 64};
	memcpy(p.addr.byte, link_local_prefix, 8);
	p.addr.byte[8] = mac[0] ^ 0x02;
	p.addr.byte[9] = mac[1];
	p.addr.byte[10] = mac[2];
	p.addr.byte[11] = 0xff;
	p.addr.byte[12] = 0xfe;
	memcpy(p.addr.byte + 13, mac + 3, 3);
	return cat_l3_interface_add(interface, &p, err);
}

static int read_mac(const struct cat_node *node, bool *ret_given, struct cat_mac *ret_mac, struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(node, "mac", CAT_OPTIONAL, &text, err);
	if (r < 0 || !text)
		return r;
	if (cat_mac_parse(text, ret_mac) < 0)
		return cat_node_error(cat_node_get(node, "mac"), err,
				      "found \"%s\", expected a MAC address like 02:00:5e:10:00:01", text);
	static const struct cat_mac zero;
	if ((ret_mac->byte[0] & 1) || memcmp(ret_mac, &zero, sizeof(zero)) == 0)
		return cat_node_error(cat_node_get(node, "mac"), err,
				      "found \"%s\", expected the address of one station", text);
	*ret_given = true;
	return 0;
}

static int read_addresses(const struct cat_node *list, struct cat_l3_interface *interface, struct cat_err *err)
{
	for (const struct cat_node *n = list->first; n; n = n->next) {
		char found[128];
		struct cat_prefix p;
		if (n->type != CAT_STRING || cat_prefix_parse(n->string, &p) < 0)
			return cat_node_error(n, err,
					      "found %s, expected an address with its prefix length like 192.0.2.1/24",
					      cat_node_describe(n, found, sizeof(found)));
		if (!strchr(n->string, '/'))
			return cat_node_error(n, err, "found \"%s\" without a prefix length, expected one like %s/%s",
					      n->string, n->string, p.addr.family == AF_INET ? "24" : "64");
		struct cat_err fault = {0};
		if (cat_l3_interface_add(interface, &p, &fault) < 0)
			return cat_node_error(n, err, "%s", fault.message);
	}
	return 0;
}

int cat_l3_interface_read(const struct cat_node *node, enum cat_side side, struct cat_l3_interface *ret_interface,
			  struct cat_err *err)
{
	static const char *const keys[] = {"addresses", "mac", "mtu"};
	struct cat_l3_interface interface;
	if (!node) {
		cat_l3_interface_init(ret_interface, side, NULL, "");
		return 0;
	}
	if (node->type != CAT_MAP) {
		char found[128];
		return cat_node_error(node, err, "found %s, expected a map with addresses",
				      cat_node_describe(node, found, sizeof(found)));
	}
	for (const struct cat_node *n = node->first; n; n = n->next) {
		bool known = false;
		for (size_t k = 0; k < CAT_ARRAY_LEN(keys); k++)
			known |= strcmp(n->key, keys[k]) == 0;
		if (!known)
			return cat_node_error(n, err, "unknown key \"%s\", expected addresses, mac or mtu", n->key);
	}
	bool given = false;
	struct cat_mac mac;
	const struct cat_node *list = NULL;
	int64_t mtu = CAT_L3_MTU_DEFAULT;
	int r = read_mac(node, &given, &mac, err);
	if (!r)
		r = cat_node_read_int(node, "mtu", CAT_OPTIONAL, CAT_L3_MTU_MIN, CAT_L3_MTU_MAX, &mtu, err);
	if (!r)
		r = cat_node_read_list(node, "addresses", CAT_OPTIONAL, &list, err);
	if (r < 0)
		return r;
	const char *seed = list && list->first && list->first->type == CAT_STRING ? list->first->string : "";
	cat_l3_interface_init(&interface, side, given ? &mac : NULL, seed);
	interface.mtu = (uint16_t)mtu;
	if (list && (r = read_addresses(list, &interface, err)) < 0)
		return r;
	struct cat_err fault = {0};
	if (cat_l3_interface_finish(&interface, &fault) < 0)
		return cat_node_error(node, err, "%s", fault.message);
	*ret_interface = interface;
	return 0;
}

const struct cat_addr *cat_l3_source_for(const struct cat_l3_interface *interface, const struct cat_addr *to)
{
	const struct cat_addr *best = NULL;
	for (uint32_t i = 0; i < interface->count; i++) {
		const struct cat_prefix *p = &interface->address[i];
		if (p->addr.family != to->family)
			continue;
		if (cat_prefix_contains(p, to))
			return &p->addr;
		// A link-local source cannot leave the link, so that it comes last for anybody beyond it.
		if (!best || (l3_is_link_local(best) && !l3_is_link_local(&p->addr)))
			best = &p->addr;
	}
	return best;
}

bool cat_l3_is_own(const struct cat_l3_interface *interface, const struct cat_addr *addr)
{
	for (uint32_t i = 0; i < interface->count; i++)
		if (cat_addr_equal(&interface->address[i].addr, addr))
			return true;
	return false;
}

bool cat_l3_is_on_link(const struct cat_l3_interface *interface, const struct cat_addr *addr)
{
	for (uint32_t i = 0; i < interface->count; i++)
		if (interface->address[i].addr.family == addr->family &&
		    cat_prefix_contains(&interface->address[i], addr))
			return true;
	return false;
}

bool l3_is_subnet_broadcast(const struct cat_l3_interface *interface, const struct cat_addr *addr)
{
	if (!interface || addr->family != AF_INET)
		return false;
	uint32_t a = cat_addr_ipv4(addr);
	for (uint32_t i = 0; i < interface->count; i++) {
		const struct cat_prefix *p = &interface->address[i];
		if (p->addr.family != AF_INET || p->length > 30)
			continue;
		uint32_t host = UINT32_MAX >> p->length;
		if (((a ^ cat_addr_ipv4(&p->addr)) & ~host) == 0 && (a & host) == host)
			return true;
	}
	return false;
}

bool l3_answers_for(const struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr)
{
	const struct cat_l3_interface *interface = l3_interface(l3, side);
	return (interface && cat_l3_is_own(interface, addr)) ||
	       (l3->options.proxy && l3->options.proxy(l3->options.user, side, addr));
}

const struct cat_mac *l3_answer_mac(const struct cat_l3 *l3, enum cat_side side, const struct cat_addr *addr)
{
	const struct cat_mac *mac =
		l3->options.answer_mac ? l3->options.answer_mac(l3->options.user, side, addr) : NULL;
	return mac ? mac : &l3_interface(l3, side)->mac;
}
