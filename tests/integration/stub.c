// SPDX-License-Identifier: BSD-3-Clause
#include "stub.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "cat_memfd.h"
#include "cat_msg.h"

#define TIMEOUT_MS 5000

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "stub: %s\n", what);
	_exit(99);
}

void stub_connect(struct stub *stub, const char *path)
{
	struct cat_err err = {0};
	memset(stub, 0, sizeof(*stub));
	if (cat_msg_connect(path, &stub->sock, &err) < 0)
		give_up(err.message);
}

void stub_send(struct stub *stub, const char *json)
{
	if (send(stub->sock, json, strlen(json), MSG_NOSIGNAL) < 0)
		give_up("send");
}

struct handed {
	char name[32];
	int fd;
};

static void *map(const struct handed *fds, size_t count, const char *name, size_t *ret_size)
{
	struct cat_err err = {0};
	void *address;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(fds[i].name, name)) {
			if (cat_memfd_map(fds[i].fd, 1, SIZE_MAX, PROT_READ | PROT_WRITE, &address, ret_size, &err) < 0)
				give_up(err.message);
			return address;
		}
	give_up(name);
}

static void attach(const struct handed *fds, size_t count, const char *name, int64_t size, bool producer,
		   struct cat_ring_end *end)
{
	size_t bytes;
	struct cat_ring *ring = map(fds, count, name, &bytes);
	if (cat_ring_attach(end, ring, bytes, (uint32_t)size, producer) < 0)
		give_up(name);
}

static int64_t number(const struct cat_node *body, const char *key)
{
	const struct cat_node *n = cat_node_get(body, key);
	if (!n || n->type != CAT_INT)
		give_up(key);
	return n->integer;
}

// Receives until the message of this type; keeps the descriptors of all.
static struct cat_node *receive(struct stub *stub, const char *type, struct handed *fds, size_t *count)
{
	for (;;) {
		struct pollfd p = {.fd = stub->sock, .events = POLLIN};
		struct cat_err err = {0};
		struct cat_node *body;
		int got[CAT_MSG_FDS_MAX];
		size_t n;
		if (poll(&p, 1, TIMEOUT_MS) <= 0 || cat_msg_receive(stub->sock, &body, got, &n, &err) < 0)
			give_up(type);
		const struct cat_node *name = n ? cat_node_get(body, "names")->first : NULL;
		for (size_t i = 0; i < n; i++, name = name->next) {
			snprintf(fds[*count].name, sizeof(fds->name), "%s", name->string);
			fds[(*count)++].fd = got[i];
		}
		if (!strcmp(cat_node_get(body, "type")->string, type))
			return body;
		cat_node_free(body);
	}
}

void stub_run(struct stub *stub, const char *path, const char *kind)
{
	struct handed fds[256];
	char hello[128];
	size_t count = 0, bytes;
	stub_connect(stub, path);
	snprintf(hello, sizeof(hello), "{\"type\": \"hello\", \"abi\": %u, \"kind\": \"%s\", \"pid\": 1}",
		 CAT_ABI_VERSION, kind);
	stub_send(stub, hello);
	cat_autonode struct cat_node *body = receive(stub, "attach", fds, &count);
	int64_t ring = number(body, "ring");
	stub->stride = (uint32_t)number(body, "stride");
	stub->region = map(fds, count, "region", &bytes);
	stub->page = map(fds, count, "lane/0/worker", &bytes);
	attach(fds, count, "lane/0/left/in", ring, false, &stub->in[CAT_LEFT]);
	attach(fds, count, "lane/0/left/out", ring, true, &stub->out[CAT_LEFT]);
	attach(fds, count, "lane/0/right/in", ring, false, &stub->in[CAT_RIGHT]);
	attach(fds, count, "lane/0/right/out", ring, true, &stub->out[CAT_RIGHT]);
	attach(fds, count, "lane/0/return", ring, true, &stub->ret);
	attach(fds, count, "lane/0/supply", number(body, "supply_ring"), false, &stub->supply);
	stub_send(stub, "{\"type\": \"running\"}");
}

void stub_wait(struct cat_ring_end *end, uint32_t n)
{
	for (unsigned i = 0; i < TIMEOUT_MS; i++) {
		if (cat_ring_ready(end) >= n)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	give_up("packets did not come");
}

bool stub_closed(struct stub *stub)
{
	struct pollfd p = {.fd = stub->sock, .events = POLLIN};
	char byte;
	return poll(&p, 1, TIMEOUT_MS) == 1 && recv(stub->sock, &byte, 1, MSG_DONTWAIT) <= 0;
}
