// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cat_cleanup.h"
#include "sol.h"

static void drop(struct cat_node *map, const char *key)
{
	struct cat_node *old = cat_node_get(map, key);
	if (old)
		cat_node_free(cat_node_detach(old));
}

bool doc_set_text(struct cat_node *map, const char *key, const char *value)
{
	cat_autofree char *copy = value ? strdup(value) : NULL; // it may be the old one
	if (value && !copy)
		return false;
	drop(map, key);
	return !copy || cat_node_add_string(map, key, copy);
}

bool doc_set_int(struct cat_node *map, const char *key, int64_t value)
{
	drop(map, key);
	return cat_node_add_int(map, key, value);
}

bool doc_set_bool(struct cat_node *map, const char *key, bool value)
{
	drop(map, key);
	return cat_node_add_bool(map, key, value);
}

bool doc_set(struct cat_node *map, const char *key, const struct cat_node *value)
{
	struct cat_node *old = cat_node_get(map, key);
	if (old)
		cat_node_detach(old);
	bool done = !value || cat_node_copy(map, key, value);
	cat_node_free(old);
	return done;
}

const char *doc_text(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING ? node->string : "";
}

bool doc_flag(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_BOOL && node->boolean;
}

int64_t doc_int(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_INT ? node->integer : 0;
}

// Both are at most CAT_TREE_DEPTH_MAX deep: they were parsed.
bool doc_merge(struct cat_node *target, const struct cat_node *patch)
{
	for (const struct cat_node *item = patch ? patch->first : NULL; item; item = item->next) {
		struct cat_node *old = cat_node_get(target, item->key);
		if (item->type == CAT_NULL) {
			drop(target, item->key);
		} else if (item->type == CAT_MAP) {
			if (!old || old->type != CAT_MAP) {
				drop(target, item->key);
				old = cat_node_add_map(target, item->key);
			}
			if (!old || !doc_merge(old, item))
				return false;
		} else if (!doc_set(target, item->key, item)) {
			return false;
		}
	}
	return true;
}

const char *doc_time(int64_t wall, char *text)
{
	time_t seconds = (time_t)(wall / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t used = strftime(text, DOC_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + used, DOC_TIME_MAX - used, ".%03dZ", (int)(wall % 1000));
	return text;
}

void doc_uuid(char *text)
{
	unsigned char b[16];
	// With so few bytes it gives all of them, and never waits once the kernel is up.
	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

const char *doc_etag(const char *json, char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (const char *p = json; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	snprintf(text, 20, "\"%016llx\"", (unsigned long long)hash);
	return text;
}
