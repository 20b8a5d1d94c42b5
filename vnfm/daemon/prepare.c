// SPDX-License-Identifier: BSD-3-Clause
// The two jobs of a service as a whole: huge pages, memory and network devices before it starts, and giving back after
// it ended.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "keeper.h"
#include "service.h"
#include "volume.h"

int huge_total(uint32_t node, uint64_t page_bytes, uint32_t *ret_total, struct cat_err *err)
{
	cat_autofree char *path = cat_format("/sys/devices/system/node/node%u/hugepages/hugepages-%llukB/nr_hugepages",
					     node, (unsigned long long)page_bytes >> 10);
	long long total = 0;
	// A kernel without NUMA has one pool.
	cat_autofree char *only = cat_format("/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
					     (unsigned long long)page_bytes >> 10);
	if (!path || !only)
		return cat_err_set(err, -ENOMEM, "huge pages: no memory");
	int r = cat_file_read_int(AT_FDCWD, access(path, F_OK) == 0 ? path : only, &total, err);
	if (r == 0)
		*ret_total = (uint32_t)total;
	return r;
}

// Before the pages are added it is not known how many will be: the total before tells a successor.
static int note_huge(struct service *service, struct cat_err *err)
{
	cat_autonode struct cat_node *detail = cat_node_new_map();
	if (!detail || !cat_node_add_int(detail, "node", service->huge_node) ||
	    !cat_node_add_int(detail, "page_bytes", (int64_t)service->huge_page_bytes) ||
	    !cat_node_add_int(detail, "pages", service->huge_pages) ||
	    !cat_node_add_int(detail, "total_before", service->huge_total) ||
	    (service->huge_added && !cat_node_add_int(detail, "added", service->huge_added)))
		return cat_err_set(err, -ENOMEM, "huge pages: no memory");
	struct store *store = service->manager->store;
	if (service->huge_change)
		return store_change_update(store, service->huge_change, detail, err);
	return store_change_add(store, service->name, "huge", detail, &service->huge_change, err);
}

static void forget_huge(struct service *service)
{
	struct cat_err err = {0};
	if (service->huge_change && store_change_delete(service->manager->store, service->huge_change, &err) < 0)
		manager_store_failed(service->manager, &err);
	service->huge_change = 0;
}

// To or from the disk, the state of every function that asks for it. A file of one that does not is of no use any more.
static void each_volume(struct service *service, const struct memory *memory, bool save, struct cat_err *err)
{
	const struct cat_node *functions = cat_node_get(service->current.plan, "functions");
	for (const struct cat_node *f = functions ? functions->first : NULL; f; f = f->next) {
		const char *name = "", *kind = "";
		bool wanted = false;
		cat_node_read_string(f, "name", CAT_REQUIRED, &name, NULL);
		cat_node_read_string(f, "kind", CAT_REQUIRED, &kind, NULL);
		cat_node_read_bool(f, "volume", CAT_OPTIONAL, &wanted, NULL);
		const struct memory_item *item = memory_find(memory, "function/%s/state", name);
		cat_autofree char *path = volume_path(service->manager->options->state_dir, service->name, name, kind);
		struct cat_err one = {0};
		if (!item || !path)
			continue;
		int r = 0;
		if (!wanted)
			unlink(path);
		else
			r = save ? volume_save(path, item->fd, &one) : volume_load(path, item->fd, &one);
		if (r < 0 && (save || r != -ENOENT) && !err->code)
			*err = one;
	}
}

static void prepare_work(void *user)
{
	struct service *service = user;
	struct cat_err *err = &service->job_err;
	uint64_t start = now_us();
	*err = (struct cat_err){0};
	int r = 0;
	pthread_mutex_lock(&service->manager->memory_lock);
	if (service->huge_pages)
		r = cat_huge_reserve(service->huge_node, service->huge_page_bytes, service->huge_pages,
				     &service->huge_added, err);
	service->job_huge_us = now_us() - start;
	start = now_us();
	if (r == 0)
		r = memory_create(service->current.plan, NULL, &service->job_memory, err);
	service->volume_err = (struct cat_err){0};
	if (r == 0)
		each_volume(service, &service->job_memory, false, &service->volume_err);
	service->job_memory_us = now_us() - start;
	start = now_us();
	if (r == 0)
		r = nics_take(&service->nics, &service->manager->nic_io, err);
	service->job_nics_us = now_us() - start;
	pthread_mutex_unlock(&service->manager->memory_lock);
	if (r < 0 && !err->code)
		cat_err_set(err, r, "memory: %s", strerror(-r));
}

// Memory is too fragmented for the pages that looked to be had: the file may say that normal ones do.
static bool fall_back(struct service *service)
{
	cat_autonode struct cat_node *plan = NULL;
	struct cat_err err = {0};
	if (!service->job_err.code || !service->huge_pages || service->no_huge ||
	    service_make_plan(service->manager, service->current.file, false, &plan, &err) < 0)
		return false;
	service_event(service, NULL, "huge-pages", "%s: normal pages are taken instead", service->job_err.message);
	service->no_huge = true;
	service->after = AFTER_RESTART;
	service->retry_now = true;
	service_stop(service);
	return true;
}

// VFs that were made have an address now.
static int name_devices(struct service *service, struct cat_err *err)
{
	bool changed = nics_name(&service->nics, service->current.plan, err);
	for (size_t i = 0; i < service->nics.count; i++) {
		const struct nic *nic = &service->nics.item[i];
		if (*nic->want.pf)
			service_event(service, NULL, "nic", "port %s is vf%u of %s, %s", nic->port, nic->want.vf,
				      nic->want.pf, nic->bdf);
	}
	return err->code ? err->code : changed ? service_note_plan(service, err) : 0;
}

static void prepare_done(void *user)
{
	struct service *service = user;
	struct cat_err err = {0};
	service->job = false;
	service->memory = service->job_memory;
	service->job_memory = (struct memory){0};
	if (service->huge_added) {
		if (note_huge(service, &err) < 0)
			manager_store_failed(service->manager, &err);
	} else {
		forget_huge(service);
	}
	if (service->state != SERVICE_STARTING) {
		service_proceed(service);
		return;
	}
	if (fall_back(service))
		return;
	if (service->volume_err.code)
		service_event(service, NULL, "volume", "%s", service->volume_err.message);
	uint64_t end = now_us() - service->job_nics_us;
	if (service->nics.count)
		service_step(service, "network devices", NULL, end, service->job_nics_us);
	if (service->huge_pages)
		service_step(service, "huge pages", NULL, end - service->job_memory_us - service->job_huge_us,
			     service->job_huge_us);
	service_step(service, "memory", NULL, end - service->job_memory_us, service->job_memory_us);
	if (service->job_err.code || name_devices(service, &err) < 0 || service_keep_memory(service, &err) < 0 ||
	    dataplane_open(service, &err) < 0)
		service_fail(service, service->job_err.code ? &service->job_err : &err);
}

static int read_region(struct service *service, struct cat_err *err)
{
	const struct cat_node *plan = service->current.plan, *region = cat_node_get(plan, "region");
	int64_t page_bytes = 0, pages = 0, node = 0;
	int r = cat_node_read_int(region, "page_bytes", CAT_OPTIONAL, 0, INT64_MAX, &page_bytes, err);
	if (r == 0)
		r = cat_node_read_int(region, "pages", CAT_OPTIONAL, 0, UINT32_MAX, &pages, err);
	if (r == 0)
		r = cat_node_read_int(plan, "node", CAT_OPTIONAL, -1, CAT_NODES_MAX, &node, err);
	service->huge_page_bytes = (uint64_t)page_bytes;
	service->huge_node = node < 0 ? 0 : (uint32_t)node;
	service->huge_pages = page_bytes > sysconf(_SC_PAGESIZE) ? (uint32_t)pages : 0;
	service->huge_added = 0;
	return r < 0 ? cat_err_wrap(err, "plan") : 0;
}

int service_adopt_huge(struct service *service, const struct store_change *change, struct cat_err *err)
{
	int64_t added = 0, before = 0;
	int r = read_region(service, err);
	if (r < 0 || !change)
		return r;
	r = cat_node_read_int(change->detail, "added", CAT_REQUIRED, 0, UINT32_MAX, &added, err);
	if (r == 0)
		r = cat_node_read_int(change->detail, "total_before", CAT_OPTIONAL, 0, UINT32_MAX, &before, err);
	if (r < 0)
		return r;
	service->huge_change = change->id;
	service->huge_added = (uint32_t)added;
	service->huge_total = (uint32_t)before;
	return 0;
}

void service_prepare(struct service *service)
{
	struct cat_err err = {0};
	int r = read_region(service, &err);
	if (r == 0 && service->huge_pages) {
		r = huge_total(service->huge_node, service->huge_page_bytes, &service->huge_total, &err);
		if (r == 0)
			r = note_huge(service, &err);
	}
	if (r == 0)
		r = nics_look(&service->nics, service->manager, service->name, service->current.plan, &err);
	if (r == 0) {
		service->job = true;
		r = pool_submit(service->manager->pool, prepare_work, prepare_done, service);
		if (r < 0) {
			service->job = false;
			cat_err_set(&err, r, "memory: no memory");
		}
	}
	if (r < 0)
		service_fail(service, &err);
}

static void clean_work(void *user)
{
	struct service *service = user;
	struct cat_err *err = &service->job_err;
	*err = (struct cat_err){0};
	service->volume_err = (struct cat_err){0};
	each_volume(service, &service->job_memory, true, &service->volume_err);
	memory_free(&service->job_memory);
	// Whoever starts again goes on writing the same log.
	cat_autofree char *functions = cat_format("%s/functions", service->directory);
	const char *directory = service->clean_all ? service->directory : functions;
	if (directory)
		cat_dir_remove(directory, err);
	struct cat_err nics = {0};
	if (nics_give_back(&service->nics, &service->manager->nic_io, &nics) < 0)
		*err = nics;
	if (!service->huge_added)
		return;
	struct cat_err huge = {0};
	if (cat_huge_release(service->huge_node, service->huge_page_bytes, service->huge_added, &huge) < 0)
		*err = huge;
	else
		service->huge_added = 0;
}

static void clean_done(void *user)
{
	struct service *service = user;
	struct cat_err err = {0};
	service->job = false;
	if (service->volume_err.code)
		service_event(service, NULL, "volume", "state not kept: %s", service->volume_err.message);
	if (service->job_err.code)
		service_event(service, NULL, "left", "%s", service->job_err.message);
	if (nics_done(&service->nics, service->manager->store, &err) < 0)
		manager_store_failed(service->manager, &err);
	if (settings_restore(&service->settings, service->manager->store, &err) < 0)
		service_event(service, NULL, "left", "%s", err.message);
	if (!service->huge_added)
		forget_huge(service);
	// A `down` may have come while it was made ready to start again.
	if (service->after != AFTER_RESTART && !service->clean_all)
		service_clean(service);
	else
		service_gone(service);
}

void service_clean(struct service *service)
{
	sampler_destroy(service->sampler);
	service->sampler = NULL;
	// The job saves what is to be saved, and frees it.
	service->job_memory = service->memory;
	service->memory = (struct memory){0};
	keeper_drop(service->manager->keeper, service->name, NULL);
	service->clean_all = service->after != AFTER_RESTART;
	struct cat_err err = {0};
	if (nics_leave(&service->nics, service->manager, service->name, &err) < 0)
		service_event(service, NULL, "left", "network devices: %s", err.message);
	service->job = true;
	if (pool_submit(service->manager->pool, clean_work, clean_done, service) < 0) {
		clean_work(service);
		clean_done(service);
	}
}
