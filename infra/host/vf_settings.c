// SPDX-License-Identifier: BSD-3-Clause
// What a PF does with a VF's traffic, as a tree.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nic.h"

#define VLAN_MAX 4094
#define PRIORITY_MAX 7

const char *const cat_vf_link_names[3] = {"auto", "enable", "disable"};

int cat_vf_settings_to_tree(const struct cat_vf_settings *s, struct cat_node *map)
{
	char mac[CAT_ADDR_TEXT_MAX];
	bool ok = true;
	if (s->set & CAT_VF_MAC)
		ok = cat_node_add_string(map, "mac", cat_mac_format(&s->mac, mac));
	if (ok && s->set & CAT_VF_VLAN)
		ok = cat_node_add_int(map, "vlan", s->vlan) && cat_node_add_int(map, "priority", s->priority) &&
		     cat_node_add_bool(map, "qinq", s->qinq);
	if (ok && s->set & CAT_VF_SPOOF_CHECK)
		ok = cat_node_add_bool(map, "spoof_check", s->spoof_check);
	if (ok && s->set & CAT_VF_TRUST)
		ok = cat_node_add_bool(map, "trust", s->trust);
	if (ok && s->set & CAT_VF_RATE)
		ok = cat_node_add_int(map, "rate_min", s->rate_min_mbps) &&
		     cat_node_add_int(map, "rate", s->rate_max_mbps);
	if (ok && s->set & CAT_VF_LINK)
		ok = cat_node_add_string(map, "link", cat_vf_link_names[s->link]);
	return ok ? 0 : -ENOMEM;
}

static int read_vlan(const struct cat_node *map, struct cat_vf_settings *s, struct cat_err *err)
{
	int64_t vlan = 0, priority = 0;
	int r = cat_node_read_int(map, "vlan", CAT_REQUIRED, 0, VLAN_MAX, &vlan, err);
	if (r == 0)
		r = cat_node_read_int(map, "priority", CAT_OPTIONAL, 0, PRIORITY_MAX, &priority, err);
	if (r == 0)
		r = cat_node_read_bool(map, "qinq", CAT_OPTIONAL, &s->qinq, err);
	s->vlan = (uint16_t)vlan;
	s->priority = (uint8_t)priority;
	s->set |= CAT_VF_VLAN;
	return r;
}

static int read_rate(const struct cat_node *map, struct cat_vf_settings *s, struct cat_err *err)
{
	int64_t min = 0, max = 0;
	int r = cat_node_read_int(map, "rate_min", CAT_OPTIONAL, 0, UINT32_MAX, &min, err);
	if (r == 0)
		r = cat_node_read_int(map, "rate", CAT_OPTIONAL, 0, UINT32_MAX, &max, err);
	s->rate_min_mbps = (uint32_t)min;
	s->rate_max_mbps = (uint32_t)max;
	s->set |= CAT_VF_RATE;
	return r;
}

static int read_link(const struct cat_node *map, struct cat_vf_settings *s, struct cat_err *err)
{
	const char *link = NULL;
	int r = cat_node_read_string(map, "link", CAT_REQUIRED, &link, err);
	unsigned i = 0;
	while (r == 0 && i < CAT_ARRAY_LEN(cat_vf_link_names) && strcmp(cat_vf_link_names[i], link) != 0)
		i++;
	if (r == 0 && i == CAT_ARRAY_LEN(cat_vf_link_names))
		r = cat_node_error(cat_node_get(map, "link"), err, "expected auto, enable or disable");
	s->link = (enum cat_vf_link)i;
	s->set |= CAT_VF_LINK;
	return r;
}

int cat_vf_settings_from_tree(const struct cat_node *map, struct cat_vf_settings *ret, struct cat_err *err)
{
	struct cat_vf_settings s = {0};
	const char *mac = NULL;
	int r = cat_node_read_string(map, "mac", CAT_OPTIONAL, &mac, err);
	if (r == 0 && mac) {
		s.set |= CAT_VF_MAC;
		if (cat_mac_parse(mac, &s.mac) < 0)
			r = cat_node_error(cat_node_get(map, "mac"), err, "expected a MAC address");
	}
	if (r == 0 && cat_node_get(map, "vlan"))
		r = read_vlan(map, &s, err);
	if (r == 0 && cat_node_get(map, "spoof_check")) {
		s.set |= CAT_VF_SPOOF_CHECK;
		r = cat_node_read_bool(map, "spoof_check", CAT_REQUIRED, &s.spoof_check, err);
	}
	if (r == 0 && cat_node_get(map, "trust")) {
		s.set |= CAT_VF_TRUST;
		r = cat_node_read_bool(map, "trust", CAT_REQUIRED, &s.trust, err);
	}
	if (r == 0 && (cat_node_get(map, "rate") || cat_node_get(map, "rate_min")))
		r = read_rate(map, &s, err);
	if (r == 0 && cat_node_get(map, "link"))
		r = read_link(map, &s, err);
	if (r == 0)
		*ret = s;
	return r;
}
