// SPDX-License-Identifier: BSD-3-Clause
#include "nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "manager.h"

// What a plan's port says of its device (docs/plan.md, "nic").
static int read_want(const struct cat_node *port, const struct cat_node *nic, struct nic *ret, struct cat_err *err)
{
	const char *name = NULL, *device = NULL, *pf = NULL;
	int64_t vf = 0, make = 0;
	struct nic item = {0};
	int r = cat_node_read_string(port, "name", CAT_REQUIRED, &name, err);
	if (r == 0)
		r = cat_node_read_string(port, "device", CAT_REQUIRED, &device, err);
	if (r == 0)
		r = cat_node_read_string(nic, "pf", CAT_OPTIONAL, &pf, err);
	if (r == 0)
		r = cat_node_read_int(nic, "vf", CAT_OPTIONAL, 0, CAT_VFS_MAX - 1, &vf, err);
	if (r == 0)
		r = cat_node_read_int(nic, "make_vfs", CAT_OPTIONAL, 0, CAT_VFS_MAX, &make, err);
	if (r == 0)
		r = cat_vf_settings_from_tree(nic, &item.want.settings, err);
	if (r < 0)
		return cat_err_wrap(err, "plan");
	snprintf(item.port, sizeof(item.port), "%s", name);
	if (pf)
		snprintf(item.want.pf, sizeof(item.want.pf), "%s", pf);
	else
		snprintf(item.want.bdf, sizeof(item.want.bdf), "%s", device);
	item.want.vf = (uint32_t)vf;
	item.want.make_vfs = (uint32_t)make;
	*ret = item;
	return 0;
}

static int look(const struct nic *nic, struct manager *manager, const char *service, struct cat_err *err)
{
	cat_autonode struct cat_node *steps = NULL;
	int r = cat_nic_look(&manager->nic_io, &nic->want, &steps, err);
	for (const struct cat_node *n = r == 0 ? steps->first : NULL; n && r == 0; n = n->next) {
		int64_t id;
		r = store_change_add(manager->store, service, "nic", n, &id, err);
	}
	return r < 0 ? cat_err_wrap(err, "port %s", nic->port) : 0;
}

int nics_look(struct nics *nics, struct manager *manager, const char *service, const struct cat_node *plan,
	      struct cat_err *err)
{
	const struct cat_node *ports = cat_node_get(plan, "ports");
	int r = 0;
	nics->count = 0;
	for (const struct cat_node *port = ports ? ports->first : NULL; r == 0 && port; port = port->next) {
		const struct cat_node *nic = cat_node_get(port, "nic");
		if (!nic)
			continue;
		if (nics->count == NIC_PORTS_MAX)
			return cat_node_error(port, err, "plan: more than %u devices", NIC_PORTS_MAX);
		r = read_want(port, nic, &nics->item[nics->count], err);
		if (r == 0)
			r = look(&nics->item[nics->count++], manager, service, err);
	}
	return r;
}

int nics_take(struct nics *nics, const struct cat_nic_io *io, struct cat_err *err)
{
	for (size_t i = 0; i < nics->count; i++) {
		int r = cat_nic_take(io, &nics->item[i].want, nics->item[i].bdf, err);
		if (r < 0)
			return cat_err_wrap(err, "port %s", nics->item[i].port);
	}
	return 0;
}

bool nics_name(const struct nics *nics, struct cat_node *plan, struct cat_err *err)
{
	const struct cat_node *ports = cat_node_get(plan, "ports");
	bool changed = false;
	for (const struct cat_node *port = ports ? ports->first : NULL; port; port = port->next) {
		const char *name = "";
		struct cat_node *device = cat_node_get(port, "device");
		cat_node_read_string(port, "name", CAT_REQUIRED, &name, NULL);
		for (size_t i = 0; device && device->type == CAT_STRING && i < nics->count; i++) {
			if (strcmp(nics->item[i].port, name) != 0 || strcmp(device->string, nics->item[i].bdf) == 0)
				continue;
			char *bdf = strdup(nics->item[i].bdf);
			if (!bdf) {
				cat_err_set(err, -ENOMEM, "port %s: no memory", name);
				return changed;
			}
			free(device->string);
			device->string = bdf;
			changed = true;
		}
	}
	return changed;
}

// Another service of this manager that has a VF of the PF, or is to get one. NULL: none.
static const char *other_owner(const struct manager *manager, const struct cat_reservations *taken, const char *service,
			       const char *pf)
{
	for (uint32_t i = 0; i < taken->count; i++) {
		const struct cat_claim *claim = &taken->claim[i];
		if ((service && !strcmp(claim->owner, service)) || !manager_service(manager, claim->owner))
			continue;
		for (uint32_t j = 0; j < claim->device_count; j++)
			if (cat_nic_is_vf_of(&manager->nic_io, claim->device[j], pf))
				return claim->owner;
	}
	return NULL;
}

// False: nobody else needs it, it is to be undone.
static bool hand_on(struct manager *manager, const char *service, const struct cat_node *detail, struct cat_err *err)
{
	const char *pf = cat_nic_step_pf(detail);
	struct cat_reservations taken = {0};
	int64_t id;
	if (!pf)
		return false;
	int r = store_reservations_load(manager->store, &taken, err);
	const char *owner = r == 0 ? other_owner(manager, &taken, service, pf) : NULL;
	if (owner)
		r = store_change_add(manager->store, owner, "nic", detail, &id, err);
	bool handed = r < 0 || owner;
	cat_reservations_free(&taken);
	return handed;
}

void nics_finish(struct nics *nics)
{
	while (nics->step_count)
		cat_node_free(nics->step[--nics->step_count].detail);
	free(nics->step);
	nics->step = NULL;
}

int nics_leave(struct nics *nics, struct manager *manager, const char *service, struct cat_err *err)
{
	struct store_changes changes = {0};
	int r = store_changes_load(manager->store, &changes, err);
	nics_finish(nics);
	nics->count = 0;
	if (r < 0)
		return r;
	nics->step = calloc(changes.count + 1, sizeof(*nics->step));
	if (!nics->step) {
		store_changes_free(&changes);
		return cat_err_set(err, -ENOMEM, "network devices: no memory");
	}
	// The last one comes first, as it is to be undone.
	for (size_t i = 0; r == 0 && i < changes.count; i++) {
		struct store_change *change = &changes.item[i];
		if (strcmp(change->service, service) != 0 || strcmp(change->kind, "nic") != 0)
			continue;
		struct cat_err one = {0};
		struct nic_step step = {.change = change->id, .done = hand_on(manager, service, change->detail, &one)};
		if (one.code) {
			*err = one;
			r = one.code;
			break;
		}
		step.detail = change->detail;
		change->detail = NULL;
		nics->step[nics->step_count++] = step;
	}
	store_changes_free(&changes);
	return r;
}

int nics_give_back(struct nics *nics, const struct cat_nic_io *io, struct cat_err *err)
{
	int result = 0;
	for (size_t i = 0; i < nics->step_count; i++) {
		struct cat_err one = {0};
		if (nics->step[i].done)
			continue;
		int r = cat_nic_undo(io, nics->step[i].detail, &one);
		nics->step[i].done = r == 0;
		if (r < 0 && result == 0) {
			result = r;
			*err = one;
		}
	}
	return result;
}

int nics_done(struct nics *nics, struct store *store, struct cat_err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < nics->step_count; i++)
		if (nics->step[i].done)
			r = store_change_delete(store, nics->step[i].change, err);
	nics_finish(nics);
	return r;
}

int nics_undo(struct manager *manager, const struct cat_node *detail, struct cat_err *err)
{
	struct cat_err one = {0};
	if (hand_on(manager, NULL, detail, &one)) {
		if (one.code && err)
			*err = one;
		return one.code;
	}
	return cat_nic_undo(&manager->nic_io, detail, err);
}
