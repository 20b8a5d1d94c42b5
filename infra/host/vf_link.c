// SPDX-License-Identifier: BSD-3-Clause
// VFs over rtnetlink (rtnetlink(7); linux/if_link.h, IFLA_VFINFO_LIST).
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nic.h"

#define MESSAGE_MAX 1024u
#define SETTING_UNKNOWN UINT32_MAX // the driver did not say

struct reading {
	uint32_t vf;
	bool found;
	struct cat_vf_settings settings;
};

// A payload of at least that size, or NULL.
static const void *payload(const struct nlattr *attr, size_t size)
{
	return mnl_attr_get_payload_len(attr) >= size ? mnl_attr_get_payload(attr) : NULL;
}

static void read_vlan(const struct nlattr *list, struct cat_vf_settings *s)
{
	const struct nlattr *attr;
	mnl_attr_for_each_nested(attr, list)
	{
		const struct ifla_vf_vlan_info *info = payload(attr, sizeof(*info));
		if (mnl_attr_get_type(attr) != IFLA_VF_VLAN_INFO || !info)
			continue;
		s->vlan = (uint16_t)info->vlan;
		s->priority = (uint8_t)info->qos;
		s->qinq = info->vlan_proto == htons(ETH_P_8021AD);
		s->set |= CAT_VF_VLAN;
		return;
	}
}

static void read_attr(const struct nlattr *attr, struct cat_vf_settings *s)
{
	const struct ifla_vf_mac *mac;
	const struct ifla_vf_rate *rate;
	const struct ifla_vf_spoofchk *spoof;
	const struct ifla_vf_trust *trust;
	const struct ifla_vf_link_state *link;
	switch (mnl_attr_get_type(attr)) {
	case IFLA_VF_MAC:
		mac = payload(attr, sizeof(*mac));
		if (mac) {
			memcpy(s->mac.byte, mac->mac, sizeof(s->mac.byte));
			s->set |= CAT_VF_MAC;
		}
		break;
	case IFLA_VF_VLAN_LIST:
		read_vlan(attr, s);
		break;
	case IFLA_VF_RATE:
		rate = payload(attr, sizeof(*rate));
		if (rate) {
			s->rate_min_mbps = rate->min_tx_rate;
			s->rate_max_mbps = rate->max_tx_rate;
			s->set |= CAT_VF_RATE;
		}
		break;
	case IFLA_VF_SPOOFCHK:
		spoof = payload(attr, sizeof(*spoof));
		if (spoof && spoof->setting != SETTING_UNKNOWN) {
			s->spoof_check = spoof->setting;
			s->set |= CAT_VF_SPOOF_CHECK;
		}
		break;
	case IFLA_VF_TRUST:
		trust = payload(attr, sizeof(*trust));
		if (trust && trust->setting != SETTING_UNKNOWN) {
			s->trust = trust->setting;
			s->set |= CAT_VF_TRUST;
		}
		break;
	case IFLA_VF_LINK_STATE:
		link = payload(attr, sizeof(*link));
		if (link && link->link_state <= IFLA_VF_LINK_STATE_DISABLE) {
			s->link = (enum cat_vf_link)link->link_state;
			s->set |= CAT_VF_LINK;
		}
		break;
	default:
		break;
	}
}

// Every structure of a VF begins with its number; that of the MAC is always there.
static void read_info(const struct nlattr *info, struct reading *reading)
{
	const struct nlattr *attr;
	bool ours = false;
	mnl_attr_for_each_nested(attr, info)
	{
		const struct ifla_vf_mac *mac = payload(attr, sizeof(*mac));
		ours |= mnl_attr_get_type(attr) == IFLA_VF_MAC && mac && mac->vf == reading->vf;
	}
	if (!ours)
		return;
	reading->found = true;
	mnl_attr_for_each_nested(attr, info) read_attr(attr, &reading->settings);
}

static int read_link(const struct nlmsghdr *message, void *user)
{
	const struct nlattr *attr, *info;
	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg))
		return 0;
	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) != IFLA_VFINFO_LIST)
			continue;
		mnl_attr_for_each_nested(info, attr) if (mnl_attr_get_type(info) == IFLA_VF_INFO) read_info(info, user);
	}
	return 0;
}

static struct nlmsghdr *begin(void *buffer, uint16_t type, int index)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifi_index = index;
	return message;
}

static int find_index(const struct cat_nic_io *io, const char *pf, int *ret_index, struct cat_err *err)
{
	*ret_index = *pf ? (int)sysfs_int(io->root, -1, "sys/class/net/%s/ifindex", pf) : -1;
	return *ret_index > 0 ? 0 : cat_err_set(err, -ENODEV, "there is no interface \"%s\" to set VFs by", pf);
}

int cat_vf_read(const struct cat_nic_io *io, const char *pf, uint32_t vf, struct cat_vf_settings *ret,
		struct cat_err *err)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_MAX] = {0};
	struct reading reading = {.vf = vf};
	int index, r = find_index(io, pf, &index, err);
	if (r < 0)
		return r;
	struct nlmsghdr *message = begin(buffer, RTM_GETLINK, index);
	mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_VF);
	r = nic_talk(io, message, read_link, &reading);
	if (r < 0)
		return cat_err_set(err, r, "reading the settings of vf%u of %s: %s", vf, pf, strerror(-r));
	if (!reading.found)
		return cat_err_set(err, -ENOENT, "%s tells nothing of its vf%u", pf, vf);
	*ret = reading.settings;
	return 0;
}

// Writes one setting's attribute of the VF. The names are those of the service file.
static const struct {
	unsigned set;
	const char *name;
} names[] = {
	{CAT_VF_MAC, "mac"},     {CAT_VF_VLAN, "vlan"}, {CAT_VF_SPOOF_CHECK, "spoof_check"},
	{CAT_VF_TRUST, "trust"}, {CAT_VF_RATE, "rate"}, {CAT_VF_LINK, "link"},
};

static void put_setting(struct nlmsghdr *message, uint32_t vf, const struct cat_vf_settings *s, unsigned which)
{
	if (which == CAT_VF_MAC) {
		struct ifla_vf_mac mac = {.vf = vf};
		memcpy(mac.mac, s->mac.byte, sizeof(s->mac.byte));
		mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	} else if (which == CAT_VF_VLAN) {
		struct ifla_vf_vlan_info info = {
			.vf = vf,
			.vlan = s->vlan,
			.qos = s->priority,
			.vlan_proto = htons(s->qinq ? ETH_P_8021AD : ETH_P_8021Q),
		};
		struct nlattr *list = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
		mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(info), &info);
		mnl_attr_nest_end(message, list);
	} else if (which == CAT_VF_SPOOF_CHECK) {
		struct ifla_vf_spoofchk spoof = {.vf = vf, .setting = s->spoof_check};
		mnl_attr_put(message, IFLA_VF_SPOOFCHK, sizeof(spoof), &spoof);
	} else if (which == CAT_VF_TRUST) {
		struct ifla_vf_trust trust = {.vf = vf, .setting = s->trust};
		mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trust), &trust);
	} else if (which == CAT_VF_RATE) {
		struct ifla_vf_rate rate = {.vf = vf, .min_tx_rate = s->rate_min_mbps, .max_tx_rate = s->rate_max_mbps};
		mnl_attr_put(message, IFLA_VF_RATE, sizeof(rate), &rate);
	} else {
		struct ifla_vf_link_state link = {.vf = vf, .link_state = s->link};
		mnl_attr_put(message, IFLA_VF_LINK_STATE, sizeof(link), &link);
	}
}

int cat_vf_write(const struct cat_nic_io *io, const char *pf, uint32_t vf, const struct cat_vf_settings *settings,
		 struct cat_err *err)
{
	int index = 0, r = settings->set ? find_index(io, pf, &index, err) : 0;
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(names); i++) {
		_Alignas(struct nlmsghdr) char buffer[MESSAGE_MAX] = {0};
		if (!(settings->set & names[i].set))
			continue;
		struct nlmsghdr *message = begin(buffer, RTM_SETLINK, index);
		struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
		struct nlattr *info = mnl_attr_nest_start(message, IFLA_VF_INFO);
		put_setting(message, vf, settings, names[i].set);
		mnl_attr_nest_end(message, info);
		mnl_attr_nest_end(message, list);
		r = nic_talk(io, message, NULL, NULL);
		if (r < 0)
			cat_err_set(err, r, "%s of vf%u of %s: the PF's driver refuses it: %s", names[i].name, vf, pf,
				    strerror(-r));
	}
	return r;
}
