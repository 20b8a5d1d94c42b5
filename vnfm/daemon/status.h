// SPDX-License-Identifier: BSD-3-Clause
// What is told of services: trees for the API. All: the caller frees, NULL: no memory.
#ifndef VNFM_STATUS_H
#define VNFM_STATUS_H

#include "service.h"

// One line of a list: name, state, functions, since.
struct cat_node *status_summary(const struct service *service);
// Everything, with counters.
struct cat_node *status_service(const struct service *service);
// Takes a sample of every running service; called once a second.
// Share of its size, 0 to 1, to which the fullest ring of all paths and lanes is full.
double status_fullest(const struct service *service);
void status_sample(struct manager *manager);
// The host's topology and who has what of it.
int status_host(struct manager *manager, struct cat_node **ret_host, struct cat_err *err);

#endif
