// SPDX-License-Identifier: BSD-3-Clause
#include "netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#define MESSAGE_BYTES 1024

int netlink_open(struct mnl_socket **ret_socket, struct cat_err *err)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int result = cat_err_errno(err, "netlink");
		if (socket)
			mnl_socket_close(socket);
		return result;
	}
	*ret_socket = socket;
	return 0;
}

void netlink_close(struct mnl_socket *socket)
{
	if (socket)
		mnl_socket_close(socket);
}

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = 1;
	return message;
}

// Sends the request and waits for the kernel's answer to it.
static int ask(struct mnl_socket *socket, const struct nlmsghdr *message, const char *what, struct cat_err *err)
{
	char answer[8192];
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return cat_err_errno(err, "netlink: %s", what);
	ssize_t n = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	if (n < 0 || mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0)
		return cat_err_errno(err, "%s", what);
	return 0;
}

int netlink_link_up(struct mnl_socket *socket, uint32_t index, const struct cat_mac *mac, uint32_t mtu,
		    struct cat_err *err)
{
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;
	link->ifi_flags = link->ifi_change = IFF_UP;
	if (mac)
		mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac->byte), mac->byte);
	if (mtu)
		mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return ask(socket, message, "bringing an interface up", err);
}

static size_t addr_size(const struct cat_addr *addr)
{
	return addr->family == AF_INET ? 4 : 16;
}

int netlink_address_add(struct mnl_socket *socket, uint32_t index, const struct cat_prefix *address,
			struct cat_err *err)
{
	char buffer[MESSAGE_BYTES], text[CAT_ADDR_TEXT_MAX];
	struct nlmsghdr *message = begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->ifa_family = address->addr.family;
	body->ifa_prefixlen = address->length;
	body->ifa_flags = address->addr.family == AF_INET6 ? IFA_F_NODAD : 0;
	body->ifa_scope = RT_SCOPE_UNIVERSE;
	body->ifa_index = index;
	mnl_attr_put(message, IFA_LOCAL, addr_size(&address->addr), address->addr.byte);
	mnl_attr_put(message, IFA_ADDRESS, addr_size(&address->addr), address->addr.byte);
	int result = ask(socket, message, "adding an address", err);
	if (result < 0)
		cat_err_wrap(err, "%s", cat_prefix_format(address, text));
	return result;
}

int netlink_default_route_add(struct mnl_socket *socket, uint32_t index, const struct cat_addr *gateway,
			      struct cat_err *err)
{
	char buffer[MESSAGE_BYTES], text[CAT_ADDR_TEXT_MAX];
	struct nlmsghdr *message = begin(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->rtm_family = gateway->family;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = RTPROT_STATIC;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	body->rtm_type = RTN_UNICAST;
	// The next hop may be one that only the VNF knows, outside the tap's prefixes.
	body->rtm_flags = RTNH_F_ONLINK;
	mnl_attr_put(message, RTA_GATEWAY, addr_size(gateway), gateway->byte);
	mnl_attr_put_u32(message, RTA_OIF, index);
	int result = ask(socket, message, "adding a default route", err);
	if (result < 0)
		cat_err_wrap(err, "via %s", cat_addr_format(gateway, text));
	return result;
}
