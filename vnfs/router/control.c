// SPDX-License-Identifier: BSD-3-Clause
// Routing protocols: FRR's daemons behind taps, their routes from the kernel into the forwarding table, and all of it
// kept over restarts.
//
// How it works
//
// The kernel of the container has the taps with the sides' addresses, and daemons put the routes that they learn into
// it. rib.h has a copy of these; whenever it differs, a table is built of it and of what is configured, and the
// workers' pointer replaced (table.h). A copy lies in state memory. A successor begins with it, so that it forwards as
// before while its daemons meet their neighbours again (RFC 4724: the forwarding state was preserved); what nobody has
// said again after restart_s seconds is removed.
//
// A daemon that dies alone is started again. Zebra takes its routes out of the kernel; here they stay, as after a
// restart. When it was zebra, they stay in the kernel, too, where it finds them again.
#include "control.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_daemon.h"
#include "cat_file.h"
#include "cat_keep.h"
#include "cat_log.h"
#include "cat_loop.h"
#include "dynamic.h"
#include "frr.h"
#include "kernel.h"
#include "rib.h"

#define DIRECTORY "/run/frr" // a tmpfs of the container
#define PROGRAMS "/usr/lib/frr/"
#define ZEBRA_SOCKET DIRECTORY "/zserv.api"
#define READY_POLL_MS 20u
#define PUBLISH_MIN_MS 20u // so that who notices a daemon's death comes before what it takes along
#define PUBLISH_MAX_MS 1000u
#define SHARE 10u // of the time at most one part goes into building tables, and one into keeping them
#define RETIRE_POLL_MS 1u
#define KEEP_MS 200u
#define ZEBRA_GRACE_S 30u

struct retired {
	struct router_table *table;
	struct retired *next;
};

struct control {
	struct cat_vnf *vnf;
	struct router_config *config; // in force, or about to be
	struct rib *rib;              // NULL: no protocols
	struct kernel *kernel;
	struct cat_l3_interface interface[CAT_SIDES]; // what the taps were made for
	bool tap[CAT_SIDES];
	int daemon[FRR_DAEMONS]; // -1: none
	char *text[FRR_DAEMONS]; // of their configurations
	struct retired *retired;
	struct cat_source *ready_timer, *publish_timer, *retire_timer, *keep_timer, *sweep_timer;
	uint64_t build_ms, keep_ms; // that it took last
	uint8_t *memory;            // where routes are kept
	size_t bytes;
	bool told; // that they do not fit
};

static bool is_used(const struct control *control, const struct router_table *table)
{
	for (uint32_t id = 0;; id++) {
		const struct cat_lane *lane = cat_vnf_lane(control->vnf, id);
		if (!lane)
			return false;
		const struct router_lane *router = lane->priv;
		if (router && atomic_load_explicit(&router->used_table, memory_order_seq_cst) == table)
			return true;
	}
}

static void on_retire(void *user)
{
	struct control *control = user;
	for (struct retired **at = &control->retired; *at;) {
		struct retired *entry = *at;
		if (is_used(control, entry->table)) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		router_table_destroy(entry->table);
		free(entry);
	}
	if (control->retired)
		return;
	cat_source_remove(control->retire_timer);
	control->retire_timer = NULL;
}

// A table that no pointer leads to any more. Its entry was allocated before.
static void retire(struct control *control, struct router_table *table, struct retired *entry)
{
	struct cat_err err = {0};
	*entry = (struct retired){.table = table, .next = control->retired};
	control->retired = entry;
	on_retire(control);
	if (!control->retired || control->retire_timer)
		return;
	control->retire_timer = cat_loop_add_timer(cat_vnf_loop(control->vnf), RETIRE_POLL_MS, RETIRE_POLL_MS,
						   on_retire, control, &err);
	if (!control->retire_timer)
		cat_warn("old routes stay in memory: %s", err.message);
}

static void keep(struct control *control)
{
	uint64_t start = cat_now_ms();
	size_t max = control->bytes / 2;
	void *data = control->bytes ? malloc(max) : NULL;
	ssize_t size = data ? rib_save(control->rib, data, max) : -ENOMEM;
	int r = size < 0 ? (int)size : cat_keep_store(control->memory, control->bytes, data, (size_t)size);
	free(data);
	if (r < 0 && !control->told)
		cat_warn("%zu learnt routes do not outlive a restart: %s", rib_count(control->rib),
			 r == -E2BIG || !control->bytes ? "the function's state memory is too small" : strerror(-r));
	control->told = r < 0;
	control->keep_ms = cat_now_ms() - start;
}

static void on_keep(void *user)
{
	struct control *control = user;
	control->keep_timer = NULL;
	keep(control);
}

static void publish_later(struct control *control);

static int publish(struct control *control, struct cat_err *err)
{
	struct router_config *config = control->config;
	struct router_table *table;
	struct retired *entry = malloc(sizeof(*entry));
	uint64_t start = cat_now_ms();
	int r = entry ? rib_build(control->rib, config, &table, err)
		      : cat_err_set(err, -ENOMEM, "no memory for routes");
	if (r < 0) {
		free(entry);
		return r;
	}
	struct router_table *old = atomic_exchange_explicit(&config->table, table, memory_order_seq_cst);
	if (old == config->base)
		free(entry);
	else
		retire(control, old, entry);
	control->build_ms = cat_now_ms() - start;
	uint64_t delay = control->keep_ms * (SHARE - 1);
	if (!control->keep_timer)
		control->keep_timer = cat_loop_add_timer(cat_vnf_loop(control->vnf), delay < KEEP_MS ? KEEP_MS : delay,
							 0, on_keep, control, NULL);
	return 0;
}

static void on_publish(void *user)
{
	struct control *control = user;
	struct cat_err err = {0};
	control->publish_timer = NULL;
	if (rib_is_rereading(control->rib))
		return;
	int r = rib_commit(control->rib);
	if (r > 0)
		r = publish(control, &err);
	if (r < 0) {
		cat_error("learnt routes: %s", err.code ? err.message : strerror(-r));
		control->build_ms = PUBLISH_MAX_MS;
		publish_later(control);
	}
}

// Changes that come together become one table, and a table that takes long to build is not built all the time.
static void publish_later(struct control *control)
{
	uint64_t delay = control->build_ms * (SHARE - 1);
	delay = delay < PUBLISH_MIN_MS ? PUBLISH_MIN_MS : delay > PUBLISH_MAX_MS ? PUBLISH_MAX_MS : delay;
	if (!control->publish_timer)
		control->publish_timer =
			cat_loop_add_timer(cat_vnf_loop(control->vnf), delay, 0, on_publish, control, NULL);
}

static void on_changed(void *user)
{
	struct control *control = user;
	if (!rib_is_rereading(control->rib) && rib_has_changes(control->rib))
		publish_later(control);
}

static void on_sweep(void *user)
{
	struct control *control = user;
	control->sweep_timer = NULL;
	kernel_sweep(control->kernel);
}

static void sweep_later(struct control *control)
{
	cat_source_remove(control->sweep_timer);
	control->sweep_timer =
		cat_loop_add_timer(cat_vnf_loop(control->vnf), control->config->dynamic->restart_s * UINT64_C(1000), 0,
				   on_sweep, control, NULL);
}

// Somebody who said routes is away, and his routes go out of the kernel: they forward on until he has said them again.
static void hold_routes(void *user)
{
	struct control *control = user;
	if (!control->rib)
		return;
	rib_make_stale(control->rib);
	sweep_later(control);
	on_changed(control);
}

// Taps of sides that have addresses.
static int make_taps(struct control *control, uint32_t ret_index[CAT_SIDES], struct cat_err *err)
{
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		const struct cat_l3_interface *interface = &control->config->interface[side];
		control->interface[side] = *interface;
		ret_index[side] = 0;
		if (!interface->count)
			continue;
		const struct cat_tap_options options = {
			.name = frr_interface[side],
			.mac = interface->mac,
			.addresses = interface->address,
			.address_count = interface->count,
			.mtu = interface->mtu,
		};
		int r = cat_tap_create(control->vnf, side, &options, err);
		if (r < 0)
			return r;
		control->tap[side] = true;
		ret_index[side] = if_nametoindex(frr_interface[side]);
	}
	return 0;
}

static void drop_taps(struct control *control)
{
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		if (control->tap[side])
			cat_tap_destroy(control->vnf, side);
		control->tap[side] = false;
	}
}

static void stop_daemons(struct control *control)
{
	cat_source_remove(control->ready_timer);
	control->ready_timer = NULL;
	for (unsigned i = FRR_DAEMONS; i-- > 0;) {
		if (control->daemon[i] >= 0)
			cat_daemon_stop(control->vnf, control->daemon[i]);
		control->daemon[i] = -1;
		free(control->text[i]);
		control->text[i] = NULL;
	}
}

static int start_daemon(struct control *control, enum router_daemon which, struct cat_err *err)
{
	const char *name = frr_daemon_name[which];
	char program[64], file[64], pid_file[64], restart[16];
	snprintf(program, sizeof(program), PROGRAMS "%s", name);
	snprintf(file, sizeof(file), DIRECTORY "/%s.conf", name);
	snprintf(pid_file, sizeof(pid_file), DIRECTORY "/%s.pid", name);
	// Daemons come back to zebra after ten seconds.
	snprintf(restart, sizeof(restart), "%u", control->config->dynamic->restart_s + ZEBRA_GRACE_S);
	bool zebra = which == FRR_ZEBRA;
	// In their namespaces they are root, which is nobody outside. No telnet; sockets in our directory.
	const char *argv[] = {program,      "-u",
			      "root",       "-g",
			      "root",       "-P",
			      "0",          "--vty_socket",
			      DIRECTORY,    "-z",
			      ZEBRA_SOCKET, "-i",
			      pid_file,     "-f",
			      file,         "--log",
			      "stdout",     zebra ? "-K" : NULL,
			      restart,      "--v6-rr-semantics",
			      NULL};
	int r = cat_daemon_start(control->vnf, argv, err);
	if (r < 0)
		return r;
	control->daemon[which] = r;
	if (which != FRR_BFDD)
		cat_daemon_on_end(control->vnf, r, hold_routes, control);
	return 0;
}

// Brings the daemons to what the configuration says. One whose configuration changed is ended at once, not asked to go:
// asked, it would take leave of its neighbours, which then forget our routes; so it comes back as after a crash.
static int apply_daemon(struct control *control, enum router_daemon which, struct cat_err *err)
{
	cat_autofree char *text = NULL;
	char file[64];
	int r = frr_config(control->config, which, &text, err);
	if (r < 0)
		return r;
	if (!text) {
		if (control->daemon[which] >= 0)
			cat_daemon_stop(control->vnf, control->daemon[which]);
		control->daemon[which] = -1;
		free(control->text[which]);
		control->text[which] = NULL;
		return 0;
	}
	if (control->text[which] && strcmp(control->text[which], text) == 0)
		return 0;
	snprintf(file, sizeof(file), DIRECTORY "/%s.conf", frr_daemon_name[which]);
	r = cat_file_replace(file, text, strlen(text), 0600, err);
	if (r < 0)
		return r;
	free(control->text[which]);
	control->text[which] = cat_steal(text);
	if (control->daemon[which] >= 0) {
		hold_routes(control);
		cat_daemon_restart(control->vnf, control->daemon[which]);
		return 0;
	}
	return start_daemon(control, which, err);
}

static int apply_daemons(struct control *control, struct cat_err *err)
{
	int r = 0;
	for (unsigned i = FRR_ZEBRA + 1; i < FRR_DAEMONS && !r; i++)
		r = apply_daemon(control, (enum router_daemon)i, err);
	return r;
}

// The others wait ten seconds when they do not find zebra.
static void on_ready(void *user)
{
	struct control *control = user;
	struct cat_err err = {0};
	if (access(ZEBRA_SOCKET, F_OK) < 0)
		return;
	cat_source_remove(control->ready_timer);
	control->ready_timer = NULL;
	if (apply_daemons(control, &err) < 0)
		cat_error("routing protocols: %s", err.message);
}

static int start_daemons(struct control *control, struct cat_err *err)
{
	if (mkdir(DIRECTORY, 0755) < 0 && errno != EEXIST)
		return cat_err_errno(err, DIRECTORY);
	unlink(ZEBRA_SOCKET);
	int r = apply_daemon(control, FRR_ZEBRA, err);
	if (r < 0)
		return r;
	control->ready_timer =
		cat_loop_add_timer(cat_vnf_loop(control->vnf), READY_POLL_MS, READY_POLL_MS, on_ready, control, err);
	return control->ready_timer ? 0 : err->code;
}

// What a predecessor knew forwards at once.
static int load_kept(struct control *control, struct cat_err *err)
{
	struct cat_lane *lane = cat_vnf_lane(control->vnf, 0);
	size_t size = 0, before = (cat_l3_state_bytes(ROUTER_NEIGHBOURS) + 63) & ~(size_t)63;
	if (lane->state_bytes > before) {
		control->memory = (uint8_t *)lane->state + before;
		control->bytes = lane->state_bytes - before;
	}
	const void *data = control->bytes ? cat_keep_load(control->memory, control->bytes, &size) : NULL;
	if (data && rib_load(control->rib, data, size) < 0)
		cat_warn("the routes of the time before cannot be read");
	if (!rib_count(control->rib))
		return 0;
	cat_info("%zu routes of the time before forward until they are said again", rib_count(control->rib));
	sweep_later(control);
	int r = rib_commit(control->rib);
	return r < 0 ? r : publish(control, err);
}

static int start(struct control *control, struct cat_err *err)
{
	uint32_t index[CAT_SIDES];
	control->rib = rib_create();
	if (!control->rib)
		return cat_err_set(err, -ENOMEM, "no memory for learnt routes");
	int r = load_kept(control, err);
	if (!r)
		r = make_taps(control, index, err);
	if (!r)
		r = kernel_open(cat_vnf_loop(control->vnf), control->rib, index, on_changed, control, &control->kernel,
				err);
	return r < 0 ? r : start_daemons(control, err);
}

static void stop(struct control *control)
{
	kernel_close(control->kernel);
	control->kernel = NULL;
	cat_source_remove(control->publish_timer);
	cat_source_remove(control->keep_timer);
	cat_source_remove(control->sweep_timer);
	control->publish_timer = control->keep_timer = control->sweep_timer = NULL;
	stop_daemons(control);
	drop_taps(control);
	rib_destroy(control->rib);
	control->rib = NULL;
}

static bool same_interface(const struct cat_l3_interface *a, const struct cat_l3_interface *b)
{
	if (a->mtu != b->mtu || memcmp(&a->mac, &b->mac, sizeof(a->mac)) != 0 || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->address[i].length != b->address[i].length ||
		    !cat_addr_equal(&a->address[i].addr, &b->address[i].addr))
			return false;
	return true;
}

// The daemons' interfaces are others now: they begin anew, while their routes go on forwarding.
static int replace_taps(struct control *control, struct cat_err *err)
{
	uint32_t index[CAT_SIDES];
	kernel_close(control->kernel);
	control->kernel = NULL;
	stop_daemons(control);
	drop_taps(control);
	int r = rib_is_rereading(control->rib) ? rib_reread_end(control->rib, false) : 0;
	if (!r)
		r = rib_commit(control->rib);
	hold_routes(control);
	if (r >= 0)
		r = make_taps(control, index, err);
	if (r >= 0)
		r = kernel_open(cat_vnf_loop(control->vnf), control->rib, index, on_changed, control, &control->kernel,
				err);
	return r < 0 ? r : start_daemons(control, err);
}

static int apply(struct control *control, struct cat_err *err)
{
	if (!control->config->dynamic) {
		if (control->rib) {
			stop(control);
			// Nobody is to find them again.
			cat_keep_store(control->memory, control->bytes, NULL, 0);
		}
		return 0;
	}
	if (!control->rib)
		return start(control, err);
	if (!same_interface(&control->interface[CAT_LEFT], &control->config->interface[CAT_LEFT]) ||
	    !same_interface(&control->interface[CAT_RIGHT], &control->config->interface[CAT_RIGHT]))
		return replace_taps(control, err);
	return control->ready_timer ? 0 : apply_daemons(control, err);
}

int router_control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err)
{
	struct control *control = calloc(1, sizeof(*control));
	if (!control)
		return cat_err_set(err, -ENOMEM, "no memory for the control thread");
	control->vnf = vnf;
	// Everything of it but the table is constant, which is the control thread's to replace.
	control->config = (struct router_config *)config;
	for (unsigned i = 0; i < FRR_DAEMONS; i++)
		control->daemon[i] = -1;
	cat_vnf_set_user(vnf, control);
	int r = apply(control, err);
	if (r < 0)
		router_control_stop(vnf);
	return r;
}

int router_control_prepare(struct cat_vnf *vnf, void *object, struct cat_err *err)
{
	struct control *control = cat_vnf_user(vnf);
	struct router_config *config = object;
	if (config->dynamic && control->rib) {
		struct router_table *table;
		int r = rib_build(control->rib, config, &table, err);
		if (r < 0)
			return r;
		atomic_store(&config->table, table);
	}
	control->config = config;
	return 0;
}

void router_control_reconfigured(struct cat_vnf *vnf, const void *config)
{
	(void)config; // prepared
	struct control *control = cat_vnf_user(vnf);
	struct cat_err err = {0};
	if (apply(control, &err) < 0)
		cat_error("routing protocols: %s", err.message);
	// What changed while it was being taken over went into the newer table already.
	if (control->rib)
		on_changed(control);
}

void router_control_stop(struct cat_vnf *vnf)
{
	struct control *control = cat_vnf_user(vnf);
	if (!control)
		return;
	if (control->rib && control->kernel && !rib_is_rereading(control->rib) && rib_commit(control->rib) >= 0)
		keep(control);
	if (control->rib)
		stop(control);
	cat_source_remove(control->retire_timer);
	// The workers have ended, or never ran.
	while (control->retired) {
		struct retired *entry = control->retired;
		control->retired = entry->next;
		router_table_destroy(entry->table);
		free(entry);
	}
	free(control);
	cat_vnf_set_user(vnf, NULL);
}
