// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cat_control.h"
#include "cat_file.h"
#include "cat_loop.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "cat_ring.h"
#include "cat_stats.h"

#define OPEN_TIMEOUT_MS 10000u
#define END_TIMEOUT_MS 3000u
#define STATE_BYTES (1u << 20)
#define SUPPLY_RING 256u
#define STRIDE 2112u
#define BATCH 32u // descriptors in a message

struct memory {
	char *name;
	int fd;
	void *map;
	size_t bytes;
};

struct function {
	char *name, *socket;
	pid_t pid;
};

struct rig {
	char directory[32];
	int sock;
	pid_t dataplane;
	size_t memory_count, function_count;
	struct memory *memory;
	struct function *function;
};

static struct cat_node *add_port(struct cat_node *ports, const char *name, const char *json, struct cat_err *err)
{
	cat_autonode struct cat_node *given = NULL;
	if (cat_tree_parse_json(name, json, strlen(json), &given, err) < 0)
		return NULL;
	struct cat_node *port = cat_node_add_map(ports, NULL);
	cat_node_add_string(port, "name", name);
	for (const struct cat_node *n = given->first; n; n = n->next)
		cat_node_copy(port, n->key, n);
	return port;
}

struct cat_node *rig_plan_make(const struct rig_plan *shape, struct cat_err *err)
{
	uint32_t ring = shape->ring ? shape->ring : 1024, burst = shape->burst ? shape->burst : 256;
	uint32_t rings = 2 * (shape->count + 1) + shape->count;
	uint32_t buffers = shape->buffers;
	if (!buffers)
		buffers = shape->lanes * (rings * ring + shape->count * SUPPLY_RING + 4096);
	struct cat_node *plan = cat_node_new_map();
	cat_node_add_int(plan, "version", 1);
	cat_node_add_string(plan, "service", "rig");
	cat_node_add_int(plan, "node", -1);
	struct cat_node *lanes = cat_node_add_list(plan, "lanes");
	for (unsigned i = 0; i < shape->lanes; i++)
		cat_node_add_int(cat_node_add_map(lanes, NULL), "cpu", shape->cpus[i]);
	cat_node_add_string(plan, "poll", shape->poll ? shape->poll : "adaptive");
	cat_node_add_string(plan, "latency", "balanced");
	cat_node_add_int(plan, "burst", burst);
	cat_node_add_int(plan, "ring", ring);
	cat_node_add_int(plan, "supply_ring", SUPPLY_RING);
	struct cat_node *region = cat_node_add_map(plan, "region");
	cat_node_add_int(region, "buffers", buffers);
	cat_node_add_int(region, "stride", STRIDE);
	cat_node_add_int(region, "headroom", CAT_HEADROOM);
	cat_node_add_int(region, "bytes", (int64_t)buffers * STRIDE);
	cat_node_add_int(region, "page_bytes", (int64_t)shape->page_bytes);
	struct cat_node *ports = cat_node_add_list(plan, "ports"), *functions = cat_node_add_list(plan, "functions");
	struct cat_node *path = cat_node_add_map(cat_node_add_list(plan, "paths"), NULL);
	cat_node_add_string(path, "name", "main");
	cat_node_add_null(path, "match");
	struct cat_node *hops = cat_node_add_list(path, "hops");
	cat_node_add_string(hops, NULL, "left");
	for (unsigned i = 0; i < shape->count; i++) {
		struct cat_node *f = cat_node_add_map(functions, NULL);
		cat_node_add_format(f, "name", "f%u", i);
		cat_node_add_string(f, "kind", shape->kinds[i]);
		cat_node_add_string(f, "path", "main");
		cat_node_add_int(f, "position", i);
		cat_node_add_int(f, "state_bytes", STATE_BYTES);
		cat_node_add_format(hops, NULL, "f%u", i);
	}
	cat_node_add_string(hops, NULL, "right");
	struct cat_node *links = cat_node_add_list(path, "links");
	for (const struct cat_node *hop = hops->first; hop->next; hop = hop->next) {
		struct cat_node *link = cat_node_add_map(links, NULL);
		cat_node_add_string(link, "left", hop->string);
		cat_node_add_string(link, "right", hop->next->string);
	}
	if (!add_port(ports, "left", shape->left, err) || !add_port(ports, "right", shape->right, err)) {
		cat_node_free(plan);
		return NULL;
	}
	return plan;
}

static int64_t get_int(const struct cat_node *map, const char *key, int64_t otherwise)
{
	const struct cat_node *n = cat_node_get(map, key);
	return n && n->type == CAT_INT ? n->integer : otherwise;
}

static int add_fd(struct rig *rig, int fd, char *name, struct cat_err *err)
{
	struct memory *more = realloc(rig->memory, (rig->memory_count + 1) * sizeof(*more));
	if (!more || !name)
		return cat_err_set(err, -ENOMEM, "no memory");
	rig->memory = more;
	more[rig->memory_count++] = (struct memory){.name = name, .fd = fd};
	return 0;
}

static int add_memory(struct rig *rig, size_t bytes, size_t page_bytes, struct cat_err *err, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static int add_memory(struct rig *rig, size_t bytes, size_t page_bytes, struct cat_err *err, const char *format, ...)
{
	char name[256];
	va_list args;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	int fd;
	int r = cat_memfd_create(name, bytes, page_bytes, -1, &fd, err);
	if (r < 0)
		return r;
	r = add_fd(rig, fd, strdup(name), err);
	if (r < 0)
		return r;
	struct memory *m = &rig->memory[rig->memory_count - 1];
	return cat_memfd_map(fd, bytes, SIZE_MAX, PROT_READ | PROT_WRITE, &m->map, &m->bytes, err);
}

static int add_ring(struct rig *rig, uint32_t size, struct cat_err *err, const char *name)
{
	int r = add_memory(rig, cat_ring_bytes(size), 0, err, "%s", name);
	if (r == 0)
		cat_ring_format(rig->memory[rig->memory_count - 1].map, size);
	return r;
}

static int make_function(struct rig *rig, const struct cat_node *plan, const struct cat_node *f, struct cat_err *err)
{
	const char *name = cat_node_get(f, "name")->string;
	uint32_t lanes = (uint32_t)cat_node_get(plan, "lanes")->count;
	struct function *more = realloc(rig->function, (rig->function_count + 1) * sizeof(*more));
	if (!more)
		return cat_err_set(err, -ENOMEM, "no memory");
	rig->function = more;
	struct function *function = &more[rig->function_count++];
	*function = (struct function){.name = strdup(name), .socket = cat_format("%s/%s.sock", rig->directory, name)};
	int listen_fd;
	int r = cat_msg_listen(function->socket, 4, &listen_fd, err);
	if (r == 0)
		r = add_fd(rig, listen_fd, cat_format("function/%s/listen", name), err);
	if (r == 0)
		r = add_memory(rig, (size_t)get_int(f, "state_bytes", STATE_BYTES), 0, err, "function/%s/state", name);
	if (r == 0)
		r = add_memory(rig, cat_stats_bytes(lanes), 0, err, "function/%s/stats", name);
	for (uint32_t lane = 0; r == 0 && lane < lanes; lane++) {
		char ring[128];
		r = add_memory(rig, sizeof(struct cat_worker_page), 0, err, "function/%s/lane/%u/worker", name, lane);
		if (r < 0)
			break;
		struct cat_worker_page *page = rig->memory[rig->memory_count - 1].map;
		page->magic = CAT_WORKER_MAGIC;
		page->version = CAT_ABI_VERSION;
		snprintf(ring, sizeof(ring), "function/%s/lane/%u/return", name, lane);
		r = add_ring(rig, (uint32_t)get_int(plan, "ring", 0), err, ring);
		snprintf(ring, sizeof(ring), "function/%s/lane/%u/supply", name, lane);
		if (r == 0)
			r = add_ring(rig, (uint32_t)get_int(plan, "supply_ring", 0), err, ring);
	}
	return r;
}

static int make_memory(struct rig *rig, const struct cat_node *plan, struct cat_err *err)
{
	const struct cat_node *region = cat_node_get(plan, "region");
	uint32_t lanes = (uint32_t)cat_node_get(plan, "lanes")->count;
	int r = add_memory(rig, (size_t)get_int(region, "bytes", 0), (size_t)get_int(region, "page_bytes", 0), err,
			   "region");
	if (r == 0)
		r = add_memory(rig, cat_stats_bytes(lanes), 0, err, "stats");
	for (const struct cat_node *f = cat_node_get(plan, "functions")->first; r == 0 && f; f = f->next)
		r = make_function(rig, plan, f, err);
	for (const struct cat_node *p = cat_node_get(plan, "paths")->first; r == 0 && p; p = p->next)
		for (uint32_t i = 0; r == 0 && i < (cat_node_get(p, "hops")->count - 1) * lanes * 2; i++) {
			char ring[128];
			snprintf(ring, sizeof(ring), "path/%s/link/%u/lane/%u/%s", cat_node_get(p, "name")->string,
				 i / 2 / lanes, i / 2 % lanes, i % 2 ? "left" : "right");
			r = add_ring(rig, (uint32_t)get_int(plan, "ring", 0), err, ring);
		}
	return r;
}

static struct cat_node *message(const char *type)
{
	struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", type);
	return body;
}

// The dataplane may be slow to read.
static int send_fds(struct rig *rig, const struct cat_node *body, const int *fds, size_t count, struct cat_err *err)
{
	for (;;) {
		int r = cat_msg_send(rig->sock, body, fds, count, err);
		if (r != -EAGAIN)
			return r;
		struct pollfd p = {.fd = rig->sock, .events = POLLOUT};
		if (poll(&p, 1, OPEN_TIMEOUT_MS) <= 0)
			return r;
	}
}

static int send_memory(struct rig *rig, struct cat_err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < rig->memory_count; i += BATCH) {
		cat_autonode struct cat_node *body = message("fds");
		struct cat_node *names = cat_node_add_list(body, "names");
		int fds[BATCH];
		size_t n = 0;
		for (; n < BATCH && i + n < rig->memory_count; n++) {
			fds[n] = rig->memory[i + n].fd;
			cat_node_add_string(names, NULL, rig->memory[i + n].name);
		}
		r = send_fds(rig, body, fds, n, err);
	}
	return r;
}

static int send_json(struct rig *rig, const struct cat_node *body, const char *json, struct cat_err *err)
{
	cat_autofd int fd = -1;
	int r = cat_memfd_from("json", json, strlen(json), &fd, err);
	return r < 0 ? r : send_fds(rig, body, &fd, 1, err);
}

static int spawn_dataplane(struct rig *rig, const char *program, struct cat_err *err)
{
	int socks[2];
	int r = cat_msg_pair(socks, err);
	if (r < 0)
		return r;
	rig->sock = socks[0];
	rig->dataplane = fork();
	if (rig->dataplane < 0) {
		close(socks[1]);
		return cat_err_errno(err, "fork");
	}
	if (rig->dataplane == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (socks[1] == CAT_CONTROL_FD)
			fcntl(socks[1], F_SETFD, 0);
		else
			dup2(socks[1], CAT_CONTROL_FD);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(socks[1]);
	return 0;
}

static int open_service(struct rig *rig, const struct cat_node *plan, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("open");
	cat_autofree char *json = cat_node_to_json(plan, 0);
	int r = send_memory(rig, err);
	if (r == 0)
		r = send_json(rig, body, json, err);
	if (r < 0)
		return r;
	uint64_t deadline = cat_now_ms() + OPEN_TIMEOUT_MS;
	cat_autonode struct cat_node *answer = NULL;
	while (cat_now_ms() < deadline) {
		struct pollfd p = {.fd = rig->sock, .events = POLLIN};
		int fds[CAT_MSG_FDS_MAX];
		size_t count = 0;
		poll(&p, 1, 100);
		r = cat_msg_receive(rig->sock, &answer, fds, &count, err);
		if (r != -EAGAIN)
			break;
	}
	const char *type = NULL, *text = "it did not answer";
	if (r < 0 || cat_node_read_string(answer, "type", CAT_REQUIRED, &type, err) < 0)
		return cat_err_wrap(err, "dataplane");
	if (strcmp(type, "opened")) {
		cat_node_read_string(answer, "message", CAT_OPTIONAL, &text, err);
		return cat_err_set(err, -EIO, "dataplane: %s: %s", type, text);
	}
	for (size_t i = 0; i < rig->function_count; i++) {
		cat_autonode struct cat_node *expect = message("expect");
		cat_node_add_string(expect, "function", rig->function[i].name);
		cat_node_add_int(expect, "uid", getuid());
		r = send_fds(rig, expect, NULL, 0, err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct rig *rig_create(const char *dataplane, const struct cat_node *plan, struct cat_err *err)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	if (!rig) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	rig->sock = -1;
	strcpy(rig->directory, "/tmp/catena-rig-XXXXXX");
	if (!mkdtemp(rig->directory)) {
		cat_err_errno(err, "mkdtemp");
		free(rig);
		return NULL;
	}
	int r = make_memory(rig, plan, err);
	if (r == 0)
		r = spawn_dataplane(rig, dataplane, err);
	if (r == 0)
		r = open_service(rig, plan, err);
	if (r < 0) {
		rig_destroy(rig);
		return NULL;
	}
	return rig;
}

int rig_replace_dataplane(struct rig *rig, const char *program, const struct cat_node *plan, struct cat_err *err)
{
	kill(rig->dataplane, SIGKILL);
	waitpid(rig->dataplane, NULL, 0);
	rig->dataplane = 0;
	close(rig->sock);
	rig->sock = -1;
	int r = spawn_dataplane(rig, program, err);
	return r < 0 ? r : open_service(rig, plan, err);
}

static void end_process(pid_t pid)
{
	uint64_t deadline = cat_now_ms() + END_TIMEOUT_MS;
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (cat_now_ms() > deadline)
			kill(pid, SIGKILL);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

void rig_destroy(struct rig *rig)
{
	if (!rig)
		return;
	struct cat_err err = {0};
	if (rig->dataplane > 0 && rig_send(rig, "close", &err) < 0)
		kill(rig->dataplane, SIGKILL);
	if (rig->dataplane > 0)
		end_process(rig->dataplane);
	for (size_t i = 0; i < rig->function_count; i++) {
		if (rig->function[i].pid > 0)
			end_process(rig->function[i].pid);
		unlink(rig->function[i].socket);
		free(rig->function[i].name);
		free(rig->function[i].socket);
	}
	for (size_t i = 0; i < rig->memory_count; i++) {
		if (rig->memory[i].map)
			munmap(rig->memory[i].map, rig->memory[i].bytes);
		close(rig->memory[i].fd);
		free(rig->memory[i].name);
	}
	if (rig->sock >= 0)
		close(rig->sock);
	rmdir(rig->directory);
	free(rig->memory);
	free(rig->function);
	free(rig);
}

static struct function *find_function(const struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->function_count; i++)
		if (!strcmp(rig->function[i].name, name))
			return &rig->function[i];
	return NULL;
}

const char *rig_socket(const struct rig *rig, const char *function)
{
	const struct function *f = find_function(rig, function);
	return f ? f->socket : NULL;
}

int rig_configure(struct rig *rig, const char *function, const char *json, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message("configure");
	cat_node_add_string(body, "function", function);
	return send_json(rig, body, json, err);
}

pid_t rig_start(struct rig *rig, const char *function, const char *program, struct cat_err *err)
{
	struct function *f = find_function(rig, function);
	if (!f)
		return cat_err_set(err, -ENOENT, "there is no function %s", function);
	pid_t pid = fork();
	if (pid < 0)
		return cat_err_errno(err, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--socket", f->socket, (char *)NULL);
		_exit(127);
	}
	f->pid = pid;
	return pid;
}

int rig_send_body(struct rig *rig, const struct cat_node *body, struct cat_err *err)
{
	return send_fds(rig, body, NULL, 0, err);
}

int rig_send(struct rig *rig, const char *type, struct cat_err *err)
{
	cat_autonode struct cat_node *body = message(type);
	return send_fds(rig, body, NULL, 0, err);
}

static bool is_string(const struct cat_node *map, const char *key, const char *value)
{
	const struct cat_node *n = cat_node_get(map, key);
	return n && n->type == CAT_STRING && !strcmp(n->string, value);
}

struct cat_node *rig_wait(struct rig *rig, const char *type, const char *event, unsigned timeout_ms)
{
	for (uint64_t now = cat_now_ms(), end = now + timeout_ms; now <= end; now = cat_now_ms()) {
		struct cat_err err = {0};
		struct cat_node *body = NULL;
		int fds[CAT_MSG_FDS_MAX];
		size_t count = 0;
		int r = cat_msg_receive(rig->sock, &body, fds, &count, &err);
		if (r == -EAGAIN) {
			struct pollfd p = {.fd = rig->sock, .events = POLLIN};
			poll(&p, 1, (int)(end - now));
			continue;
		}
		if (r < 0)
			return NULL;
		if (is_string(body, "type", type) && (!event || is_string(body, "event", event)))
			return body;
		cat_node_free(body);
	}
	return NULL;
}

static const struct memory *find_memory(const struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->memory_count; i++)
		if (!strcmp(rig->memory[i].name, name))
			return &rig->memory[i];
	return NULL;
}

static const struct cat_stats_page *stats_page(const struct rig *rig, const char *function)
{
	char name[128] = "stats";
	if (function)
		snprintf(name, sizeof(name), "function/%s/stats", function);
	const struct memory *m = find_memory(rig, name);
	return m ? m->map : NULL;
}

static uint64_t sum_lanes(const struct cat_stats_page *page, uint32_t index)
{
	uint64_t sum = 0;
	for (uint32_t lane = 0; lane < page->lanes; lane++)
		sum += atomic_load_explicit(&page->lane[lane].value[index], memory_order_relaxed);
	return sum;
}

uint64_t rig_counter(const struct rig *rig, const char *function, const char *name)
{
	const struct cat_stats_page *page = stats_page(rig, function);
	uint32_t count = page ? atomic_load(&page->count) : 0;
	for (uint32_t i = 0; i < count && i < CAT_STATS_MAX; i++)
		if (!strcmp(page->name[i], name))
			return sum_lanes(page, i);
	return UINT64_MAX;
}

uint64_t rig_counter_wait(const struct rig *rig, const char *function, const char *name, uint64_t value,
			  unsigned timeout_ms)
{
	uint64_t deadline = cat_now_ms() + timeout_ms, now = rig_counter(rig, function, name);
	while ((now == UINT64_MAX || now < value) && cat_now_ms() < deadline) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		now = rig_counter(rig, function, name);
	}
	return now;
}

void rig_print_counters(const struct rig *rig)
{
	for (size_t f = 0; f <= rig->function_count; f++) {
		const char *function = f ? rig->function[f - 1].name : NULL;
		const struct cat_stats_page *page = stats_page(rig, function);
		uint32_t count = page ? atomic_load(&page->count) : 0;
		for (uint32_t i = 0; i < count && i < CAT_STATS_MAX; i++)
			if (sum_lanes(page, i))
				printf("  %-10s %-32s %20llu\n", function ? function : "dataplane", page->name[i],
				       (unsigned long long)sum_lanes(page, i));
	}
}

int rig_memory(const struct rig *rig, const char *name)
{
	const struct memory *m = find_memory(rig, name);
	return m ? m->fd : -1;
}

pid_t rig_dataplane(const struct rig *rig)
{
	return rig->dataplane;
}

static double cpu_seconds(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t) < 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double rig_cpu_seconds(const struct rig *rig)
{
	double sum = cpu_seconds(rig->dataplane);
	for (size_t i = 0; i < rig->function_count; i++)
		sum += cpu_seconds(rig->function[i].pid);
	return sum;
}

int rig_wait_exit(struct rig *rig, unsigned timeout_ms)
{
	int status;
	for (uint64_t deadline = cat_now_ms() + timeout_ms; cat_now_ms() < deadline;) {
		if (waitpid(rig->dataplane, &status, WNOHANG) == rig->dataplane) {
			rig->dataplane = 0;
			return status;
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return -1;
}
