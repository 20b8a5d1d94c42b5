// SPDX-License-Identifier: BSD-3-Clause
// ETSI GS NFV-SOL 003 over the manager: VNF life cycle, performance and fault management.
//
// How it works. Every function of a service is a VNF instance; one that was created through SOL003 alone becomes a
// service of one. Resources are trees, kept whole in the store (store_document_*) and in memory, in the order of their
// creation. An operation is an occurrence that goes through the states of state.c while saga.c runs its steps; each
// state is in the store before what follows from it is begun, so that the next manager goes on where this one died.
#ifndef SOL_H
#define SOL_H

#include "api_request.h"
#include "descriptor.h"
#include "manager.h"
#include "service.h"
#include "state.h"

#define SOL_ID_MAX 64
#define SOL_BODY_MAX (1u << 20)
#define SOL_INSTANCES_MAX 4096u
#define SOL_OCCURRENCES_MAX 2048u // finished ones beyond that are forgotten, oldest first
#define SOL_SUBSCRIPTIONS_MAX 64u // of each interface
#define SOL_PAGE 200u             // resources of one answer
#define SOL_VIM "catena"          // id of the only VIM connection: this host

enum sol_kind {
	SOL_INSTANCE,
	SOL_OCCURRENCE,
	SOL_LCM_SUBSCRIPTION,
	SOL_PM_SUBSCRIPTION,
	SOL_FM_SUBSCRIPTION,
	SOL_PM_JOB,
	SOL_THRESHOLD,
	SOL_REPORT,
	SOL_ALARM,
	SOL_OUTBOX, // notifications that were not delivered yet
	SOL_KINDS
};
extern const char *const sol_kind_names[SOL_KINDS];

struct sol_resource {
	struct sol_resource *next;
	uint64_t number; // of creation; only grows
	char id[SOL_ID_MAX + 1];
	enum sol_kind kind;
	struct cat_node *doc;
	struct cat_node *scratch; // what is not worth keeping in the store; NULL: nothing
	uint64_t seconds;         // of a job: how long it runs
	struct sol_run *run;      // of an occurrence that is not final: saga.c's
};

struct sol_set {
	struct sol_resource *first, *last;
	size_t count;
	uint64_t next;
};

struct sol {
	struct manager *manager;
	struct sol_set set[SOL_KINDS];
	struct cat_source *timer; // runs the operations; only while there are any
	struct cat_node *schema;  // of request bodies
	struct sol_sender *sender;
	struct cat_source *pm_timer;
	bool dirty; // services came or went: instances are to be compared
	bool posted;
};

// NULL: err says why. Call before services are started, sol_start after it.
struct sol *sol_create(struct manager *manager, struct cat_err *err);
void sol_start(struct sol *sol);
// The definitions of request bodies. NULL: err says why; the caller frees.
struct cat_node *sol_schema(struct cat_err *err);
void sol_destroy(struct sol *sol);
// Makes an instance for each function that has none, and forgets those whose function is gone.
void sol_sync(struct sol *sol);
extern const struct api_surface sol_surface;

// The service that a resource is of; NULL: of none.
const char *sol_service_of(const struct sol_resource *resource);

// resource.c
struct sol_resource *sol_find(const struct sol *sol, enum sol_kind kind, const char *id); // NULL: none
// Adds it under doc's "id", which is given one if it has none. Takes doc over. NULL: err says why.
struct sol_resource *sol_add(struct sol *sol, enum sol_kind kind, struct cat_node *doc, struct cat_err *err);
// Writes it to the store. A store that fails is told to the manager.
int sol_save(struct sol *sol, struct sol_resource *resource);
void sol_remove(struct sol *sol, struct sol_resource *resource);
int sol_load(struct sol *sol, struct cat_err *err);

// doc.c: maps with replacement. False: no memory.
bool doc_set_text(struct cat_node *map, const char *key, const char *value); // NULL removes
bool doc_set_int(struct cat_node *map, const char *key, int64_t value);
bool doc_set_bool(struct cat_node *map, const char *key, bool value);
bool doc_set(struct cat_node *map, const char *key, const struct cat_node *value); // a copy; NULL removes
const char *doc_text(const struct cat_node *map, const char *key);                 // "" if absent
bool doc_flag(const struct cat_node *map, const char *key);
int64_t doc_int(const struct cat_node *map, const char *key);
// RFC 7396. False: no memory.
bool doc_merge(struct cat_node *target, const struct cat_node *patch);
#define DOC_TIME_MAX 32
const char *doc_time(int64_t wall, char *text); // RFC 3339 in UTC; text has DOC_TIME_MAX bytes
void doc_uuid(char *text);                      // RFC 9562 version 4; text has 37 bytes
// The tag of a representation: of its bytes. text has 20 bytes, with quotes.
const char *doc_etag(const char *json, char *text);

// view.c: what an API shows. The caller frees; NULL: no memory.
struct cat_node *view_instance(const struct sol *sol, const struct sol_resource *instance, bool v1);
struct cat_node *view_occurrence(const struct sol *sol, const struct sol_resource *occurrence, bool v1);
struct cat_node *view_subscription(const struct sol *sol, const struct sol_resource *subscription, bool v1);
// "_links" of a view, to be filled by view_link and then ended.
struct cat_node *view_links_begin(const struct sol *sol, struct cat_node *view);
void view_links_end(struct cat_node *links);
// Adds {"self": {"href": ROOT/vnflcm/v1/PATH}}.
bool view_link(struct cat_node *links, const char *key, const char *interface, bool v1, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

// instance.c
struct service *instance_service(const struct sol *sol, const struct sol_resource *instance); // NULL: does not run
struct function *instance_function(const struct sol *sol, const struct sol_resource *instance);
struct sol_resource *instance_of(const struct sol *sol, const char *service, const char *function); // NULL: none
bool instance_is_up(const struct sol_resource *instance);
// The attributes that the VNF's descriptor gives it. Returns 0, -ENOENT (no such vnfdId), -ENOMEM.
int instance_describe(const struct sol *sol, struct cat_node *doc, const char *vnfd_id, struct cat_err *err);
// Made or removed, and said to subscribers.
struct sol_resource *instance_add(struct sol *sol, struct cat_node *doc, struct cat_err *err);
void instance_remove(struct sol *sol, struct sol_resource *instance);

// wish.c: service files that operations ask for. The text: caller frees. Errors: -EINVAL with problems.
int wish_new(const struct sol *sol, const struct sol_resource *instance, const struct cat_node *body, const char *name,
	     struct cat_node **ret_tree, struct cat_err *err);
struct cat_node *wish_edit(const struct service *service); // a copy of its file's tree
// Text of a tree that is a valid service file.
int wish_text(const struct sol *sol, const struct cat_node *tree, char **ret_text, struct cat_problems *problems,
	      struct cat_err *err);
struct cat_node *wish_function(struct cat_node *tree, const char *function); // its map; NULL: none
int wish_connect(struct cat_node *tree, const char *function, const struct cat_node *links, struct cat_err *err);
int wish_flavour(const struct sol *sol, struct cat_node *tree, const char *function, const char *vnfd_id,
		 const char *flavour, struct cat_err *err);

// occurrence.c
struct operation_request {
	const char *operation; // of saga.c's table
	const struct cat_node *params;
	const char *wanted, *before;  // texts of service files; NULL: none
	const struct cat_node *after; // merged into the instance when done
	const struct cat_node *changed_info, *changed_connectivity;
	bool automatic, external; // external: what the other API does, here only told
};
// Makes an occurrence in STARTING and begins it. NULL: err says why (-EBUSY: another one is under way).
struct sol_resource *occurrence_start(struct sol *sol, struct sol_resource *instance,
				      const struct operation_request *operation, struct cat_err *err);
enum sol_state occurrence_state(const struct sol_resource *occurrence);
// Goes to the next state, writes it down and tells subscribers. False: the pair is not legal.
bool occurrence_event(struct sol *sol, struct sol_resource *occurrence, enum sol_event event);
void occurrence_set_error(struct sol_resource *occurrence, const char *step, const struct cat_err *err);
void occurrence_forget_old(struct sol *sol);

// saga.c
void saga_begin(struct sol *sol, struct sol_resource *occurrence); // a new one, or one of an earlier manager
void saga_wake(struct sol *sol);
void saga_free(struct sol_run *run);
// A service's own operation, by the other API or by itself.
void saga_observe(struct sol *sol, struct service *service, const char *name, const struct cat_err *result);
void saga_observe_function(struct sol *sol, const char *service, const char *function, const char *kind);
// Goes on with, or ends, what an earlier manager did not end.
void saga_recover(struct sol *sol);

// fault.c: alarms. fault NULL: all of the function.
void fault_event(struct sol *sol, const char *service, const char *function, const char *kind, const char *message);
void fault_raise(struct sol *sol, const char *service, const char *function, const char *fault, const char *severity,
		 const char *type, const char *message);
void fault_clear(struct sol *sol, const char *service, const char *function, const char *fault);
// quality.c: once a second, alarms of what the counters say.
void quality_look(struct sol *sol);
// performance.c: begins to run jobs and watch thresholds.
int performance_start(struct sol *sol, struct cat_err *err);

// notify.c
void notify_occurrence(struct sol *sol, const struct sol_resource *occurrence);
void notify_identifier(struct sol *sol, const struct sol_resource *instance, bool created);
// {id, notificationType, subscriptionId, timeStamp}; NULL: no memory.
struct cat_node *notify_new(const struct sol_resource *subscription, const char *type);
// Queues it behind what the subscription has not got yet. Takes body over (NULL: no memory).
void notify_send(struct sol *sol, const struct sol_resource *subscription, struct cat_node *body);
// Whether the instance is one that the subscription's filter wants.
bool notify_wanted(const struct sol_resource *subscription, const struct sol_resource *instance);
// Whether the list under `key` is absent or holds the text.
bool notify_listed(const struct cat_node *filter, const char *key, const char *text);

// sender.c: delivery by HTTP, in order for each subscription, until it is taken.
#define SENDER_QUEUE_MAX 1000u // notifications of a subscription; beyond it the oldest is lost, and an event says so
#define SENDER_TRIES_MAX 32u
struct sol_sender *sender_create(struct sol *sol, struct cat_err *err);
void sender_destroy(struct sol_sender *sender);
// There is something new to send.
void sender_wake(struct sol_sender *sender);
// Forgets what waits for a subscription that ends.
void sender_forget(struct sol_sender *sender, const char *subscription);
// GET on a subscription's callback URI, which shall answer 204 (clause 5.4.20.3.2). done is called once, from the loop;
// problem NULL: it does.
int sender_test(struct sol_sender *sender, const struct cat_node *subscription,
		void (*done)(void *user, const char *problem), void *user, struct cat_err *err);

#endif
