// SPDX-License-Identifier: BSD-3-Clause
// The NICs and virtual functions of a service: taken before its dataplane opens them, given back after it ended, and
// after any crash. Every step is in the store before it is done (kind "nic"), and struck out when it is undone.
//
// VFs are made for the first service that wants one of a NIC, and removed with the last: the step that removes them is
// handed on to another service that has one.
#ifndef VNFM_NIC_H
#define VNFM_NIC_H

#include "cat_vf.h"
#include "store.h"

#define NIC_PORTS_MAX 16u

struct manager;

struct nic {
	char port[64];
	struct cat_nic_want want;
	char bdf[CAT_BDF_MAX]; // once it is taken
};

// A step to be undone.
struct nic_step {
	int64_t change;
	struct cat_node *detail;
	bool done;
};

// Of one service. A plain value, which a job may work with.
struct nics {
	struct nic item[NIC_PORTS_MAX];
	size_t count;
	struct nic_step *step;
	size_t step_count;
};

// Reads the devices that the plan's ports want, checks each on the host, and writes down what is to be undone. Changes
// nothing.
int nics_look(struct nics *nics, struct manager *manager, const char *service, const struct cat_node *plan,
	      struct cat_err *err);
// For a job: makes the changes. What was done before a failure is given back with the rest.
int nics_take(struct nics *nics, const struct cat_nic_io *io, struct cat_err *err);
// Names the devices in the plan by their PCI addresses. True: something in it changed.
bool nics_name(const struct nics *nics, struct cat_node *plan, struct cat_err *err);
// Loads what is to be undone; hands on what another service needs still.
int nics_leave(struct nics *nics, struct manager *manager, const char *service, struct cat_err *err);
// For a job: undoes it. Goes on after a failure, and tells the first.
int nics_give_back(struct nics *nics, const struct cat_nic_io *io, struct cat_err *err);
// Strikes out what was undone, and forgets all.
int nics_done(struct nics *nics, struct store *store, struct cat_err *err);
void nics_finish(struct nics *nics);
// One step that an earlier manager wrote down.
int nics_undo(struct manager *manager, const struct cat_node *detail, struct cat_err *err);

#endif
