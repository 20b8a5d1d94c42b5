// SPDX-License-Identifier: BSD-3-Clause
// The plan: a pure function of service, host and what is taken. See docs/plan.md for the JSON, which catenad keeps
// and the dataplane reads.
#ifndef CAT_PLAN_H
#define CAT_PLAN_H

#include "cat_alloc.h"
#include "cat_service.h"
#include "cat_topology.h"

// Makes the plan, or says what is missing, what holds it and what would do.
// *ret_plan is a tree (the caller frees). Errors: -ENOSPC (does not fit), -ENODEV (no such port device), -ENOMEM.
int cat_plan_make(const struct cat_service *service, const struct cat_topology *host,
		  const struct cat_reservations *taken, struct cat_node **ret_plan, struct cat_err *err);
// What a plan takes of the host, for the reservations.
int cat_plan_claim(const struct cat_node *plan, struct cat_claim *ret_claim, struct cat_err *err);
// For people: placement, memory, rings, copies per hop. colour: with ANSI escapes. NULL: no memory; the caller frees.
char *cat_plan_format(const struct cat_node *plan, bool colour);

#endif
