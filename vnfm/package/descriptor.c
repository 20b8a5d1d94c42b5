// SPDX-License-Identifier: BSD-3-Clause
#include "descriptor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// A name-based id (RFC 9562 version 8, FNV-1a over kind and version): the same kind has the same vnfdId on every host.
static void make_id(const char *kind, const char *version, char *text)
{
	uint64_t half[2];
	for (int i = 0; i < 2; i++) {
		half[i] = UINT64_C(14695981039346656037) ^ (uint64_t)i;
		for (const char *p = kind; *p; p++)
			half[i] = (half[i] ^ (unsigned char)*p) * UINT64_C(1099511628211);
		half[i] = (half[i] ^ '/') * UINT64_C(1099511628211);
		for (const char *p = version; *p; p++)
			half[i] = (half[i] ^ (unsigned char)*p) * UINT64_C(1099511628211);
	}
	snprintf(text, 37, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(half[0] >> 32),
		 (unsigned)(half[0] >> 16 & 0xffff), (unsigned)(half[0] & 0xfff),
		 (unsigned)(half[1] >> 48 & 0x3fff) | 0x8000, (unsigned long long)(half[1] & UINT64_C(0xffffffffffff)));
}

static const char *text_or(const struct cat_node *map, const char *key, const char *absent)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING && *node->string ? node->string : absent;
}

void descriptor_read(const struct cat_kinds *kinds, const char *kind, struct descriptor *ret_descriptor)
{
	const struct cat_node *tree = cat_kinds_descriptor(kinds, kind);
	struct descriptor d = {.kind = kind, .tree = tree};
	d.provider = text_or(tree, "provider", "Catena");
	d.product = text_or(tree, "product_name", kind);
	d.software_version = text_or(tree, "software_version", CATENA_VERSION);
	d.version = text_or(tree, "descriptor_version", "1.0");
	const char *id = text_or(tree, "descriptor_id", "");
	if (strlen(id) == 36)
		memcpy(d.id, id, 37);
	else
		make_id(kind, d.version, d.id);
	*ret_descriptor = d;
}

int descriptor_find(const struct cat_kinds *kinds, const char *vnfd_id, struct descriptor *ret_descriptor)
{
	const char *const *names = cat_kinds_names(kinds);
	for (; names && *names; names++) {
		descriptor_read(kinds, *names, ret_descriptor);
		if (!strcmp(ret_descriptor->id, vnfd_id))
			return 0;
	}
	return -ENOENT;
}

const struct cat_node *descriptor_flavour(const struct descriptor *descriptor, const char *flavour)
{
	static const struct cat_node nothing = {.type = CAT_MAP};
	const struct cat_node *flavours = cat_node_get(descriptor->tree, "flavours");
	const struct cat_node *found = cat_node_get(flavours, flavour);
	return found || flavours || strcmp(flavour, "default") != 0 ? found : &nothing;
}

int64_t descriptor_level(const struct descriptor *descriptor, const char *level)
{
	const struct cat_node *levels = cat_node_get(descriptor->tree, "instantiation_levels");
	const struct cat_node *lanes = cat_node_find(levels, level, DESCRIPTOR_ASPECT, NULL);
	if (lanes && lanes->type == CAT_INT)
		return lanes->integer;
	return !levels && !strcmp(level, "default") ? 1 : 0;
}
