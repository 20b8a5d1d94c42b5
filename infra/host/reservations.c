// SPDX-License-Identifier: BSD-3-Clause
// Who has what: a list of claims, and the rule that nothing is given twice.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

void cat_reservations_free(struct cat_reservations *reservations)
{
	free(reservations->claim);
	*reservations = (struct cat_reservations){0};
}

const struct cat_claim *cat_reservations_of(const struct cat_reservations *reservations, const char *owner)
{
	for (uint32_t i = 0; i < reservations->count; i++)
		if (strcmp(reservations->claim[i].owner, owner) == 0)
			return &reservations->claim[i];
	return NULL;
}

const struct cat_claim *core_holder(const struct cat_topology *host, const struct cat_reservations *taken,
				    const struct cat_cpu *cpu, bool share)
{
	for (uint32_t i = 0; i < taken->count; i++) {
		const struct cat_claim *claim = &taken->claim[i];
		if (share && claim->cpu_shared)
			continue;
		for (uint32_t j = 0; j < claim->cpu_count; j++) {
			const struct cat_cpu *held = cat_topology_cpu(host, claim->cpu[j]);
			if (claim->cpu[j] == cpu->id || (held && held->sibling == cpu->sibling))
				return claim;
		}
	}
	return NULL;
}

static bool is_name_of(const struct cat_nic *nic, const char *device, const char *name)
{
	return strcmp(name, device) == 0 ||
	       (nic && ((*nic->name && strcmp(nic->name, name) == 0) || (*nic->bdf && strcmp(nic->bdf, name) == 0) ||
			(*nic->vf_name && strcmp(nic->vf_name, name) == 0)));
}

bool cat_device_is(const struct cat_topology *host, const char *device, const char *name)
{
	return is_name_of(cat_topology_nic(host, device), device, name);
}

const struct cat_claim *cat_device_holder(const struct cat_reservations *reservations, const struct cat_topology *host,
					  const char *device)
{
	const struct cat_nic *nic = cat_topology_nic(host, device);
	for (uint32_t i = 0; i < reservations->count; i++)
		for (uint32_t j = 0; j < reservations->claim[i].device_count; j++)
			if (is_name_of(nic, device, reservations->claim[i].device[j]))
				return &reservations->claim[i];
	return NULL;
}

uint64_t memory_claimed(const struct cat_reservations *taken, uint32_t node)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < taken->count; i++)
		if (taken->claim[i].node == node)
			bytes += taken->claim[i].memory_bytes;
	return bytes;
}

static int check_cpus(const struct cat_reservations *reservations, const struct cat_topology *host,
		      const struct cat_claim *claim, struct cat_err *err)
{
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
		for (uint32_t j = 0; j < i; j++)
			if (claim->cpu[j] == claim->cpu[i])
				return cat_err_set(err, -EINVAL, "core %u is named twice", claim->cpu[i]);
		if (!cpu || !cpu->online)
			return cat_err_set(err, -ENODEV, "core %u is %s", claim->cpu[i], cpu ? "offline" : "not there");
		const struct cat_claim *holder = core_holder(host, reservations, cpu, claim->cpu_shared);
		if (holder)
			return cat_err_set(err, -EBUSY, "core %u is held by \"%s\"", claim->cpu[i], holder->owner);
	}
	return 0;
}

static int check_devices(const struct cat_reservations *reservations, const struct cat_topology *host,
			 const struct cat_claim *claim, struct cat_err *err)
{
	for (uint32_t i = 0; i < claim->device_count; i++) {
		for (uint32_t j = 0; j < i; j++)
			if (cat_device_is(host, claim->device[i], claim->device[j]))
				return cat_err_set(err, -EINVAL, "device %s is named twice", claim->device[i]);
		const struct cat_claim *holder = cat_device_holder(reservations, host, claim->device[i]);
		if (holder)
			return cat_err_set(err, -EBUSY, "device %s is held by \"%s\"", claim->device[i], holder->owner);
	}
	return 0;
}

int cat_reservations_add(struct cat_reservations *reservations, const struct cat_topology *host,
			 const struct cat_claim *claim, struct cat_err *err)
{
	if (!*claim->owner || claim->cpu_count > CAT_CLAIM_CPUS_MAX || claim->device_count > CAT_CLAIM_DEVICES_MAX)
		return cat_err_set(err, -EINVAL, "a claim without owner, or of more than a claim holds");
	if (cat_reservations_of(reservations, claim->owner))
		return cat_err_set(err, -EEXIST, "\"%s\" has a claim already", claim->owner);
	int r = check_cpus(reservations, host, claim, err);
	if (r == 0)
		r = check_devices(reservations, host, claim, err);
	if (r < 0)
		return r;
	const struct cat_numa_node *node = node_find(host, claim->node);
	if (!node)
		return cat_err_set(err, -ENODEV, "node %u is not there", claim->node);
	uint64_t claimed = memory_claimed(reservations, claim->node);
	if (claim->memory_bytes > node->memory_bytes || claimed > node->memory_bytes - claim->memory_bytes)
		return cat_err_set(err, -ENOSPC,
				   "%" PRIu64 " MiB of memory wanted on node %u, which has %" PRIu64 " MiB, %" PRIu64
				   " MiB of them held",
				   claim->memory_bytes >> 20, claim->node, node->memory_bytes >> 20, claimed >> 20);
	struct cat_claim *larger = realloc(reservations->claim, (reservations->count + 1) * sizeof(*larger));
	if (!larger)
		return cat_err_set(err, -ENOMEM, "no memory");
	reservations->claim = larger;
	larger[reservations->count++] = *claim;
	return 0;
}

int cat_reservations_remove(struct cat_reservations *reservations, const char *owner)
{
	const struct cat_claim *claim = cat_reservations_of(reservations, owner);
	if (!claim)
		return -ENOENT;
	uint32_t at = (uint32_t)(claim - reservations->claim);
	reservations->count--;
	memmove(&reservations->claim[at], &reservations->claim[at + 1],
		(reservations->count - at) * sizeof(*reservations->claim));
	return 0;
}

void cat_reservations_compare(const struct cat_reservations *reservations, const struct cat_topology *host,
			      void (*tell)(void *user, const char *owner, const char *what), void *user)
{
	char what[128];
	for (uint32_t c = 0; c < reservations->count; c++) {
		const struct cat_claim *claim = &reservations->claim[c];
		for (uint32_t i = 0; i < claim->cpu_count; i++) {
			const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
			if (cpu && cpu->online && cpu->allowed)
				continue;
			snprintf(what, sizeof(what), "core %u is %s", claim->cpu[i],
				 !cpu           ? "not there"
				 : !cpu->online ? "offline"
						: "outside of our cpuset");
			tell(user, claim->owner, what);
		}
		if (!node_find(host, claim->node)) {
			snprintf(what, sizeof(what), "node %u is not there", claim->node);
			tell(user, claim->owner, what);
		}
		for (uint32_t i = 0; i < claim->device_count; i++) {
			// Interfaces come and go with their services.
			if (!strchr(claim->device[i], ':') || cat_topology_nic(host, claim->device[i]))
				continue;
			snprintf(what, sizeof(what), "device %s is not there", claim->device[i]);
			tell(user, claim->owner, what);
		}
	}
}

static bool claim_to_tree(struct cat_node *list, const struct cat_claim *claim)
{
	struct cat_node *map = cat_node_add_map(list, NULL);
	bool ok = cat_node_add_string(map, "owner", claim->owner) && cat_node_add_int(map, "node", claim->node);
	struct cat_node *cpus = cat_node_add_list(map, "cpus");
	for (uint32_t i = 0; i < claim->cpu_count && ok; i++)
		ok = cat_node_add_int(cpus, NULL, claim->cpu[i]);
	ok = ok && cpus && cat_node_add_bool(map, "share_cores", claim->cpu_shared) &&
	     cat_node_add_int(map, "huge_page_bytes", (int64_t)claim->huge_page_bytes) &&
	     cat_node_add_int(map, "huge_pages", claim->huge_pages) &&
	     cat_node_add_int(map, "memory_bytes", (int64_t)claim->memory_bytes);
	struct cat_node *devices = cat_node_add_list(map, "devices");
	for (uint32_t i = 0; i < claim->device_count && ok; i++)
		ok = cat_node_add_string(devices, NULL, claim->device[i]);
	return ok && devices;
}

int cat_reservations_to_tree(const struct cat_reservations *reservations, struct cat_node **ret_tree)
{
	struct cat_node *list = cat_node_new_list();
	bool ok = list;
	for (uint32_t i = 0; i < reservations->count && ok; i++)
		ok = claim_to_tree(list, &reservations->claim[i]);
	if (!ok) {
		cat_node_free(list);
		return -ENOMEM;
	}
	*ret_tree = list;
	return 0;
}

static int read_cpus(const struct cat_node *map, struct cat_claim *claim, struct cat_err *err)
{
	const struct cat_node *cpus = NULL;
	int r = cat_node_read_list(map, "cpus", CAT_REQUIRED, &cpus, err);
	for (const struct cat_node *n = r == 0 ? cpus->first : NULL; n; n = n->next) {
		if (n->type != CAT_INT || n->integer < 0 || n->integer >= CAT_CPUS_MAX ||
		    claim->cpu_count == CAT_CLAIM_CPUS_MAX)
			return cat_node_error(n, err, "expected a core's number, at most %u of them",
					      CAT_CLAIM_CPUS_MAX);
		claim->cpu[claim->cpu_count++] = (uint32_t)n->integer;
	}
	return r;
}

static int read_devices(const struct cat_node *map, struct cat_claim *claim, struct cat_err *err)
{
	const struct cat_node *devices = NULL;
	int r = cat_node_read_list(map, "devices", CAT_REQUIRED, &devices, err);
	for (const struct cat_node *n = r == 0 ? devices->first : NULL; n; n = n->next) {
		if (n->type != CAT_STRING || strlen(n->string) >= sizeof(claim->device[0]) ||
		    claim->device_count == CAT_CLAIM_DEVICES_MAX)
			return cat_node_error(n, err, "expected a device's name, at most %u of them",
					      CAT_CLAIM_DEVICES_MAX);
		snprintf(claim->device[claim->device_count++], sizeof(claim->device[0]), "%s", n->string);
	}
	return r;
}

static int claim_from_tree(const struct cat_node *map, struct cat_claim *ret, struct cat_err *err)
{
	struct cat_claim claim = {0};
	const char *owner = NULL;
	int64_t node = 0, page_bytes = 0, pages = 0, memory = 0;
	int r = cat_node_read_string(map, "owner", CAT_REQUIRED, &owner, err);
	if (r == 0 && (!*owner || strlen(owner) >= sizeof(claim.owner)))
		r = cat_node_error(map, err, "expected an owner of at most %zu letters", sizeof(claim.owner) - 1);
	if (r == 0)
		r = cat_node_read_int(map, "node", CAT_REQUIRED, 0, CAT_NODES_MAX - 1, &node, err);
	if (r == 0)
		r = cat_node_read_bool(map, "share_cores", CAT_REQUIRED, &claim.cpu_shared, err);
	if (r == 0)
		r = cat_node_read_int(map, "huge_page_bytes", CAT_REQUIRED, 0, INT64_MAX, &page_bytes, err);
	if (r == 0)
		r = cat_node_read_int(map, "huge_pages", CAT_REQUIRED, 0, UINT32_MAX, &pages, err);
	if (r == 0)
		r = cat_node_read_int(map, "memory_bytes", CAT_REQUIRED, 0, INT64_MAX, &memory, err);
	if (r == 0)
		r = read_cpus(map, &claim, err);
	if (r == 0)
		r = read_devices(map, &claim, err);
	if (r < 0)
		return r;
	snprintf(claim.owner, sizeof(claim.owner), "%s", owner);
	claim.node = (uint32_t)node;
	claim.huge_page_bytes = (uint64_t)page_bytes;
	claim.huge_pages = (uint32_t)pages;
	claim.memory_bytes = (uint64_t)memory;
	*ret = claim;
	return 0;
}

int cat_reservations_from_tree(const struct cat_node *tree, struct cat_reservations *ret, struct cat_err *err)
{
	if (!tree || tree->type != CAT_LIST)
		return cat_err_set(err, -EINVAL, "reservations: expected a list");
	struct cat_reservations reservations = {.claim = calloc(tree->count + 1, sizeof(struct cat_claim))};
	if (!reservations.claim)
		return cat_err_set(err, -ENOMEM, "no memory");
	for (const struct cat_node *n = tree->first; n; n = n->next) {
		struct cat_claim claim;
		int r = claim_from_tree(n, &claim, err);
		if (r == 0 && cat_reservations_of(&reservations, claim.owner))
			r = cat_node_error(n, err, "\"%s\" has two claims", claim.owner);
		if (r < 0) {
			cat_reservations_free(&reservations);
			return cat_err_wrap(err, "reservations");
		}
		reservations.claim[reservations.count++] = claim;
	}
	*ret = reservations;
	return 0;
}
