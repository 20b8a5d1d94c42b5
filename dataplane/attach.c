// SPDX-License-Identifier: BSD-3-Clause
// What a function's process gets: all of its own memory, and nothing of its neighbours' but the rings between them.
#include <errno.h>
#include <stdio.h>

#include "cat_msg.h"
#include "control.h"

#define PARTS_PER_LANE 7u
#define PARTS_MAX (4u + CAT_LANES_MAX * PARTS_PER_LANE)
#define PART_NAME_MAX 32u

struct part {
	char name[PART_NAME_MAX];
	int fd;
};

struct parts {
	size_t count;
	struct part part[PARTS_MAX];
};

static int add(struct parts *parts, int fd, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int add(struct parts *parts, int fd, struct cat_err *err, const char *format, ...)
{
	if (fd < 0)
		return err->code;
	struct part *p = &parts->part[parts->count++];
	va_list args;
	va_start(args, format);
	vsnprintf(p->name, sizeof(p->name), format, args);
	va_end(args);
	p->fd = fd;
	return 0;
}

static int collect_lane(const struct peer *peer, uint32_t lane, struct parts *parts, struct cat_err *err)
{
	static const char *const sides[CAT_SIDES] = {[CAT_LEFT] = "left", [CAT_RIGHT] = "right"};
	static const char *const own[] = {"worker", "return", "supply"};
	const struct service_function *f = peer->function;
	const struct fd_table *fds = &peer->control->service.fds;
	int r = 0;
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(own); i++)
		r = add(parts, fd_table_get(fds, err, "function/%s/lane/%u/%s", f->name, lane, own[i]), err,
			"lane/%u/%s", lane, own[i]);
	for (uint32_t side = 0; r == 0 && side < CAT_SIDES; side++) {
		// Packets from the left neighbour go right, and those for it go left.
		uint32_t link = f->position + side;
		r = add(parts, fd_table_get(fds, err, "path/%s/link/%u/lane/%u/%s", f->path, link, lane, sides[!side]),
			err, "lane/%u/%s/in", lane, sides[side]);
		if (r == 0)
			r = add(parts,
				fd_table_get(fds, err, "path/%s/link/%u/lane/%u/%s", f->path, link, lane, sides[side]),
				err, "lane/%u/%s/out", lane, sides[side]);
	}
	return r;
}

static int collect(const struct peer *peer, struct parts *parts, struct cat_err *err)
{
	const struct service *s = &peer->control->service;
	const char *name = peer->function->name;
	int r = add(parts, fd_table_get(&s->fds, err, "region"), err, "region");
	if (r == 0)
		r = add(parts, fd_table_get(&s->fds, err, "function/%s/state", name), err, "state");
	if (r == 0)
		r = add(parts, fd_table_get(&s->fds, err, "function/%s/stats", name), err, "stats");
	if (r == 0)
		r = add(parts, peer->config_fd, err, "config");
	for (uint32_t lane = 0; r == 0 && lane < s->lanes.lanes; lane++)
		r = collect_lane(peer, lane, parts, err);
	return r;
}

// Sends some parts with a message that gets their names.
static int send_parts(const struct peer *peer, struct cat_node *body, const struct part *part, size_t count,
		      struct cat_err *err)
{
	int fds[CAT_MSG_FDS_MAX];
	struct cat_node *names = cat_node_add_list(body, "names");
	for (size_t i = 0; names && i < count; i++) {
		fds[i] = part[i].fd;
		if (!cat_node_add_string(names, NULL, part[i].name))
			names = NULL;
	}
	if (!names)
		return cat_err_set(err, -ENOMEM, "no memory for a message");
	return cat_msg_send(peer->sock, body, fds, count, err);
}

static struct cat_node *attach_body(const struct peer *peer)
{
	const struct service *s = &peer->control->service;
	const struct cat_node *latency = cat_node_get(s->plan, "latency");
	struct cat_node *body = cat_node_new_map(), *lanes = NULL;
	bool complete = body && cat_node_add_string(body, "type", "attach") &&
			cat_node_add_string(body, "function", peer->function->name) &&
			(lanes = cat_node_add_list(body, "lanes")) && cat_node_add_int(body, "ring", s->ring) &&
			cat_node_add_int(body, "supply_ring", s->supply_ring) &&
			cat_node_add_int(body, "buffers", s->lanes.region->buffers) &&
			cat_node_add_int(body, "stride", s->lanes.region->stride) &&
			cat_node_add_int(body, "burst", s->lanes.burst) &&
			(latency ? cat_node_copy(body, "latency", latency)
				 : cat_node_add_string(body, "latency", "balanced")) &&
			cat_node_add_string(body, "poll", s->lanes.busy ? "busy" : "adaptive");
	for (uint32_t i = 0; complete && i < s->lanes.lanes; i++)
		complete = cat_node_add_int(lanes, NULL, s->lanes.lane[i].cpu);
	if (!complete) {
		cat_node_free(body);
		return NULL;
	}
	return body;
}

int peer_send_attach(const struct peer *peer, struct cat_err *err)
{
	struct parts parts = {.count = 0};
	int r = collect(peer, &parts, err);
	if (r < 0)
		return r;
	size_t sent = 0;
	for (; parts.count - sent > CAT_MSG_FDS_MAX; sent += CAT_MSG_FDS_MAX) {
		cat_autonode struct cat_node *body = cat_node_new_map();
		if (!body || !cat_node_add_string(body, "type", "fds"))
			return cat_err_set(err, -ENOMEM, "no memory for a message");
		r = send_parts(peer, body, parts.part + sent, CAT_MSG_FDS_MAX, err);
		if (r < 0)
			return r;
	}
	cat_autonode struct cat_node *body = attach_body(peer);
	if (!body)
		return cat_err_set(err, -ENOMEM, "no memory for a message");
	return send_parts(peer, body, parts.part + sent, parts.count - sent, err);
}
