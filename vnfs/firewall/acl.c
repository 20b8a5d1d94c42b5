// SPDX-License-Identifier: BSD-3-Clause
#include "acl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "cat_cleanup.h"

// Protocol, four words of source and destination, two ports.
#define FIELDS4 5u
#define FIELDS6 11u
RTE_ACL_RULE_DEF(acl_rule, FIELDS6);

static void define_field(struct rte_acl_config *config, uint8_t type, uint8_t size, uint8_t input, uint32_t offset)
{
	config->defs[config->num_fields] = (struct rte_acl_field_def){
		.type = type,
		.size = size,
		.field_index = (uint8_t)config->num_fields,
		.input_index = input,
		.offset = offset,
	};
	config->num_fields++;
}

static void define_fields(struct rte_acl_config *config, enum fw_family family)
{
	uint8_t input = 0;
	uint32_t words = family == FW_IPV6 ? 4 : 1;
	uint32_t source =
		family == FW_IPV6 ? offsetof(struct fw_acl_input6, source) : offsetof(struct fw_acl_input4, source);
	uint32_t ports = source + 8 * words;
	memset(config, 0, sizeof(*config));
	config->num_categories = 1;
	define_field(config, RTE_ACL_FIELD_TYPE_BITMASK, 1, input++, 0);
	for (uint32_t i = 0; i < 2 * words; i++)
		define_field(config, RTE_ACL_FIELD_TYPE_MASK, 4, input++, source + 4 * i);
	// The two ports make up one word of the input.
	define_field(config, RTE_ACL_FIELD_TYPE_RANGE, 2, input, ports);
	define_field(config, RTE_ACL_FIELD_TYPE_RANGE, 2, input, ports + 2);
}

static uint32_t set_prefix(struct rte_acl_field *field, const struct cat_prefix *prefix, enum fw_family family)
{
	uint32_t words = family == FW_IPV6 ? 4 : 1;
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word, left = prefix->length > 32 * i ? prefix->length - 32 * i : 0;
		memcpy(&word, prefix->addr.byte + 4 * i, 4);
		field[i].value.u32 = ntohl(word);
		field[i].mask_range.u32 = left < 32 ? left : 32;
	}
	return words;
}

static void set_range(struct rte_acl_field *field, const struct fw_range *range)
{
	field->value.u16 = range->low;
	field->mask_range.u16 = range->high;
}

static void set_rule(struct acl_rule *rule, const struct fw_acl_entry *entry)
{
	struct rte_acl_field *field = rule->field;
	memset(rule, 0, sizeof(*rule));
	rule->data.category_mask = 1;
	rule->data.priority = (int32_t)(RTE_ACL_MAX_PRIORITY - entry->order);
	rule->data.userdata = entry->rule + 1;
	field->value.u8 = entry->protocol & entry->protocol_mask;
	field->mask_range.u8 = entry->protocol_mask;
	field++;
	field += set_prefix(field, &entry->source, (enum fw_family)entry->family);
	field += set_prefix(field, &entry->destination, (enum fw_family)entry->family);
	set_range(field++, &entry->source_ports);
	set_range(field, &entry->destination_ports);
}

static int add_entries(struct rte_acl_ctx *context, const struct fw_acl_entry *entry, uint32_t count, uint8_t sides,
		       enum fw_family family)
{
	for (uint32_t i = 0; i < count; i++) {
		if (entry[i].family != family || !(entry[i].sides & sides))
			continue;
		struct acl_rule rule;
		set_rule(&rule, &entry[i]);
		int r = rte_acl_add_rules(context, (const struct rte_acl_rule *)&rule, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

// Compiles the entries of a family for packets that enter on one of `sides`. No entries: *ret_context is NULL.
static int build_context(const void *owner, const struct fw_acl_entry *entry, uint32_t count, uint8_t sides,
			 enum fw_family family, struct rte_acl_ctx **ret_context, struct cat_err *err)
{
	uint32_t wanted = 0;
	for (uint32_t i = 0; i < count; i++)
		wanted += entry[i].family == family && (entry[i].sides & sides);
	*ret_context = NULL;
	if (!wanted)
		return 0;
	// Contexts are found by name: two of one name would be the same context.
	char name[RTE_ACL_NAMESIZE];
	snprintf(name, sizeof(name), "fw%p-%x%d", owner, sides, family);
	struct rte_acl_param param = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(family == FW_IPV6 ? FIELDS6 : FIELDS4),
		.max_rule_num = wanted,
	};
	struct rte_acl_ctx *context = rte_acl_create(&param);
	if (!context)
		return cat_err_set(err, -ENOMEM, "no memory for the table of %u rules (%s)", wanted,
				   rte_strerror(rte_errno));
	struct rte_acl_config config;
	define_fields(&config, family);
	int r = add_entries(context, entry, count, sides, family);
	if (r == 0)
		r = rte_acl_build(context, &config);
	if (r < 0) {
		rte_acl_free(context);
		return cat_err_set(err, r, "cannot compile the %u %s rules: %s", wanted,
				   family == FW_IPV6 ? "IPv6" : "IPv4", strerror(-r));
	}
	*ret_context = context;
	return 0;
}

int fw_acl_build(struct fw_acl *acl, const struct fw_acl_entry *entry, uint32_t count, struct cat_err *err)
{
	const uint8_t left = 1u << CAT_LEFT, right = 1u << CAT_RIGHT;
	memset(acl, 0, sizeof(*acl));
	for (enum fw_family family = 0; family < FW_FAMILIES; family++) {
		struct rte_acl_ctx **on_left = &acl->context[CAT_LEFT][family];
		struct rte_acl_ctx **on_right = &acl->context[CAT_RIGHT][family];
		bool sided = false;
		for (uint32_t i = 0; i < count; i++)
			sided |= entry[i].family == family && entry[i].sides != (left | right);
		int r = build_context(acl, entry, count, left, family, on_left, err);
		if (r == 0 && sided)
			r = build_context(acl, entry, count, right, family, on_right, err);
		else if (r == 0)
			*on_right = *on_left;
		if (r < 0) {
			fw_acl_free(acl);
			return r;
		}
	}
	return 0;
}

void fw_acl_free(struct fw_acl *acl)
{
	for (enum fw_family family = 0; family < FW_FAMILIES; family++) {
		struct rte_acl_ctx *left = acl->context[CAT_LEFT][family], *right = acl->context[CAT_RIGHT][family];
		rte_acl_free(left);
		if (right != left)
			rte_acl_free(right);
	}
	memset(acl, 0, sizeof(*acl));
}

void fw_acl_classify(const struct fw_acl *acl, enum cat_side side, enum fw_family family, const uint8_t **input,
		     uint32_t count, uint32_t *ret_result)
{
	const struct rte_acl_ctx *context = acl->context[side][family];
	if (!context || rte_acl_classify(context, input, ret_result, count, 1) < 0)
		memset(ret_result, 0, count * sizeof(*ret_result));
}
