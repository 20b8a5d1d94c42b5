// SPDX-License-Identifier: BSD-3-Clause
#include "manager.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "keeper.h"
#include "nic_watch.h"
#include "service.h"
#include "status.h"

// Enough for the containers of a chain to start side by side; they mostly wait.
#define POOL_THREADS 8
#define TICK_MS 1000
#define DEFAULT_RUN_DIR "/run/catena"

int64_t wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// FNV-1a. Managers with run directories of their own must not meet in cgroups and container ids.
static void set_prefix(struct manager *manager)
{
	const char *run_dir = manager->options->run_dir;
	uint32_t hash = 2166136261u;
	for (const char *p = run_dir; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	if (strcmp(run_dir, DEFAULT_RUN_DIR) != 0)
		snprintf(manager->prefix, sizeof(manager->prefix), "catena-%08x", hash);
	else
		snprintf(manager->prefix, sizeof(manager->prefix), "catena");
}

static void on_tick(void *user)
{
	status_sample(user);
}

// A new keeper knows nothing yet.
static void keep_everything(void *user)
{
	struct manager *manager = user;
	for (struct service *service = manager->services; service; service = service->next) {
		struct cat_err err = {0};
		if (service_keep_all(service, &err) < 0)
			cat_warn("service %s: %s", service->name, err.message);
	}
}

static struct keeper *open_keeper(struct manager *manager, struct cat_err *err)
{
	const struct keeper_options options = {.program = manager->options->keeper,
					       .run_dir = manager->options->run_dir,
					       .lost = keep_everything,
					       .user = manager};
	return keeper_open(manager->loop, &options, err);
}

struct manager *manager_create(const struct options *options, struct cat_loop *loop, struct cat_err *err)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	if (!manager) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	manager->options = options;
	manager->nic_io = (struct cat_nic_io){.root = "/"};
	pthread_mutex_init(&manager->memory_lock, NULL);
	manager->loop = loop;
	set_prefix(manager);
	manager->layers = cat_format("%s/images", options->state_dir);
	manager->images = (struct cat_image_store){.layout = options->images, .store = manager->layers};
	const char *const kinds[] = {options->kinds, NULL};
	if (!manager->layers) {
		cat_err_set(err, -ENOMEM, "no memory");
	} else if (cat_dir_create(options->state_dir, 0755, err) == 0 &&
		   cat_dir_create(manager->layers, 0755, err) == 0 &&
		   ((manager->collector = log_collector_create(options->state_dir)) != NULL ||
		    cat_err_set(err, -ENOMEM, "no memory") == 0) &&
		   (manager->store = store_open(options->state_dir, err)) != NULL &&
		   (manager->kinds = cat_kinds_load(kinds, err)) != NULL &&
		   (manager->pool = pool_create(loop, POOL_THREADS, err)) != NULL &&
		   (manager->keeper = open_keeper(manager, err)) != NULL &&
		   (manager->tick = cat_loop_add_timer(loop, TICK_MS, TICK_MS, on_tick, manager, err)) != NULL &&
		   (manager->nic_watch = nic_watch_open(manager, err)) != NULL && recover_host(manager, err) == 0) {
		return manager;
	}
	manager_destroy(manager);
	return NULL;
}

static void tell_lost(void *user, const char *owner, const char *what)
{
	manager_event(user, owner, NULL, "lost-resource", "it holds what is gone: %s", what);
}

// The host may have changed while no manager ran.
static void compare_reservations(struct manager *manager)
{
	struct cat_reservations taken = {0};
	struct cat_topology *host = NULL;
	struct cat_err err = {0};
	if (store_reservations_load(manager->store, &taken, &err) < 0 || cat_topology_read("/", &host, &err) < 0)
		cat_warn("what services hold was not compared with the host: %s", err.message);
	else
		cat_reservations_compare(&taken, host, tell_lost, manager);
	cat_topology_free(host);
	cat_reservations_free(&taken);
}

int manager_start_services(struct manager *manager, struct cat_err *err)
{
	struct store_services stored = {0};
	int r = store_services_load(manager->store, &stored, err);
	if (r < 0)
		return r;
	if (stored.count)
		compare_reservations(manager);
	for (size_t i = 0; i < stored.count; i++) {
		struct cat_err one = {0};
		const char *state = stored.item[i].state;
		if (manager_service(manager, stored.item[i].name))
			continue;
		bool starting = !strcmp(state, "starting");
		if (starting || !strcmp(state, "stopping")) {
			// Its `up` never ended, so nobody was told that it is there; its `down` only had this left.
			manager_event(manager, stored.item[i].name, NULL, starting ? "forgotten" : "stopped",
				      starting ? "its start was interrupted" : "its end was interrupted; it is down");
			if (store_service_delete(manager->store, stored.item[i].name, &one) < 0)
				manager_store_failed(manager, &one);
			continue;
		}
		cat_info("service %s was up before: starting it", stored.item[i].name);
		if (service_load(manager, &stored.item[i], &one) < 0)
			manager_event(manager, stored.item[i].name, NULL, "failed", "%s", one.message);
	}
	store_services_free(&stored);
	return 0;
}

void manager_stop(struct manager *manager)
{
	if (manager->stopping)
		return;
	manager->stopping = true;
	if (!manager->options->down_on_exit) {
		manager->leaving = true;
		cat_info("ending: %zu service%s on", manager->service_count,
			 manager->service_count == 1 ? " runs" : "s run");
		cat_loop_quit(manager->loop, 0);
		return;
	}
	if (manager->services)
		cat_info("ending: taking %zu service%s down", manager->service_count,
			 manager->service_count == 1 ? "" : "s");
	for (struct service *service = manager->services, *next; service; service = next) {
		next = service->next;
		service_down(service, AFTER_PARK, NULL);
	}
	manager_service_gone(manager);
}

void manager_service_gone(struct manager *manager)
{
	if (manager->stopping && !manager->leaving && !manager->services)
		cat_loop_quit(manager->loop, 0);
}

void manager_destroy(struct manager *manager)
{
	if (!manager)
		return;
	pool_destroy(manager->pool);
	// Without services there is nothing to keep. One that failed to come up has none of its own either, but those
	// of the manager before may still run.
	keeper_close(manager->keeper, manager->stopping && !manager->services);
	manager->keeper = NULL;
	while (manager->services)
		service_free(manager->services);
	cat_source_remove(manager->tick);
	nic_watch_close(manager->nic_watch);
	log_collector_destroy(manager->collector);
	cat_kinds_free(manager->kinds);
	for (size_t i = 0; i < manager->retired_count; i++)
		cat_kinds_free(manager->retired[i]);
	store_close(manager->store);
	pthread_mutex_destroy(&manager->memory_lock);
	free(manager->layers);
	free(manager);
}

struct service *manager_service(const struct manager *manager, const char *name)
{
	for (struct service *service = manager->services; service; service = service->next)
		if (!strcmp(service->name, name))
			return service;
	return NULL;
}

void manager_news(void *user)
{
	struct manager *manager = user;
	api_news(manager->api);
}

void manager_store_failed(struct manager *manager, const struct cat_err *err)
{
	if (!manager->failed)
		cat_error("the store cannot be written: %s; what runs goes on running, a restart may have to be "
			  "cleaned up "
			  "by hand",
			  err->message);
	manager->failed = true;
}

void manager_event(struct manager *manager, const char *service, const char *function, const char *kind,
		   const char *format, ...)
{
	char message[CAT_ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	bool bad = !strcmp(kind, "failed") || !strcmp(kind, "died") || !strcmp(kind, "left") ||
		   !strcmp(kind, "violation") || !strcmp(kind, "link-down") || !strcmp(kind, "device-removed");
	cat_log(bad ? CAT_LOG_WARNING : CAT_LOG_INFO, "service %s%s%s: %s: %s", service ? service : "-",
		function ? ": function " : "", function ? function : "", kind, message);
	// What happens to a service is in its own log.
	if (!service)
		log_collector_add(manager->collector, wall_ms(), NULL, "catenad", message);
	struct cat_err err = {0};
	if (store_event_add(manager->store, wall_ms(), service, function, kind, message, NULL, &err) < 0)
		manager_store_failed(manager, &err);
	if (manager->observer.event)
		manager->observer.event(manager->observer.user, service, function, kind, message);
	manager_news(manager);
}
