// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "cat_log.h"

#define BUFFER_BYTES (1u << 16)
#define RECEIVE_BYTES (8 << 20) // what is asked for; the system gives less
#define BATCHES 16u             // of messages before other events get their turn
#define AGAIN_MS 200u           // before all is read once more
#define AGAIN_MAX_MS 2000u

struct kernel {
	struct cat_loop *loop;
	struct rib *rib;
	uint32_t interface[CAT_SIDES];
	kernel_changed_fn changed;
	void *user;
	struct mnl_socket *news, *dump;
	struct cat_source *news_source, *dump_source, *timer;
	uint8_t *buffer;
	uint8_t family;    // that is being read
	bool interrupted;  // what was read contradicts itself
	bool lost;         // changes were lost meanwhile
	bool refused;      // something did not fit, and was told
	bool sweep;        // what is stale goes when all was read
	uint64_t again_ms; // before the next try
};

static bool side_of(const uint32_t interface[CAT_SIDES], uint32_t index, enum cat_side *ret_side)
{
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		if (index && interface[side] == index) {
			*ret_side = (enum cat_side)side;
			return true;
		}
	}
	return false;
}

// Attributes of a route or of one of its next hops, by number. Those that are shorter than they must be are left out.
struct attributes {
	const struct nlattr *at[RTA_MAX + 1];
};

static void take_attribute(struct attributes *attributes, const struct nlattr *attribute)
{
	uint16_t type = mnl_attr_get_type(attribute);
	if (type <= RTA_MAX)
		attributes->at[type] = attribute;
}

static bool read_u32(const struct attributes *attributes, unsigned type, uint32_t *ret_value)
{
	const struct nlattr *attribute = attributes->at[type];
	if (!attribute || mnl_attr_get_payload_len(attribute) < 4)
		return false;
	*ret_value = mnl_attr_get_u32(attribute);
	return true;
}

static bool read_addr(const struct attributes *attributes, unsigned type, uint8_t family, struct cat_addr *ret_addr)
{
	const struct nlattr *attribute = attributes->at[type];
	size_t size = family == AF_INET ? 4 : 16;
	if (!attribute || mnl_attr_get_payload_len(attribute) < size)
		return false;
	*ret_addr = (struct cat_addr){.family = family};
	memcpy(ret_addr->byte, mnl_attr_get_payload(attribute), size);
	return true;
}

// Adds a next hop; one without a gateway makes the route a connected one.
static void add_hop(struct kernel_route *route, const uint32_t interface[CAT_SIDES], uint32_t index,
		    const struct attributes *attributes)
{
	struct rib_set *set = &route->set;
	struct router_hop hop = {.addr.family = route->prefix.addr.family};
	if (set->count == ROUTER_ECMP_MAX || !side_of(interface, index, &hop.side))
		return;
	// An IPv4 route over an IPv6 next hop (RFC 8950) has RTA_VIA instead; it cannot be used.
	if (attributes->at[RTA_VIA])
		return;
	bool gateway = read_addr(attributes, RTA_GATEWAY, route->prefix.addr.family, &hop.addr);
	if (!gateway && set->count)
		return;
	if (!gateway)
		set->kind = ROUTER_CONNECTED;
	else if (set->kind == ROUTER_CONNECTED && set->count)
		return;
	memcpy(&hop.addr4, hop.addr.byte, 4);
	for (uint32_t i = 0; i < set->count; i++)
		if (set->hop[i].side == hop.side && cat_addr_equal(&set->hop[i].addr, &hop.addr))
			return;
	set->hop[set->count++] = hop;
}

static void add_hops(struct kernel_route *route, const uint32_t interface[CAT_SIDES], const struct nlattr *multipath)
{
	const uint8_t *at = mnl_attr_get_payload(multipath), *end = at + mnl_attr_get_payload_len(multipath);
	while ((size_t)(end - at) >= sizeof(struct rtnexthop)) {
		struct rtnexthop hop;
		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > end - at)
			return;
		struct attributes attributes = {0};
		const void *payload = at + sizeof(hop);
		size_t size = hop.rtnh_len - sizeof(hop);
		const struct nlattr *attr; // the macro's own name
		mnl_attr_for_each_payload(payload, size) take_attribute(&attributes, attr);
		add_hop(route, interface, (uint32_t)hop.rtnh_ifindex, &attributes);
		size_t step = RTNH_ALIGN(hop.rtnh_len);
		if (step > (size_t)(end - at))
			return;
		at += step;
	}
}

// An order of their own, so that the same next hops are the same set however they came.
static int compare_hops(const void *a, const void *b)
{
	const struct router_hop *x = a, *y = b;
	int order = (int)x->side - (int)y->side;
	return order ? order : memcmp(x->addr.byte, y->addr.byte, 16);
}

static bool is_ours(const struct rtmsg *body)
{
	switch (body->rtm_protocol) {
	case RTPROT_UNSPEC:
	case RTPROT_REDIRECT:
	case RTPROT_KERNEL:
	case RTPROT_BOOT:
	case RTPROT_STATIC:
	case RTPROT_RA:
	case 196: // of staticd, which has them from our configuration (RTPROT_ZSTATIC)
		return false;
	default:
		return (body->rtm_family == AF_INET || body->rtm_family == AF_INET6) &&
		       !(body->rtm_flags & RTM_F_CLONED) && body->rtm_src_len == 0 && body->rtm_tos == 0;
	}
}

bool kernel_parse(const struct nlmsghdr *message, const uint32_t interface[CAT_SIDES], struct kernel_route *ret_route)
{
	struct kernel_route route = {.gone = message->nlmsg_type == RTM_DELROUTE};
	struct attributes attributes = {0};
	uint32_t table = 0, index = 0;
	if ((message->nlmsg_type != RTM_NEWROUTE && !route.gone) ||
	    message->nlmsg_len < MNL_ALIGN(sizeof(*message)) + sizeof(struct rtmsg) ||
	    message->nlmsg_len % MNL_ALIGNTO != 0) // attributes are padded (RFC 3549, section 2.2)
		return false;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (!is_ours(body) || body->rtm_dst_len > (body->rtm_family == AF_INET ? 32 : 128))
		return false;
	const struct nlattr *attribute;
	mnl_attr_for_each(attribute, message, sizeof(*body)) take_attribute(&attributes, attribute);
	if (!read_u32(&attributes, RTA_TABLE, &table))
		table = body->rtm_table;
	route.prefix = (struct cat_prefix){.addr.family = body->rtm_family, .length = body->rtm_dst_len};
	if (table != RT_TABLE_MAIN ||
	    (body->rtm_dst_len && !read_addr(&attributes, RTA_DST, body->rtm_family, &route.prefix.addr)))
		return false;
	cat_prefix_mask(&route.prefix);
	if (route.gone) {
		*ret_route = route;
		return true;
	}
	switch (body->rtm_type) {
	case RTN_BLACKHOLE:
		route.set.kind = ROUTER_BLACKHOLE;
		break;
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		route.set.kind = ROUTER_UNREACHABLE;
		break;
	case RTN_UNICAST:
		route.set.kind = ROUTER_GATEWAY;
		if (attributes.at[RTA_MULTIPATH])
			add_hops(&route, interface, attributes.at[RTA_MULTIPATH]);
		else if (read_u32(&attributes, RTA_OIF, &index))
			add_hop(&route, interface, index, &attributes);
		if (!route.set.count)
			route.gone = true; // it leads nowhere that we know
		qsort(route.set.hop, route.set.count, sizeof(route.set.hop[0]), compare_hops);
		break;
	default:
		return false;
	}
	*ret_route = route;
	return true;
}

static void take(struct kernel *kernel, const struct nlmsghdr *message, bool news)
{
	struct kernel_route route;
	if (!kernel_parse(message, kernel->interface, &route))
		return;
	const struct rib_set *set = route.gone ? NULL : &route.set;
	int r = 0;
	if (news)
		r = rib_change(kernel->rib, &route.prefix, set);
	else if (set)
		r = rib_reread_add(kernel->rib, &route.prefix, set);
	if (r < 0 && !kernel->refused) {
		kernel->refused = true;
		cat_error("a learnt route was left out: %s", r == -E2BIG ? "too many of them" : "no memory");
	}
}

static void start_reading(struct kernel *kernel);

static void on_again(void *user)
{
	struct kernel *kernel = user;
	kernel->timer = NULL;
	start_reading(kernel);
}

static void read_again(struct kernel *kernel)
{
	struct cat_err err = {0};
	if (kernel->timer)
		return;
	kernel->timer = cat_loop_add_timer(kernel->loop, kernel->again_ms, 0, on_again, kernel, &err);
	if (!kernel->timer)
		cat_error("routes are not read again: %s", err.message);
	kernel->again_ms = kernel->again_ms * 2 < AGAIN_MAX_MS ? kernel->again_ms * 2 : AGAIN_MAX_MS;
}

static void on_news(void *user, int fd, uint32_t events)
{
	struct kernel *kernel = user;
	(void)fd;
	(void)events;
	for (unsigned i = 0; i < BATCHES; i++) {
		ssize_t n = mnl_socket_recvfrom(kernel->news, kernel->buffer, BUFFER_BYTES);
		if (n < 0 && errno == ENOBUFS) {
			// Some changes are lost: everything is read anew.
			kernel->lost = true;
			if (!rib_is_rereading(kernel->rib))
				read_again(kernel);
			continue;
		}
		if (n <= 0)
			break;
		int left = (int)n;
		const struct nlmsghdr *message = (const struct nlmsghdr *)kernel->buffer;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			take(kernel, message, true);
	}
	kernel->changed(kernel->user);
}

static int ask(struct kernel *kernel, uint8_t family)
{
	char buffer[64] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = 1;
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->rtm_family = family;
	kernel->family = family;
	return mnl_socket_sendto(kernel->dump, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static void start_reading(struct kernel *kernel)
{
	rib_reread_begin(kernel->rib);
	kernel->lost = kernel->interrupted = false;
	int r = ask(kernel, AF_INET);
	if (r < 0) {
		cat_error("routes cannot be read: %s", strerror(-r));
		read_again(kernel);
	}
}

static void finish_reading(struct kernel *kernel)
{
	bool whole = !kernel->lost && !kernel->interrupted;
	int r = rib_reread_end(kernel->rib, kernel->sweep && whole);
	kernel->sweep &= r < 0 || !whole;
	if (r < 0 || !whole) {
		if (r < 0)
			cat_error("no memory for learnt routes");
		read_again(kernel);
	} else {
		kernel->again_ms = AGAIN_MS;
	}
	kernel->changed(kernel->user);
}

static void on_dump(void *user, int fd, uint32_t events)
{
	struct kernel *kernel = user;
	(void)fd;
	(void)events;
	for (unsigned i = 0; i < BATCHES; i++) {
		ssize_t n = mnl_socket_recvfrom(kernel->dump, kernel->buffer, BUFFER_BYTES);
		if (n <= 0)
			return;
		int left = (int)n;
		const struct nlmsghdr *message = (const struct nlmsghdr *)kernel->buffer;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			kernel->interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (message->nlmsg_type != NLMSG_DONE && message->nlmsg_type != NLMSG_ERROR) {
				take(kernel, message, false);
				continue;
			}
			kernel->interrupted |= message->nlmsg_type == NLMSG_ERROR;
			if (kernel->family == AF_INET6 || ask(kernel, AF_INET6) < 0)
				finish_reading(kernel);
			return;
		}
	}
}

static int open_socket(struct mnl_socket **ret_socket, struct cat_err *err)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = cat_err_errno(err, "netlink");
		if (socket)
			mnl_socket_close(socket);
		return r;
	}
	int bytes = RECEIVE_BYTES;
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	*ret_socket = socket;
	return 0;
}

static int listen_for_changes(struct kernel *kernel, struct cat_err *err)
{
	int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	for (size_t i = 0; i < CAT_ARRAY_LEN(groups); i++)
		if (mnl_socket_setsockopt(kernel->news, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return cat_err_errno(err, "netlink: changes of routes");
	kernel->news_source =
		cat_loop_add_fd(kernel->loop, mnl_socket_get_fd(kernel->news), EPOLLIN, on_news, kernel, err);
	if (!kernel->news_source)
		return err->code;
	kernel->dump_source =
		cat_loop_add_fd(kernel->loop, mnl_socket_get_fd(kernel->dump), EPOLLIN, on_dump, kernel, err);
	return kernel->dump_source ? 0 : err->code;
}

int kernel_open(struct cat_loop *loop, struct rib *rib, const uint32_t interface[CAT_SIDES], kernel_changed_fn changed,
		void *user, struct kernel **ret_kernel, struct cat_err *err)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	if (!kernel)
		return cat_err_set(err, -ENOMEM, "no memory for learnt routes");
	*kernel = (struct kernel){.loop = loop, .rib = rib, .changed = changed, .user = user, .again_ms = AGAIN_MS};
	memcpy(kernel->interface, interface, sizeof(kernel->interface));
	kernel->buffer = malloc(BUFFER_BYTES);
	int r = kernel->buffer ? 0 : cat_err_set(err, -ENOMEM, "no memory for learnt routes");
	if (!r)
		r = open_socket(&kernel->news, err);
	if (!r)
		r = open_socket(&kernel->dump, err);
	if (!r)
		r = listen_for_changes(kernel, err);
	if (r < 0) {
		kernel_close(kernel);
		return r;
	}
	start_reading(kernel);
	*ret_kernel = kernel;
	return 0;
}

void kernel_sweep(struct kernel *kernel)
{
	kernel->sweep = true;
	if (!rib_is_rereading(kernel->rib))
		start_reading(kernel);
}

void kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	cat_source_remove(kernel->timer);
	cat_source_remove(kernel->news_source);
	cat_source_remove(kernel->dump_source);
	if (kernel->news)
		mnl_socket_close(kernel->news);
	if (kernel->dump)
		mnl_socket_close(kernel->dump);
	free(kernel->buffer);
	free(kernel);
}
