// SPDX-License-Identifier: BSD-3-Clause
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_daemon.h"
#include "cat_file.h"
#include "cat_log.h"
#include "dnsmasq.h"
#include "lane.h"
#include "leases.h"

// /run is a tmpfs of the container.
#define CONFIG_FILE "/run/dnsmasq.conf"
#define LEASE_FILE "/run/dnsmasq.leases"
#define DNSMASQ "/usr/sbin/dnsmasq"

struct control {
	bool tap;
	int daemon;                        // -1: none
	char *text;                        // its configuration
	struct leases *leases;             // from the first daemon on
	struct cat_l3_interface interface; // what the tap was made for
};

static void stop_daemon(struct cat_vnf *vnf, struct control *control)
{
	if (control->daemon >= 0)
		cat_daemon_stop(vnf, control->daemon);
	control->daemon = -1;
	free(control->text);
	control->text = NULL;
}

static int make_tap(struct cat_vnf *vnf, struct control *control, const struct vcpe_config *config, struct cat_err *err)
{
	const struct cat_l3_interface *lan = &config->lan.interface;
	struct cat_prefix address[2] = {
		{.addr = cat_addr_from_ipv4(ntohl(config->lan.address)), .length = config->lan.length},
		config->lan.address6,
	};
	struct cat_tap_options options = {
		.name = DNSMASQ_INTERFACE,
		.mac = lan->mac,
		.addresses = address,
		.address_count = config->lan.ipv6 ? 2 : 1,
		.mtu = lan->mtu,
		.gateway4 = vcpe_virtual_gateway4,
	};
	if (config->lan.ipv6)
		options.gateway6 = vcpe_virtual_gateway6;
	int r = cat_tap_create(vnf, VCPE_CHANNEL, &options, err);
	if (r < 0)
		return r;
	control->tap = true;
	control->interface = *lan;
	return 0;
}

static bool same_interface(const struct cat_l3_interface *a, const struct cat_l3_interface *b)
{
	if (a->mtu != b->mtu || memcmp(&a->mac, &b->mac, sizeof(a->mac)) != 0 || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->address[i].length != b->address[i].length ||
		    !cat_addr_equal(&a->address[i].addr, &b->address[i].addr))
			return false;
	return true;
}

static int start_daemon(struct cat_vnf *vnf, struct control *control, const char *text, struct cat_err *err)
{
	static const char *const argv[] = {DNSMASQ, "--keep-in-foreground", "--conf-file=" CONFIG_FILE, NULL};
	if (!control->leases)
		control->leases = leases_open(vnf, LEASE_FILE, err);
	int r = control->leases ? cat_file_replace(CONFIG_FILE, text, strlen(text), 0600, err) : err->code;
	if (r < 0)
		return r;
	r = cat_daemon_start(vnf, argv, err);
	if (r < 0)
		return r;
	control->daemon = r;
	return 0;
}

// Makes tap and daemon what the configuration asks for; what does not differ goes on running.
static int apply(struct cat_vnf *vnf, struct control *control, const struct vcpe_config *config, struct cat_err *err)
{
	bool wanted = dnsmasq_wanted(config);
	if (control->tap && (!wanted || !same_interface(&control->interface, &config->lan.interface))) {
		stop_daemon(vnf, control);
		cat_tap_destroy(vnf, VCPE_CHANNEL);
		control->tap = false;
	}
	if (!wanted)
		return 0;
	cat_autofree char *text = dnsmasq_config(config, LEASE_FILE);
	if (!text)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration of dnsmasq");
	int r = control->tap ? 0 : make_tap(vnf, control, config, err);
	if (r < 0 || (control->text && strcmp(control->text, text) == 0))
		return r;
	stop_daemon(vnf, control);
	r = start_daemon(vnf, control, text, err);
	if (r < 0)
		return r;
	control->text = cat_steal(text);
	return 0;
}

int vcpe_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err)
{
	struct control *control = calloc(1, sizeof(*control));
	if (!control)
		return cat_err_set(err, -ENOMEM, "no memory for the control thread");
	control->daemon = -1;
	cat_vnf_set_user(vnf, control);
	int r = apply(vnf, control, config, err);
	if (r < 0)
		vcpe_control_stop(vnf);
	return r;
}

void vcpe_control_reconfigured(struct cat_vnf *vnf, const void *config)
{
	struct cat_err err = {0};
	if (apply(vnf, cat_vnf_user(vnf), config, &err) < 0)
		cat_error("DHCP and DNS: %s", err.message);
}

void vcpe_control_stop(struct cat_vnf *vnf)
{
	struct control *control = cat_vnf_user(vnf);
	if (!control)
		return;
	stop_daemon(vnf, control);
	leases_close(control->leases);
	if (control->tap)
		cat_tap_destroy(vnf, VCPE_CHANNEL);
	free(control);
	cat_vnf_set_user(vnf, NULL);
}
