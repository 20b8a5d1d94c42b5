// SPDX-License-Identifier: BSD-3-Clause
// One trial of a measurement: generators send for a time, what is under way arrives, and every port tells.
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>

#include "cat_loop.h"
#include "service.h"

// Ends with exactly one call. `result` is the body of "measured" without its type; NULL: it failed, err says why.
typedef void measure_done_fn(void *user, struct cat_node *result, const struct cat_err *err);

struct measure {
	struct service *service;
	struct cat_loop *loop;
	struct cat_source *timer;
	measure_done_fn *done;
	void *user;
	uint32_t trial;       // number of the last one
	uint64_t deadline_ms; // for the accounts
	bool took_part[CAT_PORTS_MAX];
};

// Begins a trial as cat_control.h's "measure" says. Errors, upon which nothing has begun: -EBUSY (one is under way),
// -EINVAL, -ENOMEM.
int measure_begin(struct measure *measure, struct cat_loop *loop, struct service *service, const struct cat_node *body,
		  measure_done_fn *done, void *user, struct cat_err *err);
// Gives up without a call.
void measure_stop(struct measure *measure);

#endif
