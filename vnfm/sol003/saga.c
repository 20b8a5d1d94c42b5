// SPDX-License-Identifier: BSD-3-Clause
// Runs operations: one step after the other, each written down before it begins; after a failure the steps are undone
// in the opposite order, the one that failed first. Nothing here waits: what is under way is looked at again.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "saga.h"

#define TICK_MS 20

static const struct saga *saga_of(const struct sol_resource *occurrence)
{
	const char *operation = doc_text(occurrence->doc, "operation");
	// One operation of the API, two ways.
	if (!strcmp(operation, "OPERATE"))
		operation = strcmp(doc_text(cat_node_get(occurrence->doc, "params"), "changeStateTo"), "STARTED") != 0
				    ? "STOP"
				    : "START";
	return saga_find(operation);
}

void saga_free(struct sol_run *run)
{
	free(run);
}

// For tests: CATENA_FAULT names a file that says OPERATION/STEP/WHEN/WHAT, with WHEN "before", "after" or "undo" and
// WHAT "fail" or "die".
static bool fault(const struct saga *saga, const char *step, const char *when, struct cat_err *err)
{
	const char *path = getenv("CATENA_FAULT");
	cat_autofree char *wanted = NULL;
	char here[96];
	size_t size = 0;
	int n = snprintf(here, sizeof(here), "%s/%s/%s/", saga->operation, step, when);
	if (!path || cat_file_read(AT_FDCWD, path, 256, &wanted, &size, NULL) < 0 ||
	    strncmp(wanted, here, (size_t)n) != 0)
		return false;
	if (!strncmp(wanted + n, "die", 3))
		raise(SIGKILL);
	cat_err_set(err, -EIO, "a fault was injected (%.*s)", (int)strcspn(wanted, "\n"), wanted);
	return true;
}

// The step's name, or that there is none any more.
static const struct saga_step *step_at(const struct saga *saga, int64_t at)
{
	for (int64_t i = 0; i < (int64_t)CAT_ARRAY_LEN(saga->step) && saga->step[i].name; i++)
		if (i == at)
			return &saga->step[i];
	return NULL;
}

static void set_step(struct sol *sol, struct sol_resource *occurrence, int64_t at)
{
	struct sol_run *run = occurrence->run;
	doc_set_int(occurrence->doc, "step", at);
	sol_save(sol, occurrence);
	run->called = run->answered = false;
	run->since_ms = cat_now_ms();
}

static void stop(struct sol_resource *occurrence)
{
	// What it called answers into the run: it is kept until then.
	if (occurrence->run && !(occurrence->run->called && !occurrence->run->answered)) {
		saga_free(occurrence->run);
		occurrence->run = NULL;
	}
}

static void failed(struct sol *sol, struct sol_resource *occurrence, const char *step, const struct cat_err *err,
		   enum sol_event event)
{
	bool undoing = occurrence_state(occurrence) == SOL_ROLLING_BACK;
	cat_warn("%s of %s/%s: step %s: %s", doc_text(occurrence->doc, "operation"),
		 doc_text(occurrence->doc, "service"), doc_text(occurrence->doc, "function"), step, err->message);
	occurrence_set_error(occurrence, step, err);
	occurrence_event(sol, occurrence, event);
	// Undoing that fails is not begun again by itself: it would fail again.
	if (undoing || !strcmp(doc_text(occurrence->doc, "onFailure"), "stop")) {
		stop(occurrence);
		return;
	}
	// The reason stays visible.
	occurrence_event(sol, occurrence, SOL_ROLLBACK);
	occurrence->run->since_ms = cat_now_ms();
}

static void process(struct sol *sol, struct sol_resource *occurrence)
{
	const struct saga *saga = saga_of(occurrence);
	struct sol_run *run = occurrence->run;
	const struct saga_step *step = step_at(saga, doc_int(occurrence->doc, "step"));
	struct cat_err err = {0};
	if (!step) {
		occurrence_event(sol, occurrence, SOL_DONE);
		stop(occurrence);
		return;
	}
	if (doc_flag(occurrence->doc, "cancel") && !run->called) {
		cat_err_set(&err, -ECANCELED, "was cancelled");
		failed(sol, occurrence, step->name, &err, SOL_CANCEL);
		return;
	}
	bool first = !run->since_ms;
	if (first)
		run->since_ms = cat_now_ms();
	if (!run->called && fault(saga, step->name, "before", &err)) {
		failed(sol, occurrence, step->name, &err, SOL_ERROR);
		return;
	}
	enum saga_result result = step->run(sol, occurrence, &err);
	if (result == SAGA_DONE && fault(saga, step->name, "after", &err))
		result = SAGA_FAILED;
	if (result == SAGA_FAILED)
		failed(sol, occurrence, step->name, &err, SOL_ERROR);
	else if (result == SAGA_DONE)
		set_step(sol, occurrence, doc_int(occurrence->doc, "step") + 1);
}

static void undo(struct sol *sol, struct sol_resource *occurrence)
{
	const struct saga *saga = saga_of(occurrence);
	int64_t at = doc_int(occurrence->doc, "step");
	const struct saga_step *step = step_at(saga, at);
	struct cat_err err = {0};
	if (at < 0) {
		occurrence_event(sol, occurrence, SOL_DONE);
		stop(occurrence);
		return;
	}
	if (doc_flag(occurrence->doc, "cancel") && !occurrence->run->called) {
		cat_err_set(&err, -ECANCELED, "the roll-back was cancelled");
		failed(sol, occurrence, step ? step->name : "", &err, SOL_CANCEL);
		return;
	}
	enum saga_result result = SAGA_DONE;
	if (step && !occurrence->run->called && fault(saga, step->name, "undo", &err))
		result = SAGA_FAILED;
	else if (step && step->undo)
		result = step->undo(sol, occurrence, &err);
	if (result == SAGA_FAILED)
		failed(sol, occurrence, step->name, &err, SOL_ERROR);
	else if (result == SAGA_DONE)
		set_step(sol, occurrence, at - 1);
}

// An operation that is cancelled by force does not wait for its service to come up.
static void force(struct sol *sol, const struct sol_resource *occurrence)
{
	struct service *service = manager_service(sol->manager, doc_text(occurrence->doc, "service"));
	if (service && occurrence->run->called && doc_flag(occurrence->doc, "cancel") &&
	    !strcmp(doc_text(occurrence->doc, "cancelMode"), "FORCEFUL") &&
	    !strcmp(doc_text(occurrence->doc, "operation"), "INSTANTIATE") && service->state == SERVICE_STARTING)
		service_down(service, AFTER_REMOVE, NULL);
}

// False: nothing is to be done for it any more.
static bool advance(struct sol *sol, struct sol_resource *occurrence)
{
	switch (occurrence_state(occurrence)) {
	case SOL_STARTING:
		if (doc_flag(occurrence->doc, "cancel")) {
			occurrence_event(sol, occurrence, SOL_CANCEL);
			stop(occurrence);
		} else {
			occurrence_event(sol, occurrence, SOL_BEGIN);
		}
		break;
	case SOL_PROCESSING:
		force(sol, occurrence);
		process(sol, occurrence);
		break;
	case SOL_ROLLING_BACK:
		undo(sol, occurrence);
		break;
	default:
		stop(occurrence);
	}
	return occurrence->run;
}

static void on_tick(void *user)
{
	struct sol *sol = user;
	bool busy = false;
	// A manager that ends leaves its operations to the next one.
	if (sol->manager->stopping)
		return;
	if (sol->dirty)
		sol_sync(sol);
	for (struct sol_resource *r = sol->set[SOL_OCCURRENCE].first; r; r = r->next)
		if (r->run && advance(sol, r))
			busy = true;
	if (!busy) {
		cat_source_remove(sol->timer);
		sol->timer = NULL;
	}
}

static void on_wake(void *user)
{
	struct sol *sol = user;
	sol->posted = false;
	on_tick(sol);
}

void saga_wake(struct sol *sol)
{
	struct cat_err err = {0};
	if (!sol->timer)
		sol->timer = cat_loop_add_timer(sol->manager->loop, TICK_MS, TICK_MS, on_tick, sol, &err);
	if (!sol->timer)
		cat_error("operations stand still: %s", err.message);
	if (!sol->posted)
		sol->posted = cat_loop_post(sol->manager->loop, on_wake, sol) == 0;
}

void saga_begin(struct sol *sol, struct sol_resource *occurrence)
{
	if (!occurrence->run)
		occurrence->run = calloc(1, sizeof(*occurrence->run));
	if (!occurrence->run || !saga_of(occurrence)) {
		struct cat_err err = {0};
		cat_err_set(&err, -ENOMEM, "no memory");
		occurrence_set_error(occurrence, "start", &err);
		if (!occurrence_event(sol, occurrence, SOL_REFUSED))
			occurrence_event(sol, occurrence, SOL_ERROR);
		return;
	}
	occurrence->run->sol = sol;
	saga_wake(sol);
}
