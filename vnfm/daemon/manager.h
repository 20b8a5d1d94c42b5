// SPDX-License-Identifier: BSD-3-Clause
// The VNF manager of a host: the services, their store and what they are made with. One thread runs all of it (the
// loop's); only jobs of the pool run elsewhere, on data of their own.
#ifndef VNFM_MANAGER_H
#define VNFM_MANAGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cat_image.h"
#include "cat_loop.h"
#include "cat_service.h"
#include "cat_vf.h"
#include "log_record.h"
#include "options.h"
#include "pool.h"
#include "store.h"

#define MANAGER_SERVICES_MAX 256u
#define MANAGER_RETIRED_MAX 256u

struct api;
struct keeper;
struct nic_watch;
struct service;
struct sol;

// Who hears of what happens. Functions are called on the loop's thread and must not start or end services.
struct manager_observer {
	void (*event)(void *user, const char *service, const char *function, const char *kind, const char *message);
	// An operation of the service begins (result NULL), or has ended.
	void (*operation)(void *user, struct service *service, const char *name, const struct cat_err *result);
	void *user;
};

struct manager {
	const struct options *options;
	struct cat_loop *loop;
	struct pool *pool;
	struct log_collector *collector; // of all services' logs
	struct store *store;
	struct keeper *keeper;
	struct cat_kinds *kinds;
	struct cat_kinds *retired[MANAGER_RETIRED_MAX]; // that services may still be made of
	size_t retired_count;
	struct cat_nic_io nic_io; // how the host's NICs are touched
	struct nic_watch *nic_watch;
	struct api *api;
	struct sol *sol;                  // what speaks SOL003
	struct manager_observer observer; // functions may be NULL
	struct cat_image_store images;
	char *layers;    // owned, images.store
	char prefix[32]; // of container ids and cgroups: "catena", with a hash of the run directory if not the default
	struct service *services;
	size_t service_count;
	struct cat_source *tick;
	pthread_mutex_t memory_lock; // from reserving huge pages until they are in use: free ones look free to all
	bool stopping;               // quit when the last service is gone
	bool leaving;                // quit, and let run what runs
	bool failed;                 // the store cannot be trusted any more
};

// Opens everything and cleans up what an earlier manager left. NULL: err says why.
struct manager *manager_create(const struct options *options, struct cat_loop *loop, struct cat_err *err);
// Starts the services that the store says shall run.
int manager_start_services(struct manager *manager, struct cat_err *err);
// Quits the loop. With --down-on-exit it takes all services down before (they stay in the store and are started by the
// next manager); without, those that run go on running and are taken over by the next manager.
void manager_stop(struct manager *manager);
void manager_destroy(struct manager *manager);

struct service *manager_service(const struct manager *manager, const char *name); // NULL: none
// Quits if that was the last one to wait for.
void manager_service_gone(struct manager *manager);
// Into the store and the log. service, function: may be NULL.
void manager_event(struct manager *manager, const char *service, const char *function, const char *kind,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
// There is something for those who follow logs or events. user: the manager.
void manager_news(void *user);
// A store that cannot be written: said once, loudly; what runs goes on running.
void manager_store_failed(struct manager *manager, const struct cat_err *err);

// Takes over the services that still run, and cleans the host of everything else that the store says an earlier manager
// left. What cannot be cleaned is logged and stays in the store.
int recover_host(struct manager *manager, struct cat_err *err);

// Huge pages of that size in the node's pool.
int huge_total(uint32_t node, uint64_t page_bytes, uint32_t *ret_total, struct cat_err *err);

int64_t wall_ms(void); // CLOCK_REALTIME
uint64_t now_us(void); // CLOCK_MONOTONIC

#endif
