// SPDX-License-Identifier: BSD-3-Clause
// The device of every port: found, or chosen among a NIC's virtual functions, and nobody else's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_vf.h"
#include "plan.h"

#define VFS_MADE 16u // of a NIC that has none yet: their number cannot be changed while one is in use

// All that is missing is said in one message.
struct finder {
	struct maker *maker;
	FILE *out;
	int code; // 0: nothing so far
};

static void problem_begin(struct finder *finder, int code, const char *port)
{
	fprintf(finder->out, "%sport %s: ", finder->code ? "; " : "", port);
	finder->code = finder->code == -ENODEV ? finder->code : code;
}

static bool is_right_kind(const struct cat_nic *nic, enum cat_port_driver driver)
{
	return driver == CAT_PORT_PCI ? *nic->bdf : *nic->name && (driver != CAT_PORT_VF || nic->vfs_max);
}

// "; did you mean ...?", or what there is of the kind.
static void write_devices(struct finder *finder, const struct port_dev *port)
{
	const struct cat_topology *host = finder->maker->host;
	const char **names = calloc(host->nic_count + 1, sizeof(*names));
	size_t count = 0;
	for (uint32_t i = 0; names && i < host->nic_count; i++)
		if (is_right_kind(&host->nic[i], port->driver))
			names[count++] = port->driver == CAT_PORT_PCI ? host->nic[i].bdf : host->nic[i].name;
	// PCI addresses are all alike.
	const char *meant = names && port->driver != CAT_PORT_PCI ? cat_suggest(port->device, names) : NULL;
	if (meant)
		fprintf(finder->out, "; did you mean \"%s\"?", meant);
	else
		fputs(count ? "; there are " : "; there is none", finder->out);
	for (size_t i = 0; !meant && i < count && i < 8; i++)
		fprintf(finder->out, "%s%s", i ? ", " : "", names[i]);
	if (!meant && count > 8)
		fputs(", ...", finder->out);
	free(names);
}

static const char *holder_of(const struct maker *maker, const char *device)
{
	const struct cat_claim *claim = cat_device_holder(&maker->others, maker->host, device);
	return claim ? claim->owner : NULL;
}

static const struct cat_nic *pf_of(const struct maker *maker, const struct cat_nic *vf)
{
	return vf->vf >= 0 ? cat_topology_nic(maker->host, vf->pf) : NULL;
}

// mlx5 and its like stay with the kernel, which keeps devices apart for them.
static bool stays_with_kernel(const struct maker *maker, const struct cat_nic *nic)
{
	const struct cat_nic *pf = pf_of(maker, nic);
	return cat_driver_is_bifurcated(pf ? pf->driver : nic->driver);
}

// Devices that the hardware cannot keep apart are one service's.
static void check_group(struct finder *finder, const char *port, const struct cat_nic *nic)
{
	const struct maker *maker = finder->maker;
	if (nic->iommu_group < 0) {
		problem_begin(finder, -ENODEV, port);
		fprintf(finder->out,
			"%s is in no IOMMU group: it could reach all memory of the host; start the kernel with "
			"intel_iommu=on or amd_iommu=on",
			nic->bdf);
		return;
	}
	for (uint32_t i = 0; i < maker->host->nic_count; i++) {
		const struct cat_nic *other = &maker->host->nic[i];
		const char *holder = other != nic && other->iommu_group == nic->iommu_group && *other->bdf
					     ? holder_of(maker, other->bdf)
					     : NULL;
		if (!holder)
			continue;
		problem_begin(finder, -ENOSPC, port);
		fprintf(finder->out, "%s shares IOMMU group %d with %s, which service \"%s\" holds", nic->bdf,
			nic->iommu_group, other->bdf, holder);
		return;
	}
}

static void check_pci(struct finder *finder, const struct cat_node *node, const struct cat_nic *nic)
{
	struct maker *maker = finder->maker;
	struct cat_vf_settings settings = {0};
	if (cat_vf_settings_from_tree(node, &settings, NULL) == 0 && settings.set && nic->vf < 0) {
		problem_begin(finder, -ENODEV, node->key);
		fprintf(finder->out, "%s is no VF: vlan, mac, rate and so on are what a PF does with its VFs",
			nic->bdf);
	} else if (stays_with_kernel(maker, nic)) {
		return;
	} else if (nic->up || nic->hidden) {
		problem_begin(finder, -ENOSPC, node->key);
		if (nic->up)
			fprintf(finder->out, "%s is in use: its interface %s is up; `ip link set %s down` frees it",
				nic->bdf, nic->name, nic->name);
		else
			fprintf(finder->out, "%s is in use: its interface is in another network namespace", nic->bdf);
	} else if (nic->vfs) {
		problem_begin(finder, -ENOSPC, node->key);
		fprintf(finder->out, "%s has %u VFs, which would go with it; `vf:%s` takes one of them", nic->bdf,
			nic->vfs, *nic->name ? nic->name : nic->bdf);
	} else {
		check_group(finder, node->key, nic);
	}
}

static void find_device(struct finder *finder, const struct cat_node *node, size_t at)
{
	struct maker *maker = finder->maker;
	struct port_dev *port = &maker->port[at];
	bool there = port->driver == CAT_PORT_VETH || port->driver == CAT_PORT_PCI || port->driver == CAT_PORT_VF;
	const char *holder = plan_is_claimed(port->driver) ? holder_of(maker, port->device) : NULL;
	const struct cat_nic *nic = there ? cat_topology_nic(maker->host, port->device) : NULL;
	maker->nic[at] = nic;
	if (there && !nic) {
		problem_begin(finder, -ENODEV, node->key);
		fprintf(finder->out, "this host has no %s \"%s\"",
			port->driver == CAT_PORT_PCI  ? "PCI network device"
			: port->driver == CAT_PORT_VF ? "NIC"
						      : "interface",
			port->device);
		write_devices(finder, port);
	} else if (holder) {
		problem_begin(finder, -ENOSPC, node->key);
		fprintf(finder->out, "device %s is held by service \"%s\"", port->device, holder);
	} else if (port->driver == CAT_PORT_PCI) {
		check_pci(finder, node, nic);
		maker->vf[at].pf = pf_of(maker, nic);
		maker->vf[at].number = nic->vf < 0 ? 0 : (uint32_t)nic->vf;
	}
}

// Whether another port of this service has the device already.
static bool is_port(const struct maker *maker, const char *device, size_t ports)
{
	for (size_t i = 0; i < ports; i++)
		if (maker->port[i].driver == CAT_PORT_PCI && cat_device_is(maker->host, device, maker->port[i].device))
			return true;
	return false;
}

static bool is_own(const struct maker *maker, const char *device)
{
	for (uint32_t i = 0; maker->own && i < maker->own->device_count; i++)
		if (cat_device_is(maker->host, device, maker->own->device[i]))
			return true;
	return false;
}

// The VFs of a PF by number; NULL where there is none.
static void collect_vfs(const struct maker *maker, const struct cat_nic *pf, const struct cat_nic **ret_vf)
{
	for (uint32_t i = 0; i < maker->host->nic_count; i++) {
		const struct cat_nic *nic = &maker->host->nic[i];
		if (nic->vf >= 0 && nic->vf < (int)CAT_VFS_MAX && strcmp(nic->pf, *pf->name ? pf->name : pf->bdf) == 0)
			ret_vf[nic->vf] = nic;
	}
}

static void write_users(struct finder *finder, const struct cat_nic *pf, const struct cat_nic *const *vf,
			uint32_t count)
{
	uint32_t said = 0;
	for (uint32_t n = 0; n < count && said < 8; n++) {
		char name[CAT_VF_NAME_MAX];
		snprintf(name, sizeof(name), "%.48s/vf%u", pf->name, n);
		const char *holder = holder_of(finder->maker, name);
		if (!holder && !(vf[n] && (vf[n]->up || vf[n]->hidden)))
			continue;
		fprintf(finder->out, "%svf%u by ", said++ ? ", " : ": ", n);
		if (holder)
			fprintf(finder->out, "service \"%s\"", holder);
		else
			fprintf(finder->out, "%s", vf[n]->hidden ? "another network namespace" : vf[n]->name);
	}
}

// Any free VF: the one that the service has already, else the lowest.
static void choose_vf(struct finder *finder, const struct cat_node *node, size_t at, size_t ports)
{
	struct maker *maker = finder->maker;
	const struct cat_nic *pf = maker->nic[at], **vf = calloc(CAT_VFS_MAX, sizeof(*vf));
	uint32_t make = pf->vfs_max < VFS_MADE ? pf->vfs_max : VFS_MADE, count = pf->vfs ? pf->vfs : make;
	uint32_t chosen = UINT32_MAX;
	if (!vf)
		return;
	collect_vfs(maker, pf, vf);
	count = count < CAT_VFS_MAX ? count : CAT_VFS_MAX;
	for (int own = 1; own >= 0 && chosen == UINT32_MAX; own--) {
		for (uint32_t n = 0; n < count && chosen == UINT32_MAX; n++) {
			char name[CAT_VF_NAME_MAX];
			snprintf(name, sizeof(name), "%.48s/vf%u", pf->name, n);
			if ((own && !is_own(maker, name)) || (pf->vfs && !vf[n]) ||
			    (vf[n] && (vf[n]->up || vf[n]->hidden)) || is_port(maker, name, ports) ||
			    holder_of(maker, name))
				continue;
			chosen = n;
			// By its address once there is one.
			snprintf(maker->port[at].device, sizeof(maker->port[at].device), "%s",
				 vf[n] ? vf[n]->bdf : name);
		}
	}
	if (pf->vfs_max == 0) {
		problem_begin(finder, -ENODEV, node->key);
		fprintf(finder->out, "%s has no virtual functions (SR-IOV)", pf->name);
	} else if (chosen == UINT32_MAX) {
		problem_begin(finder, -ENOSPC, node->key);
		fprintf(finder->out, "%s has no free VF, all %u are taken", pf->name, count);
		write_users(finder, pf, vf, count);
	} else {
		maker->port[at].driver = CAT_PORT_PCI;
		maker->vf[at] = (struct plan_vf){.pf = pf, .number = chosen, .make = pf->vfs ? 0 : make};
		if (vf[chosen])
			maker->nic[at] = vf[chosen];
		if (!stays_with_kernel(maker, maker->nic[at]))
			check_group(finder, node->key, maker->nic[at]);
	}
	free(vf);
}

static void find_all(struct finder *finder)
{
	struct maker *maker = finder->maker;
	const struct cat_node *ports = cat_node_get(maker->tree, "ports");
	size_t i = 0;
	for (const struct cat_node *n = ports->first; n; n = n->next, i++) {
		char problem[256];
		port_parse(text_of(n, "dev"), &maker->port[i], problem, sizeof(problem));
		find_device(finder, n, i);
	}
	// Any VF will do for these, but not one that another port names.
	i = 0;
	for (const struct cat_node *n = ports->first; n; n = n->next, i++)
		if (maker->port[i].driver == CAT_PORT_VF && maker->nic[i])
			choose_vf(finder, n, i, ports->count);
}

int plan_find_devices(struct maker *maker)
{
	cat_autofree char *text = NULL;
	size_t size;
	struct finder finder = {.maker = maker, .out = open_memstream(&text, &size)};
	if (!finder.out)
		return cat_err_set(maker->err, -ENOMEM, "no memory");
	find_all(&finder);
	if (fclose(finder.out) != 0)
		return cat_err_set(maker->err, -ENOMEM, "no memory");
	return finder.code ? cat_err_set(maker->err, finder.code, "%s", text) : 0;
}

void plan_add_nic(struct maker *maker, struct cat_node *port, const struct cat_node *node, size_t at)
{
	const struct plan_vf *vf = &maker->vf[at];
	struct cat_vf_settings settings = {0};
	struct cat_node *map = cat_node_add_map(port, "nic");
	bool ok = map;
	if (vf->pf)
		ok = cat_node_add_string(map, "pf", vf->pf->bdf) && cat_node_add_int(map, "vf", vf->number) &&
		     cat_node_add_int(map, "make_vfs", vf->make) &&
		     cat_vf_settings_from_tree(node, &settings, NULL) == 0 &&
		     cat_vf_settings_to_tree(&settings, map) == 0;
	maker->failed |= !ok;
}
