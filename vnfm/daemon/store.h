// SPDX-License-Identifier: BSD-3-Clause
// What the manager knows, on disk (SQLite, write-ahead log): services, what they hold of the host, and events.
//
// Whatever is changed on the host is written down before it is done and struck out after it is undone, so that a
// manager that died at any moment finds at its next start what it has to clean up.
#ifndef VNFM_STORE_H
#define VNFM_STORE_H

#include <stdint.h>

#include "cat_alloc.h"
#include "cat_err.h"
#include "cat_tree.h"

#define STORE_SCHEMA_VERSION 3
#define STORE_EVENTS_MAX 1000 // older ones are forgotten
#define STORE_UID_RANGE 65536u

struct store;

// Opens or makes directory/catena.db, brings its schema up to date and checks its integrity. NULL: err says why
// (-EBADMSG: damaged; -ENOTSUP: written by a newer Catena).
struct store *store_open(const char *directory, struct cat_err *err);
void store_close(struct store *store);

// Between them everything is one transaction. store_commit rolls back on failure.
int store_begin(struct store *store, struct cat_err *err);
int store_commit(struct store *store, struct cat_err *err);
void store_rollback(struct store *store);

struct store_service {
	char *name;
	char *text;            // the service file
	struct cat_node *plan; // NULL: none yet
	char *state;
};
struct store_services {
	struct store_service *item;
	size_t count;
};
void store_services_free(struct store_services *services);
int store_services_load(struct store *store, struct store_services *ret_services, struct cat_err *err);
// Inserts or replaces.
int store_service_put(struct store *store, const char *name, const char *text, const struct cat_node *plan,
		      const char *state, struct cat_err *err);
int store_service_set_state(struct store *store, const char *name, const char *state, struct cat_err *err);
// Forgets the service, its reservation and its ids. Events stay, and what of the host could not be given back.
int store_service_delete(struct store *store, const char *name, struct cat_err *err);

int store_reservations_load(struct store *store, struct cat_reservations *ret_reservations, struct cat_err *err);
// Inserts or replaces the claim of its owner.
int store_reservation_put(struct store *store, const struct cat_claim *claim, struct cat_err *err);
int store_reservation_delete(struct store *store, const char *owner, struct cat_err *err);

// The service's range of STORE_UID_RANGE ids at or above base: the one that it has, else the lowest free one.
// -ENOSPC: none below limit.
int store_uid_range(struct store *store, const char *service, uint32_t base, uint32_t limit, uint32_t *ret_first,
		    struct cat_err *err);

// Changes to the host that are to be given back. kind: "huge", "process", "container", "setting", "nic".
struct store_change {
	int64_t id;
	char *service, *kind;
	struct cat_node *detail;
};
struct store_changes {
	struct store_change *item;
	size_t count;
};
void store_changes_free(struct store_changes *changes);
int store_changes_load(struct store *store, struct store_changes *ret_changes, struct cat_err *err);
int store_change_add(struct store *store, const char *service, const char *kind, const struct cat_node *detail,
		     int64_t *ret_id, struct cat_err *err);
int store_change_update(struct store *store, int64_t id, const struct cat_node *detail, struct cat_err *err);
int store_change_delete(struct store *store, int64_t id, struct cat_err *err);

// Resources of the APIs, whole: kind and id name one. They are given back in the order in which they were first put.
int store_document_put(struct store *store, const char *kind, const char *id, const struct cat_node *body,
		       struct cat_err *err);
int store_document_delete(struct store *store, const char *kind, const char *id, struct cat_err *err);
// Calls take for each of a kind; body is taken over. Stops at its first negative errno.
int store_documents_load(struct store *store, const char *kind,
			 int (*take)(void *user, const char *id, struct cat_node *body, struct cat_err *err),
			 void *user, struct cat_err *err);

// function may be NULL. *ret_id, if wanted, is the event's number, which only grows.
int store_event_add(struct store *store, int64_t time_ms, const char *service, const char *function, const char *kind,
		    const char *message, int64_t *ret_id, struct cat_err *err);
// The last `limit` events after number `after`, oldest first: [{id, time_ms, service, function, kind, message}].
// service NULL: all. The caller frees.
int store_events_load(struct store *store, const char *service, int64_t after, unsigned limit,
		      struct cat_node **ret_list, struct cat_err *err);

#endif
