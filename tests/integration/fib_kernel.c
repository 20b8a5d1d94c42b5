// SPDX-License-Identifier: BSD-3-Clause
// Reads the kernel's routes as the router does, and compares a million lookups in the table made of them with the
// kernel's own answers (RTM_GETROUTE).
//
// usage: fib_kernel LEFT-INTERFACE RIGHT-INTERFACE ROUTES LOOKUPS
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "cat_loop.h"
#include "kernel.h"

static const char config_json[] =
	"{\"left\":{\"addresses\":[\"10.0.0.1/24\"]},\"right\":{\"addresses\":[\"192.0.2.1/24\"]},"
	"\"ospf\":{\"left\":{}}}";

struct test {
	struct cat_loop *loop;
	struct rib *rib;
	bool read;
};

static void on_changed(void *user)
{
	struct test *test = user;
	if (rib_is_rereading(test->rib))
		return;
	test->read = true;
	cat_loop_quit(test->loop, 0);
}

// What the kernel does with a packet to `addr`: "gateway interface", or nothing.
struct answer {
	uint32_t gateway, index;
};

static int on_answer(const struct nlmsghdr *message, void *user)
{
	struct answer *answer = user;
	const struct nlattr *attribute;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (body->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*body))
	{
		if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
			answer->gateway = mnl_attr_get_u32(attribute);
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			answer->index = mnl_attr_get_u32(attribute);
	}
	return MNL_CB_OK;
}

static struct answer ask_kernel(struct mnl_socket *socket, uint32_t addr)
{
	struct answer answer = {0};
	char buffer[8192];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = 1;
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->rtm_family = AF_INET;
	body->rtm_dst_len = 32;
	mnl_attr_put_u32(message, RTA_DST, htonl(addr));
	ssize_t n = mnl_socket_sendto(socket, message, message->nlmsg_len);
	n = n < 0 ? n : mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (n < 0) {
		perror("netlink");
		exit(1);
	}
	mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), on_answer, &answer);
	return answer;
}

static struct answer ask_table(const struct router_table *table, const uint32_t interface[CAT_SIDES], uint32_t addr)
{
	struct answer answer = {0};
	uint16_t value;
	fib_lookup4(table->fib4, &addr, &value, 1);
	if (value == FIB_NONE)
		return answer;
	const struct router_target *target = &table->target[value];
	if (target->kind == ROUTER_CONNECTED)
		answer.index = interface[target->side];
	if (target->kind == ROUTER_GATEWAY) {
		answer.index = interface[table->hop[target->first].side];
		answer.gateway = table->hop[target->first].addr4;
	}
	return answer;
}

static int compare(const struct router_table *table, const uint32_t interface[CAT_SIDES], unsigned count)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		perror("netlink");
		return 1;
	}
	unsigned different = 0, routed = 0, seed = 1;
	for (unsigned i = 0; i < count; i++) {
		// What hosts can have, and not our own links, where the two differ in broadcasts.
		uint32_t addr = (uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed);
		if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 24 >= 224 || addr >> 8 == 0x0a0000 ||
		    addr >> 8 == 0xc00002)
			continue;
		const struct answer kernel = ask_kernel(socket, addr), ours = ask_table(table, interface, addr);
		routed += kernel.index != 0;
		if (kernel.gateway == ours.gateway && kernel.index == ours.index)
			continue;
		if (different++ < 10)
			printf("%08x: the kernel says %08x by %u, the table %08x by %u\n", addr, ntohl(kernel.gateway),
			       kernel.index, ntohl(ours.gateway), ours.index);
	}
	mnl_socket_close(socket);
	printf("%u lookups, %u of them routed, %u different\n", count, routed, different);
	return different || routed < count / 10;
}

int main(int argc, char **argv)
{
	struct cat_err err = {0};
	struct cat_node *tree = NULL;
	void *config = NULL;
	struct router_table *table = NULL;
	struct kernel *kernel = NULL;
	if (argc != 5)
		return 2;
	const uint32_t interface[CAT_SIDES] = {if_nametoindex(argv[1]), if_nametoindex(argv[2])};
	size_t expected = strtoul(argv[3], NULL, 10);
	struct test test = {.loop = cat_loop_create(&err), .rib = rib_create()};
	if (!test.loop || !test.rib ||
	    cat_tree_parse_json("config", config_json, strlen(config_json), &tree, &err) < 0 ||
	    router_frr_config_create(tree, &config, &err) < 0 ||
	    kernel_open(test.loop, test.rib, interface, on_changed, &test, &kernel, &err) < 0) {
		fprintf(stderr, "fib_kernel: %s\n", err.message);
		return 1;
	}
	cat_loop_run(test.loop);
	if (rib_commit(test.rib) < 0 || rib_build(test.rib, config, &table, &err) < 0) {
		fprintf(stderr, "fib_kernel: %s\n", err.message);
		return 1;
	}
	printf("%zu routes\n", rib_count(test.rib));
	int result =
		rib_count(test.rib) == expected ? compare(table, interface, (unsigned)strtoul(argv[4], NULL, 10)) : 1;
	router_table_destroy(table);
	kernel_close(kernel);
	rib_destroy(test.rib);
	router_config_destroy(config);
	cat_node_free(tree);
	cat_loop_destroy(test.loop);
	return result;
}
