// SPDX-License-Identifier: BSD-3-Clause
#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

#define LENGTH_MS_MAX 3600000
#define SETTLE_MS_MAX 60000
#define SETTLE_MS 50    // by default: what is under way arrives in far less
#define ACCOUNT_MS 2000 // for every lane to answer; a lane that sleeps wakes up long before
#define POLL_MS 2u

static struct port *find_port(struct service *service, const char *name)
{
	for (uint32_t i = 0; i < service->lanes.port_count; i++)
		if (!strcmp(service->lanes.port[i].name, name))
			return &service->lanes.port[i];
	return NULL;
}

static int read_port(struct service *service, const struct cat_node *node, int64_t length_ms, struct port **ret_port,
		     struct port_trial *ret_trial, struct cat_err *err)
{
	const char *name = NULL;
	int64_t rate = 0, count = 0;
	int r = cat_node_read_string(node, "port", CAT_REQUIRED, &name, err);
	if (r == 0)
		r = cat_node_read_int(node, "rate", CAT_OPTIONAL, 0, 1000000000, &rate, err);
	if (r == 0)
		r = cat_node_read_int(node, "count", CAT_OPTIONAL, 0, INT64_MAX, &count, err);
	if (r < 0)
		return r;
	struct port *port = find_port(service, name);
	if (!port || !port->driver->trial_begin)
		return cat_err_set(err, -EINVAL, "port \"%.32s\" is no generator of this service", name);
	*ret_port = port;
	*ret_trial = (struct port_trial){
		.rate_pps = (uint64_t)rate, .count = (uint64_t)count, .length_ns = (uint64_t)length_ms * 1000000u};
	return 0;
}

static bool add_latency(struct cat_node *map, const struct cat_histogram *h)
{
	struct cat_node *node = cat_node_add_map(map, "latency");
	if (!node || !cat_node_add_int(node, "count", (int64_t)h->count) ||
	    !cat_node_add_int(node, "sum_ns", (int64_t)h->sum_ns) ||
	    !cat_node_add_int(node, "max_ns", (int64_t)h->max_ns))
		return false;
	// Pairs of index and number: most buckets are empty.
	struct cat_node *buckets = cat_node_add_list(node, "buckets");
	for (uint32_t i = 0; buckets && i < CAT_HISTOGRAM_BUCKETS; i++)
		if (h->bucket[i] &&
		    (!cat_node_add_int(buckets, NULL, i) || !cat_node_add_int(buckets, NULL, (int64_t)h->bucket[i])))
			return false;
	return buckets;
}

static bool add_account(struct cat_node *list, struct port *port)
{
	cat_autofree struct port_account *a = calloc(1, sizeof(*a));
	if (!a)
		return false;
	port->driver->trial_end(port, a);
	struct cat_node *map = cat_node_add_map(list, NULL);
	return map && cat_node_add_string(map, "port", port->name) && cat_node_add_int(map, "sent", (int64_t)a->sent) &&
	       cat_node_add_int(map, "received", (int64_t)a->received) &&
	       cat_node_add_int(map, "duplicates", (int64_t)a->duplicates) &&
	       cat_node_add_int(map, "reordered", (int64_t)a->reordered) &&
	       cat_node_add_int(map, "foreign", (int64_t)a->foreign) && add_latency(map, &a->latency);
}

static void finish(struct measure *m, const struct cat_err *failure)
{
	struct cat_err err = failure ? *failure : (struct cat_err){0};
	measure_stop(m);
	struct cat_node *result = failure ? NULL : cat_node_new_map();
	struct cat_node *ports = result ? cat_node_add_list(result, "ports") : NULL;
	bool complete = ports;
	for (uint32_t i = 0; complete && i < m->service->lanes.port_count; i++)
		if (m->took_part[i])
			complete = add_account(ports, &m->service->lanes.port[i]);
	if (!failure && !complete) {
		cat_node_free(result);
		result = NULL;
		cat_err_set(&err, -ENOMEM, "no memory for the accounts");
	}
	m->done(m->user, result, result ? NULL : &err);
}

static void poll_accounts(void *user)
{
	struct measure *m = user;
	bool all = true;
	for (uint32_t i = 0; i < m->service->lanes.port_count; i++)
		if (m->took_part[i])
			all = m->service->lanes.port[i].driver->trial_ready(&m->service->lanes.port[i]) && all;
	struct cat_err err = {0};
	if (all) {
		finish(m, NULL);
	} else if (cat_now_ms() > m->deadline_ms) {
		cat_err_set(&err, -ETIMEDOUT, "a lane did not give its account within %u ms", ACCOUNT_MS);
		finish(m, &err);
	}
}

static void on_end(void *user)
{
	struct measure *m = user;
	struct cat_err err = {0};
	m->timer = NULL; // it fires once
	m->deadline_ms = cat_now_ms() + ACCOUNT_MS;
	m->timer = cat_loop_add_timer(m->loop, POLL_MS, POLL_MS, poll_accounts, m, &err);
	if (!m->timer)
		finish(m, &err);
}

int measure_begin(struct measure *m, struct cat_loop *loop, struct service *service, const struct cat_node *body,
		  measure_done_fn *done, void *user, struct cat_err *err)
{
	if (m->timer)
		return cat_err_set(err, -EBUSY, "a trial is under way");
	int64_t length_ms = 0, settle_ms = SETTLE_MS;
	const struct cat_node *list = cat_node_get(body, "ports");
	int r = cat_node_read_int(body, "length_ms", CAT_REQUIRED, 1, LENGTH_MS_MAX, &length_ms, err);
	if (r == 0)
		r = cat_node_read_int(body, "settle_ms", CAT_OPTIONAL, 0, SETTLE_MS_MAX, &settle_ms, err);
	if (r < 0)
		return r;
	size_t count = list && list->type == CAT_LIST ? list->count : 0;
	if (count == 0 || count > CAT_PORTS_MAX)
		return cat_err_set(err, -EINVAL, "found %zu ports, expected 1 to %u", count, CAT_PORTS_MAX);
	struct port *port[CAT_PORTS_MAX];
	struct port_trial trial[CAT_PORTS_MAX];
	for (size_t i = 0; i < count; i++) {
		r = read_port(service, cat_node_at(list, i), length_ms, &port[i], &trial[i], err);
		if (r < 0)
			return r;
	}
	struct cat_source *timer = cat_loop_add_timer(loop, (uint64_t)(length_ms + settle_ms), 0, on_end, m, err);
	if (!timer)
		return err->code;
	*m = (struct measure){
		.service = service, .loop = loop, .timer = timer, .done = done, .user = user, .trial = m->trial + 1};
	// Receivers first: all forget at the same time, or what the first sends is foreign to the last.
	for (int sends = 0; r == 0 && sends < 2; sends++) {
		for (size_t i = 0; r == 0 && i < count; i++) {
			if ((trial[i].count > 0) != sends)
				continue;
			trial[i].id = m->trial;
			r = port[i]->driver->trial_begin(port[i], &trial[i], err);
			m->took_part[port[i]->id] = true;
		}
	}
	if (r < 0)
		measure_stop(m);
	return r;
}

void measure_stop(struct measure *m)
{
	cat_source_remove(m->timer);
	m->timer = NULL;
}
