// SPDX-License-Identifier: BSD-3-Clause
#include "ethdev_args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MTU_MIN 68 // RFC 791
#define MTU_MAX 9600

// DPDK has no quoting for these.
static int check_value(const char *what, const char *value, struct cat_err *err)
{
	if (!*value)
		return cat_err_set(err, -EINVAL, "%s: found nothing", what);
	if (strpbrk(value, ",=[]() \t\n\"'"))
		return cat_err_set(err, -EINVAL,
				   "%s: \"%s\" has characters that DPDK cannot take: one of ,=[]()\"' or a space", what,
				   value);
	return 0;
}

static int set_text(struct ethdev_args *args, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int set_text(struct ethdev_args *args, struct cat_err *err, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(args->text, sizeof(args->text), format, list);
	va_end(list);
	return n < (int)sizeof(args->text) ? 0 : cat_err_set(err, -ENAMETOOLONG, "its device's name is too long");
}

static int make_pcap(const char *device, const struct cat_node *options, struct ethdev_args *args, struct cat_err *err)
{
	const char *tx = NULL;
	int r = cat_node_read_string(options, "tx", CAT_OPTIONAL, &tx, err);
	if (r == 0)
		r = check_value("capture to read", device, err);
	if (r == 0 && tx)
		r = check_value("capture to write", tx, err);
	if (r < 0)
		return r;
	return tx ? set_text(args, err, "rx_pcap=%s,tx_pcap=%s", device, tx)
		  : set_text(args, err, "rx_pcap=%s", device);
}

int ethdev_args_make(enum ethdev_kind kind, const char *device, uint32_t id, const struct cat_node *options,
		     struct ethdev_args *ret, struct cat_err *err)
{
	static const char *const names[] = {[ETHDEV_TAP] = "net_tap",
					    [ETHDEV_MEMIF] = "net_memif",
					    [ETHDEV_VHOST] = "net_vhost",
					    [ETHDEV_PCAP] = "net_pcap"};
	struct ethdev_args args = {.bus = kind == ETHDEV_PCI ? "pci" : "vdev"};
	bool other_role = false;
	int64_t mtu = 0;
	int r = 0;
	if (options && cat_node_get(options, "mtu"))
		r = cat_node_read_int(options, "mtu", CAT_OPTIONAL, MTU_MIN, MTU_MAX, &mtu, err);
	if (r == 0 && kind != ETHDEV_PCAP)
		r = check_value("device", device, err);
	if (r == 0 && kind == ETHDEV_MEMIF)
		r = cat_node_read_bool(options, "server", CAT_OPTIONAL, &other_role, err);
	if (r == 0 && kind == ETHDEV_VHOST)
		r = cat_node_read_bool(options, "client", CAT_OPTIONAL, &other_role, err);
	if (r < 0)
		return r;
	args.mtu = (uint32_t)mtu;
	if (kind == ETHDEV_PCI) {
		if (strlen(device) >= sizeof(args.name))
			return cat_err_set(err, -EINVAL, "found \"%.80s\", expected an address such as 0000:01:00.0",
					   device);
		strcpy(args.name, device);
	} else {
		snprintf(args.name, sizeof(args.name), "%s%u", names[kind], id);
	}
	switch (kind) {
	case ETHDEV_TAP:
		r = set_text(&args, err, "iface=%s", device);
		break;
	case ETHDEV_MEMIF:
		// Its zero copy would give the peer our whole pool.
		r = set_text(&args, err, "socket=%s,socket-abstract=no,role=%s,zero-copy=no", device,
			     other_role ? "server" : "client");
		break;
	case ETHDEV_VHOST:
		r = set_text(&args, err, "iface=%s,client=%d,tso=0", device, other_role);
		break;
	case ETHDEV_PCAP:
		r = make_pcap(device, options, &args, err);
		break;
	case ETHDEV_PCI:
		break;
	}
	if (r == 0)
		*ret = args;
	return r;
}
