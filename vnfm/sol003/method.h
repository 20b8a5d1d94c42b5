// SPDX-License-Identifier: BSD-3-Clause
// The table of SOL003's methods: what is dispatched, checked and documented (docs/api/openapi.yaml) is the same.
#ifndef SOL_METHOD_H
#define SOL_METHOD_H

#include "selector.h"
#include "sol.h"

#define SOL_V1 1u
#define SOL_V2 2u

struct sol_call;
typedef void (*sol_fn)(struct sol_call *call);

struct sol_method {
	struct api_method api; // path: behind "/vnflcm/v2"; "{id}" stands for a resource's id
	const char *interface; // "vnflcm", "vnfpm", "vnffm"
	unsigned versions;     // SOL_V1, SOL_V2
	enum sol_kind kind;    // of {id}, and of lists
	const char *schema;    // of the body in schema.json's $defs; NULL: none is taken
	const char *answer;    // of the answer; NULL: it has no body
	sol_fn handle;
};
extern const struct sol_method sol_methods[];
extern const size_t sol_method_count;

// One request that has passed all checks that its method's line in the table asks for.
struct sol_call {
	struct api_request *request;
	struct sol *sol;
	const struct sol_method *method;
	bool v1;
	struct cat_node *body;         // NULL: it has none; freed after the handler
	struct sol_resource *resource; // of {id}
};

enum api_route sol_route(struct api_request *request, const char *verb, const char *path, char *allow,
			 size_t allow_size);
void sol_dispatch(struct api_request *request);

// Answers. view: one resource as it is shown.
typedef struct cat_node *(*sol_view)(const struct sol *sol, const struct sol_resource *resource, bool v1);
struct sol_list {
	sol_view view;
	const char *const *defaults, *const *mandatory; // of attribute selectors, ended by NULL
};
// Filters, selects and pages the method's kind.
void reply_list(struct sol_call *call, const struct sol_list *list);
// With its ETag; 304 and 412 as the conditions ask. Takes body over.
void reply_resource(struct sol_call *call, unsigned status, struct cat_node *body);
void reply_created(struct sol_call *call, unsigned status, const char *path, const char *id, struct cat_node *body);
void reply_problem(struct sol_call *call, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Adds what every answer has; sol_dispatch does it for those that are given at once.
void reply_version(struct sol_call *call);
void reply_error(struct sol_call *call, const struct cat_err *err);
// False: answered 412 because the resource is not as If-Match says. Takes body over.
bool condition_holds(struct sol_call *call, struct cat_node *body);

// The document that is docs/api/openapi.yaml. The caller frees; NULL: no memory.
char *openapi_text(const struct cat_node *schema);

// Handlers, by file.
void get_api_versions(struct sol_call *call);
void list_instances(struct sol_call *call);
void create_instance(struct sol_call *call);
void get_instance(struct sol_call *call);
void modify_instance(struct sol_call *call);
void delete_instance(struct sol_call *call);
void task_instantiate(struct sol_call *call);
void task_scale(struct sol_call *call);
void task_scale_to_level(struct sol_call *call);
void task_change_flavour(struct sol_call *call);
void task_operate(struct sol_call *call);
void task_heal(struct sol_call *call);
void task_change_ext_conn(struct sol_call *call);
void task_change_vnfpkg(struct sol_call *call);
void task_terminate(struct sol_call *call);
void list_occurrences(struct sol_call *call);
void get_occurrence(struct sol_call *call);
void task_retry(struct sol_call *call);
void task_rollback(struct sol_call *call);
void task_fail(struct sol_call *call);
void task_cancel(struct sol_call *call);
void list_alarms(struct sol_call *call);
void get_alarm(struct sol_call *call);
void modify_alarm(struct sol_call *call);
void list_pm_jobs(struct sol_call *call);
void create_pm_job(struct sol_call *call);
void create_threshold(struct sol_call *call);
void get_pm_job(struct sol_call *call);
void delete_pm_job(struct sol_call *call);
void get_report(struct sol_call *call);
void list_subscriptions(struct sol_call *call);
void create_subscription(struct sol_call *call);
void get_subscription(struct sol_call *call);
void delete_subscription(struct sol_call *call);

#endif
