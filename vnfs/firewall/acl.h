// SPDX-License-Identifier: BSD-3-Clause
// The rules as rte_acl tries: one context per family and side on which a packet enters, the lowest order wins.
#ifndef FIREWALL_ACL_H
#define FIREWALL_ACL_H

#include <assert.h>
#include <stdint.h>

#include "cat_abi.h"
#include "cat_addr.h"
#include "cat_err.h"

#define FW_ACL_NONE 0u // no rule matches; else the rule's number plus 1

enum fw_family { FW_IPV4, FW_IPV6, FW_FAMILIES };

struct fw_range {
	uint16_t low, high;
};

// A rule with every list expanded: one combination of its prefixes and ports. Host order but for the prefixes.
struct fw_acl_entry {
	uint32_t rule;
	uint32_t order; // the lowest decides
	uint8_t sides;  // a bit per side
	uint8_t family;
	uint8_t protocol, protocol_mask; // mask 0: any
	struct cat_prefix source, destination;
	struct fw_range source_ports, destination_ports;
};

// What is classified, in network order. For ICMP the type stands in source_port and destination_port is 0.
struct fw_acl_input4 {
	uint8_t protocol, zero[3];
	uint32_t source, destination;
	uint16_t source_port, destination_port;
};
static_assert(sizeof(struct fw_acl_input4) == 16, "groups of four bytes");

struct fw_acl_input6 {
	uint8_t protocol, zero[3];
	uint8_t source[16], destination[16];
	uint16_t source_port, destination_port;
};
static_assert(sizeof(struct fw_acl_input6) == 40, "groups of four bytes");

union fw_acl_input {
	struct fw_acl_input4 ipv4;
	struct fw_acl_input6 ipv6;
};

struct rte_acl_ctx;

struct fw_acl {
	// NULL: no rule. Both sides share one context where no rule names a side.
	struct rte_acl_ctx *context[CAT_SIDES][FW_FAMILIES];
};

// Compiles the entries. -EINVAL, -ENOMEM: err says why, and acl is empty.
int fw_acl_build(struct fw_acl *acl, const struct fw_acl_entry *entry, uint32_t count, struct cat_err *err);
void fw_acl_free(struct fw_acl *acl);
// ret_result[i]: FW_ACL_NONE or the number of the first rule that matches input[i], plus 1.
void fw_acl_classify(const struct fw_acl *acl, enum cat_side side, enum fw_family family, const uint8_t **input,
		     uint32_t count, uint32_t *ret_result);

#endif
