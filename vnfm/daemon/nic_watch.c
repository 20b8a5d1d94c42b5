// SPDX-License-Identifier: BSD-3-Clause
#include "nic_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "service.h"

#define MESSAGE_MAX 65536u
#define MESSAGES_PER_ROUND 256u
#define UEVENT_GROUP 1 // of the kernel itself; 2 is udev's

struct nic_watch {
	struct manager *manager;
	struct mnl_socket *links, *devices;
	struct cat_source *links_source, *devices_source;
	char buffer[MESSAGE_MAX];
};

static const char *text_at(const struct cat_node *map, const char *key)
{
	const char *text = "";
	cat_node_read_string(map, key, CAT_OPTIONAL, &text, NULL);
	return text;
}

// The interface whose link a port depends on: its own, or the NIC's of a VF. "": none.
static void interface_of(const struct manager *manager, const struct cat_node *port, char *ret, size_t size)
{
	const char *driver = text_at(port, "driver");
	const struct cat_node *nic = cat_node_get(port, "nic");
	ret[0] = '\0';
	if (!strcmp(driver, "veth"))
		snprintf(ret, size, "%s", text_at(port, "device"));
	else if (nic)
		cat_nic_interface(&manager->nic_io, *text_at(nic, "pf") ? text_at(nic, "pf") : text_at(port, "device"),
				  ret, size);
}

static void say_removed(struct service *service, const struct cat_node *port, uint32_t bit, const char *device)
{
	if (service->ports_removed & bit)
		return;
	service->ports_removed |= bit;
	// An interface of the same name is found by the dataplane, and opened by the next one.
	bool opened_anew = !strcmp(text_at(port, "driver"), "veth");
	service_event(service, NULL, "device-removed", "port %s: %s is gone; bring it back%s", text_at(port, "name"),
		      device, opened_anew ? "" : " and start the service anew");
}

static void say_link(struct service *service, const struct cat_node *port, uint32_t bit, const char *interface, bool up)
{
	bool was_down = service->ports_down & bit;
	if (was_down == !up)
		return;
	service->ports_down ^= bit;
	const char *kind = !up ? "link-down" : service->ports_down ? "link" : "link-up";
	service_event(service, NULL, kind, "port %s: the link of %s is %s", text_at(port, "name"), interface,
		      up ? "up" : "down");
}

static void service_link(struct service *service, const char *interface, bool there, bool up)
{
	const struct cat_node *ports = cat_node_get(service->current.plan, "ports");
	uint32_t bit = 1;
	for (const struct cat_node *port = ports ? ports->first : NULL; port && bit; port = port->next, bit <<= 1) {
		char name[NAME_MAX + 1];
		// An interface that is gone cannot be looked up.
		if (!there && !strcmp(text_at(port, "driver"), "veth") && !strcmp(text_at(port, "device"), interface))
			say_removed(service, port, bit, interface);
		if (!there)
			continue;
		interface_of(service->manager, port, name, sizeof(name));
		if (*name && !strcmp(name, interface))
			say_link(service, port, bit, interface, up);
	}
}

static bool is_watched(const struct service *service)
{
	return service->state == SERVICE_RUNNING || service->state == SERVICE_UPDATING;
}

void nic_watch_link(struct manager *manager, const char *interface, bool there, bool up)
{
	for (struct service *service = manager->services; service; service = service->next)
		if (is_watched(service))
			service_link(service, interface, there, up);
}

void nic_watch_uevent(struct manager *manager, const char *text, size_t size)
{
	static const char slot_key[] = "PCI_SLOT_NAME=";
	bool removed = false;
	const char *slot = NULL;
	// Words that end with zeros; what comes after the last one is none.
	for (const char *at = text, *end; (end = memchr(at, '\0', size - (size_t)(at - text))) != NULL; at = end + 1) {
		removed |= !strcmp(at, "ACTION=remove");
		if (!strncmp(at, slot_key, sizeof(slot_key) - 1))
			slot = at + sizeof(slot_key) - 1;
	}
	for (struct service *service = removed && slot ? manager->services : NULL; service; service = service->next) {
		const struct cat_node *ports = cat_node_get(service->current.plan, "ports");
		uint32_t bit = 1;
		for (const struct cat_node *port = ports && is_watched(service) ? ports->first : NULL; port && bit;
		     port = port->next, bit <<= 1)
			if (!strcmp(text_at(port, "driver"), "pci") && !strcmp(text_at(port, "device"), slot))
				say_removed(service, port, bit, slot);
	}
}

static void on_link_message(struct manager *manager, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	char name[IFNAMSIZ] = "";
	if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return;
	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(name, sizeof(name), "%s", mnl_attr_get_str(attr));
	}
	// Bridges tell of their ports too, with the same types and AF_BRIDGE.
	if (*name && header->ifi_family == AF_UNSPEC)
		nic_watch_link(manager, name, message->nlmsg_type == RTM_NEWLINK, header->ifi_flags & IFF_RUNNING);
}

static ssize_t receive(struct nic_watch *watch, int fd)
{
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	ssize_t n;
	do {
		n = recvfrom(fd, watch->buffer, sizeof(watch->buffer) - 1, MSG_DONTWAIT, (void *)&from, &length);
		// Other processes may send here too.
	} while (n >= 0 && from.nl_pid != 0);
	return n;
}

static void on_links(void *user, int fd, uint32_t events)
{
	(void)events;
	struct nic_watch *watch = user;
	for (unsigned i = 0; i < MESSAGES_PER_ROUND; i++) {
		ssize_t n = receive(watch, fd);
		// Some were lost: what matters is how it is now.
		if (n < 0 && errno == ENOBUFS)
			nic_watch_refresh(watch);
		if (n < 0)
			return;
		int left = (int)n;
		for (struct nlmsghdr *m = (void *)watch->buffer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			on_link_message(watch->manager, m);
	}
}

static void on_devices(void *user, int fd, uint32_t events)
{
	(void)events;
	struct nic_watch *watch = user;
	for (unsigned i = 0; i < MESSAGES_PER_ROUND; i++) {
		ssize_t n = receive(watch, fd);
		if (n < 0)
			return;
		watch->buffer[n] = '\0';
		nic_watch_uevent(watch->manager, watch->buffer, (size_t)n + 1);
	}
}

void nic_watch_refresh(struct nic_watch *watch)
{
	_Alignas(struct nlmsghdr) char buffer[64] = {0};
	if (!watch)
		return;
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	// One that is still answered says the same.
	if (mnl_socket_sendto(watch->links, message, message->nlmsg_len) < 0 && errno != EBUSY)
		cat_warn("links of ports: %s", strerror(errno));
}

static struct mnl_socket *listen_to(int bus, unsigned groups, struct cat_err *err)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (socket && mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) == 0)
		return socket;
	cat_err_errno(err, "watching links and devices");
	if (socket)
		mnl_socket_close(socket);
	return NULL;
}

struct nic_watch *nic_watch_open(struct manager *manager, struct cat_err *err)
{
	struct nic_watch *watch = calloc(1, sizeof(*watch));
	if (!watch) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	watch->manager = manager;
	if ((watch->links = listen_to(NETLINK_ROUTE, RTMGRP_LINK, err)) != NULL &&
	    (watch->devices = listen_to(NETLINK_KOBJECT_UEVENT, UEVENT_GROUP, err)) != NULL &&
	    (watch->links_source = cat_loop_add_fd(manager->loop, mnl_socket_get_fd(watch->links), EPOLLIN, on_links,
						   watch, err)) != NULL &&
	    (watch->devices_source = cat_loop_add_fd(manager->loop, mnl_socket_get_fd(watch->devices), EPOLLIN,
						     on_devices, watch, err)) != NULL)
		return watch;
	nic_watch_close(watch);
	return NULL;
}

void nic_watch_close(struct nic_watch *watch)
{
	if (!watch)
		return;
	cat_source_remove(watch->links_source);
	cat_source_remove(watch->devices_source);
	if (watch->links)
		mnl_socket_close(watch->links);
	if (watch->devices)
		mnl_socket_close(watch->devices);
	free(watch);
}
