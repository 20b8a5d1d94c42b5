// SPDX-License-Identifier: BSD-3-Clause
// tagger: everything to the right leaves with a VLAN tag (IEEE 802.1Q), and only what carries it comes back.
#include "tagger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES 4u
#define MAC_BYTES 12u // destination and source, before the tag

enum { DROP_OTHER_VLAN = CAT_STAT_OWN, DROP_NO_ROOM };
static const char *const counters[] = {"drop.other_vlan", "drop.no_room", NULL};

struct config {
	uint8_t tag[TAG_BYTES]; // as it lies in the packet
};

static int config_create(const struct cat_node *node, void **ret_config, struct cat_err *err)
{
	int64_t vlan = 0;
	int result = cat_node_read_int(node, "vlan", CAT_REQUIRED, 1, 4094, &vlan, err);
	if (result < 0)
		return result;
	struct config *config = malloc(sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory");
	*config = (struct config){{0x81, 0x00, (uint8_t)(vlan >> 8), (uint8_t)vlan}};
	*ret_config = config;
	return 0;
}

static void add_tag(struct cat_lane *lane, struct cat_desc *desc, const struct config *config)
{
	// The tag goes into the headroom: the packet begins earlier, and only the addresses move.
	if (desc->off < TAG_BYTES || desc->len < MAC_BYTES) {
		cat_drop(lane, desc, DROP_NO_ROOM);
		return;
	}
	uint8_t *data = cat_data(lane, desc) - TAG_BYTES;
	memmove(data, data + TAG_BYTES, MAC_BYTES);
	memcpy(data + MAC_BYTES, config->tag, TAG_BYTES);
	desc->off -= TAG_BYTES;
	desc->len += TAG_BYTES;
	desc->flags = 0; // changed: whoever comes next parses it again
	cat_emit(lane, desc, CAT_RIGHT);
}

static void remove_tag(struct cat_lane *lane, struct cat_desc *desc, const struct config *config)
{
	uint8_t *data = cat_data(lane, desc);
	if (desc->len < MAC_BYTES + TAG_BYTES || memcmp(data + MAC_BYTES, config->tag, TAG_BYTES) != 0) {
		cat_drop(lane, desc, DROP_OTHER_VLAN);
		return;
	}
	memmove(data + TAG_BYTES, data, MAC_BYTES);
	desc->off += TAG_BYTES;
	desc->len -= TAG_BYTES;
	desc->flags = 0;
	cat_emit(lane, desc, CAT_LEFT);
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++) {
		if (burst->side == CAT_LEFT)
			add_tag(lane, &burst->desc[i], lane->config);
		else
			remove_tag(lane, &burst->desc[i], lane->config);
	}
}

const struct cat_vnf_ops tagger_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "tagger",
	.counters = counters,
	.config_create = config_create,
	.config_destroy = free,
	.process = process,
};
