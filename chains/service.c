// SPDX-License-Identifier: BSD-3-Clause
// A service file read, checked and completed.
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cat_file.h"
#include "cat_topology.h"
#include "schema.h"
#include "service_schema.h"

const char *text_of(const struct cat_node *map, const char *key)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING ? node->string : NULL;
}

int64_t int_of(const struct cat_node *map, const char *key, int64_t otherwise)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_INT ? node->integer : otherwise;
}

uint64_t size_of(const struct cat_node *map, const char *key, uint64_t otherwise)
{
	const struct cat_node *node = cat_node_get(map, key);
	uint64_t bytes;
	if (node && node->type == CAT_INT && node->integer >= 0)
		return (uint64_t)node->integer;
	return node && node->type == CAT_STRING && cat_size_parse(node->string, &bytes) == 0 ? bytes : otherwise;
}

const struct latency_profile *latency_profile_find(const char *name)
{
	static const struct latency_profile profiles[] = {
		{"low", 32, 256}, {"balanced", 256, 1024}, {"throughput", 1024, 2048}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(profiles); i++)
		if (name && strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return &profiles[1];
}

void cat_service_free(struct cat_service *service)
{
	if (!service)
		return;
	cat_node_free(service->source);
	cat_node_free(service->tree);
	free(service);
}

const char *cat_service_name(const struct cat_service *service)
{
	return text_of(service->tree, "service");
}

const struct cat_node *cat_service_tree(const struct cat_service *service)
{
	return service->tree;
}

const struct cat_node *cat_service_source(const struct cat_service *service)
{
	return service->source;
}

// Line and column of a byte.
static void find_place(const char *text, size_t size, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
	*ret_line = *ret_column = 1;
	for (size_t i = 0; i < size && i < offset; i++) {
		++*ret_column;
		if (text[i] == '\n') {
			++*ret_line;
			*ret_column = 1;
		}
	}
}

// Takes "NAME:3:7: message" or "NAME: byte 20: message" apart, as the parser writes it.
static int add_syntax_problem(const char *name, const char *source, size_t size, const struct cat_err *found,
			      struct cat_problems *problems)
{
	const char *text = found->message;
	uint32_t line = 0, column = 0;
	size_t offset = 0;
	int used = 0;
	if (strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ':')
		text += strlen(name) + 1;
	if (sscanf(text, "%" SCNu32 ":%" SCNu32 ":%n", &line, &column, &used) == 2 && used > 0)
		text += used;
	else if (sscanf(text, " byte %zu: %n", &offset, &used) == 1 && used > 0) {
		find_place(source, size, offset, &line, &column);
		text += used;
	}
	return problems_add_at(problems, line, column, "", text + strspn(text, " "));
}

// The tree is made of checked values; a failing step can only mean that memory ran out.

static void drop_child(struct cat_node *map, const char *key)
{
	struct cat_node *node = cat_node_get(map, key);
	if (node)
		cat_node_free(cat_node_detach(node));
}

static int set_int(struct cat_node *map, const char *key, uint64_t value)
{
	drop_child(map, key);
	return cat_node_add_int(map, key, (int64_t)value) ? 0 : -ENOMEM;
}

static int expand_path(struct cat_node *tree)
{
	struct cat_node *path = cat_node_get(tree, "path");
	if (!path)
		return 0;
	struct cat_node *paths = cat_node_add_map(tree, "paths");
	struct cat_node *copy = cat_node_copy(cat_node_add_map(paths, "main"), "hops", path);
	drop_child(tree, "path");
	return copy ? 0 : -ENOMEM;
}

static int expand_lanes(struct cat_node *tree)
{
	const char *text = text_of(tree, "lanes");
	uint32_t cpus[CAT_CPUS_MAX], count;
	if (!text || cat_cpu_list_parse(text, cpus, CAT_CPUS_MAX, &count) < 0)
		return 0;
	drop_child(tree, "lanes");
	struct cat_node *list = cat_node_add_list(tree, "lanes");
	for (uint32_t i = 0; i < count; i++)
		if (!cat_node_add_int(list, NULL, cpus[i]))
			return -ENOMEM;
	return list ? 0 : -ENOMEM;
}

static int complete_rings(struct cat_node *tree)
{
	const struct latency_profile *profile = latency_profile_find(text_of(tree, "latency"));
	uint32_t burst = profile->burst, ring = profile->ring;
	int64_t own_burst = int_of(tree, "burst", 0), own_ring = int_of(tree, "ring", 0);
	// One of the two given: the other follows, so that a burst always fits into a ring.
	if (own_burst)
		while (ring < own_burst)
			ring *= 2;
	else if (own_ring && burst > own_ring)
		burst = (uint32_t)own_ring;
	int r = set_int(tree, "burst", own_burst ? (uint64_t)own_burst : burst);
	return r < 0 ? r : set_int(tree, "ring", own_ring ? (uint64_t)own_ring : ring);
}

static int complete_function(struct cat_node *function, const struct cat_kinds *kinds)
{
	const char *kind = text_of(function, "kind");
	const struct cat_node *descriptor = cat_kinds_descriptor(kinds, kind);
	const char *image = text_of(descriptor, "image");
	if (!cat_node_get(function, "config") && !cat_node_add_map(function, "config"))
		return -ENOMEM;
	if (!cat_node_get(function, "image") && !cat_node_add_string(function, "image", image ? image : kind))
		return -ENOMEM;
	int r = set_int(function, "memory", size_of(function, "memory", size_of(descriptor, "memory", 0)));
	if (r == 0)
		r = set_int(function, "state", size_of(function, "state", size_of(descriptor, "state", 0)));
	if (r == 0)
		r = set_int(function, "pids", (uint64_t)int_of(function, "pids", int_of(descriptor, "pids", 0)));
	if (r == 0 && !cat_node_copy(function, "capabilities", cat_node_get(descriptor, "capabilities")))
		r = -ENOMEM;
	if (r == 0 && !cat_node_copy(function, "tun", cat_node_get(descriptor, "tun")))
		r = -ENOMEM;
	return r;
}

// Ports of a match as text, whichever way they were written.
static int expand_port_ranges(struct cat_node *match, const char *key)
{
	struct cat_node *list = cat_node_get(match, key);
	for (struct cat_node *n = list ? list->first : NULL; n; n = n->next) {
		if (n->type != CAT_INT)
			continue;
		char *text = cat_format("%" PRId64, n->integer);
		if (!text)
			return -ENOMEM;
		n->type = CAT_STRING;
		n->string = text;
	}
	return 0;
}

// Only a gen: port has something in `gen`, and it has all of it.
static int complete_ports(struct cat_node *tree)
{
	struct cat_node *ports = cat_node_get(tree, "ports");
	for (struct cat_node *n = ports->first; n; n = n->next) {
		struct port_dev port;
		char problem[256];
		if (port_parse(text_of(n, "dev"), &port, problem, sizeof(problem)) == 0 &&
		    port.driver == CAT_PORT_GEN && !cat_node_get(n, "gen") && !cat_node_add_map(n, "gen"))
			return -ENOMEM;
	}
	return 0;
}

static int complete(struct cat_node *tree, const struct cat_node *schema, const struct cat_kinds *kinds)
{
	int r = complete_ports(tree);
	if (r == 0)
		r = cat_schema_fill(schema, tree);
	if (r == 0)
		r = expand_path(tree);
	if (r == 0)
		r = expand_lanes(tree);
	if (r == 0)
		r = complete_rings(tree);
	const struct cat_node *functions = cat_node_get(tree, "functions");
	for (struct cat_node *n = functions->first; n && r == 0; n = n->next)
		r = complete_function(n, kinds);
	const struct cat_node *paths = cat_node_get(tree, "paths");
	for (struct cat_node *n = paths->first; n && r == 0; n = n->next) {
		r = expand_port_ranges(cat_node_get(n, "match"), "source_ports");
		if (r == 0)
			r = expand_port_ranges(cat_node_get(n, "match"), "destination_ports");
	}
	return r;
}

static int check_source(struct cat_service *service, const struct cat_node *schema, const struct cat_kinds *kinds,
			struct cat_problems *problems, struct cat_err *err)
{
	int r = cat_schema_check(schema, service->source, problems, err);
	if (r == 0)
		r = service_check(service->source, kinds, problems, err);
	if (r < 0)
		return r;
	problems_sort(problems);
	return problems->count ? cat_err_set(err, -EINVAL, "%zu problems", problems->count + problems->more) : 0;
}

static int parse(struct cat_service *service, const char *name, const char *text, size_t size,
		 const struct cat_kinds *kinds, struct cat_problems *problems, struct cat_err *err)
{
	struct cat_err found = {0};
	int r = cat_tree_parse_yaml(name, text, size, &service->source, &found);
	if (r == -ENOMEM)
		return cat_err_set(err, r, "no memory");
	if (r < 0) {
		r = add_syntax_problem(name, text, size, &found, problems);
		return r < 0 ? r : cat_err_set(err, -EINVAL, "%s", found.message);
	}
	cat_autonode struct cat_node *schema = NULL;
	r = cat_tree_parse_json("service.schema.json", service_schema_text, sizeof(service_schema_text), &schema, err);
	if (r == 0)
		r = check_source(service, schema, kinds, problems, err);
	if (r < 0)
		return r;
	service->tree = cat_node_copy(NULL, NULL, service->source);
	if (!service->tree || complete(service->tree, schema, kinds) < 0)
		return cat_err_set(err, -ENOMEM, "no memory");
	r = service_check_complete(service->source, service->tree, problems);
	if (r < 0)
		return cat_err_set(err, r, "no memory");
	return problems->count ? cat_err_set(err, -EINVAL, "%zu problems", problems->count) : 0;
}

int cat_service_parse(const char *name, const char *text, size_t size, const struct cat_kinds *kinds,
		      struct cat_service **ret_service, struct cat_problems *problems, struct cat_err *err)
{
	struct cat_service *service = calloc(1, sizeof(*service));
	if (!service)
		return cat_err_set(err, -ENOMEM, "no memory");
	int r = parse(service, name, text, size, kinds, problems, err);
	if (r < 0) {
		cat_service_free(service);
		return r;
	}
	*ret_service = service;
	return 0;
}
