// SPDX-License-Identifier: BSD-3-Clause
#include "leases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"

// dnsmasq writes the whole file anew in several pieces: it is read when it has been quiet for so long.
#define QUIET_MS 5
#define FILE_MAX (16u << 20)

struct leases {
	struct cat_vnf *vnf;
	char *path;
	uint8_t *memory;
	size_t bytes;
	int watch;
	struct cat_source *watch_source, *timer;
	bool told; // that not all fit
};

// Whole lines only: half a line would be another lease.
static size_t whole_lines(const char *text, size_t size, size_t max)
{
	size_t end = size < max ? size : max;
	while (end && text[end - 1] != '\n')
		end--;
	return end;
}

static void keep(struct leases *leases)
{
	cat_autofree char *text = NULL;
	size_t size = 0;
	struct cat_err err = {0};
	if (cat_file_read(AT_FDCWD, leases->path, FILE_MAX, &text, &size, &err) < 0) {
		cat_warn("leases: %s", err.message);
		return;
	}
	// It is being written, and will change again.
	if (size && text[size - 1] != '\n')
		return;
	size_t kept = whole_lines(text, size, VCPE_LEASES_MAX);
	if (kept < size && !leases->told)
		cat_warn("leases: %zu of %zu bytes outlive a restart", kept, size);
	leases->told = kept < size;
	size_t before;
	const void *old = cat_keep_load(leases->memory, leases->bytes, &before);
	if (old && before == kept && memcmp(old, text, kept) == 0)
		return;
	cat_keep_store(leases->memory, leases->bytes, text, kept);
	cat_info("leases: %zu bytes are kept", kept);
}

static void on_timer(void *user)
{
	struct leases *leases = user;
	leases->timer = NULL;
	keep(leases);
}

static void on_change(void *user, int fd, uint32_t events)
{
	struct leases *leases = user;
	(void)events;
	char buffer[4096];
	// Which events they are does not matter.
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	cat_source_remove(leases->timer);
	leases->timer = cat_loop_add_timer(cat_vnf_loop(leases->vnf), QUIET_MS, 0, on_timer, leases, NULL);
}

// An empty file where there is nothing, so that there is something to watch.
static int restore(struct leases *leases, struct cat_err *err)
{
	size_t size = 0;
	const char *text = cat_keep_load(leases->memory, leases->bytes, &size);
	if (text)
		size = whole_lines(text, size, size);
	if (text && size)
		cat_info("leases: %zu bytes are taken over", size);
	return cat_file_replace(leases->path, text ? text : "", text ? size : 0, 0600, err);
}

struct leases *leases_open(struct cat_vnf *vnf, const char *path, struct cat_err *err)
{
	struct leases *leases = calloc(1, sizeof(*leases));
	if (!leases) {
		cat_err_set(err, -ENOMEM, "no memory for the leases");
		return NULL;
	}
	leases->vnf = vnf;
	leases->watch = -1;
	leases->memory = cat_vnf_lane(vnf, 0)->state;
	leases->bytes = vcpe_leases_bytes(0);
	leases->path = strdup(path);
	if (!leases->path) {
		cat_err_set(err, -ENOMEM, "no memory for the leases");
		goto fail;
	}
	if (restore(leases, err) < 0)
		goto fail;
	leases->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (leases->watch < 0 || inotify_add_watch(leases->watch, path, IN_MODIFY) < 0) {
		cat_err_errno(err, "watching %s", path);
		goto fail;
	}
	leases->watch_source = cat_loop_add_fd(cat_vnf_loop(vnf), leases->watch, EPOLLIN, on_change, leases, err);
	if (!leases->watch_source)
		goto fail;
	return leases;
fail:
	leases_close(leases);
	return NULL;
}

void leases_close(struct leases *leases)
{
	if (!leases)
		return;
	cat_source_remove(leases->timer);
	cat_source_remove(leases->watch_source);
	if (leases->watch >= 0)
		close(leases->watch);
	free(leases->path);
	free(leases);
}
