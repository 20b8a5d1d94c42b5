// SPDX-License-Identifier: BSD-3-Clause
// The control thread's side of a VNF: taps into the container's own kernel, and daemons that live behind them
// (dnsmasq, FRR). Only for control_start, control_reconfigured and control_stop.
#ifndef CAT_DAEMON_H
#define CAT_DAEMON_H

#include "cat_addr.h"
#include "cat_err.h"
#include "cat_loop.h"
#include "cat_vnf.h"

#define CAT_CHANNELS_MAX 8u

struct cat_tap_options {
	const char *name; // of the interface in the container
	struct cat_mac mac;
	const struct cat_prefix *addresses;
	size_t address_count;
	uint32_t mtu; // 0: 1500
	// Default routes on this interface with this next hop; family 0: none.
	struct cat_addr gateway4, gateway6;
};

// Makes the tap, brings it and lo up, and binds it to the channel: frames punted to the channel are written to it,
// frames that the kernel sends come to ops->inject on lane 0. Needs CAP_NET_ADMIN in the container and /dev/net/tun.
int cat_tap_create(struct cat_vnf *vnf, unsigned channel, const struct cat_tap_options *options, struct cat_err *err);
void cat_tap_destroy(struct cat_vnf *vnf, unsigned channel);

// Starts a daemon and starts it again, with back-off, when it ends. Its output goes to our standard error, line by
// line with its name before it. Returns a handle >= 0. Ends with the VNF (PR_SET_PDEATHSIG).
int cat_daemon_start(struct cat_vnf *vnf, const char *const *argv, struct cat_err *err);
// Calls fn whenever the daemon has ended without having been stopped, before it is started again. NULL: nobody.
typedef void (*cat_daemon_ended_fn)(void *user);
void cat_daemon_on_end(struct cat_vnf *vnf, int handle, cat_daemon_ended_fn fn, void *user);
// Ends it (SIGTERM, SIGKILL after 1 s).
void cat_daemon_stop(struct cat_vnf *vnf, int handle);
// Ends it without asking (SIGKILL), whereupon it is started again: for a changed configuration.
void cat_daemon_restart(struct cat_vnf *vnf, int handle);
// The loop of the control thread, for the VNF's own descriptors and timers.
struct cat_loop *cat_vnf_loop(struct cat_vnf *vnf);
// A lane, for what control thread and worker agree on: parts of its state, queues in what lane_create made. NULL: there
// are no more.
struct cat_lane *cat_vnf_lane(const struct cat_vnf *vnf, uint32_t id);
// What control_start, control_reconfigured and control_stop keep between them; NULL at first. The VNF's own.
void cat_vnf_set_user(struct cat_vnf *vnf, void *user);
void *cat_vnf_user(const struct cat_vnf *vnf);

#endif
