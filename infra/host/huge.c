// SPDX-License-Identifier: BSD-3-Clause
// The kernel's pool of huge pages. Others use it too, so that it is only ever changed by a difference, and what is
// given back is what was added.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "host.h"

#define SIZE_DIR "hugepages/hugepages-%" PRIu64 "kB"

struct pool {
	char directory[PATH_MAX - 32];
	long long total, free;
};

static int read_pool(const char *root, uint32_t node, uint64_t page_bytes, struct pool *ret_pool, struct cat_err *err)
{
	struct pool pool = {.total = -1};
	snprintf(pool.directory, sizeof(pool.directory), "sys/devices/system/node/node%u/" SIZE_DIR, node,
		 page_bytes >> 10);
	pool.total = sysfs_int(root, -1, "%s/nr_hugepages", pool.directory);
	if (pool.total < 0 && node == 0) {
		// A kernel without NUMA.
		snprintf(pool.directory, sizeof(pool.directory), "sys/kernel/mm/" SIZE_DIR, page_bytes >> 10);
		pool.total = sysfs_int(root, -1, "%s/nr_hugepages", pool.directory);
	}
	if (pool.total < 0)
		return cat_err_set(err, -ENOMEM, "node %u has no huge pages of %" PRIu64 " KiB", node,
				   page_bytes >> 10);
	// Pages that are promised to mappings and not touched yet count as free; they are known only for the whole
	// host.
	long long promised = sysfs_int(root, 0, "sys/kernel/mm/" SIZE_DIR "/resv_hugepages", page_bytes >> 10);
	pool.free = sysfs_int(root, 0, "%s/free_hugepages", pool.directory) - promised;
	if (pool.free < 0)
		pool.free = 0;
	*ret_pool = pool;
	return 0;
}

static int set_total(const char *root, const struct pool *pool, long long total, struct cat_err *err)
{
	char path[PATH_MAX], text[32];
	if (!sysfs_path(root, path, sizeof(path), "%s/nr_hugepages", pool->directory))
		return cat_err_set(err, -ENAMETOOLONG, "%s", root);
	snprintf(text, sizeof(text), "%lld\n", total);
	return cat_file_write(AT_FDCWD, path, text, err);
}

int huge_reserve_at(const char *root, uint32_t node, uint64_t page_bytes, uint32_t pages, uint32_t *ret_added,
		    struct cat_err *err)
{
	struct pool before = {0}, after = {0};
	int r = read_pool(root, node, page_bytes, &before, err);
	if (r < 0)
		return r;
	long long missing = (long long)pages - before.free;
	if (missing <= 0) {
		*ret_added = 0;
		return 0;
	}
	r = set_total(root, &before, before.total + missing, err);
	if (r == 0)
		r = read_pool(root, node, page_bytes, &after, err);
	if (r < 0)
		return cat_err_set(err, -ENOMEM,
				   "%u huge pages of %" PRIu64 " KiB wanted on node %u, which cannot be raised: %s",
				   pages, page_bytes >> 10, node, err ? err->message : "");
	// The kernel gives as many as it finds and says nothing.
	long long added = after.total - before.total;
	if (added >= missing) {
		*ret_added = (uint32_t)missing;
		return 0;
	}
	if (added > 0)
		set_total(root, &before, after.total - added, NULL);
	return cat_err_set(
		err, -ENOMEM,
		"%u huge pages of %" PRIu64
		" KiB wanted on node %u, %lld are free and %lld more to be had; free memory is scattered or short",
		pages, page_bytes >> 10, node, before.free, added > 0 ? added : 0);
}

int huge_release_at(const char *root, uint32_t node, uint64_t page_bytes, uint32_t pages, struct cat_err *err)
{
	struct pool pool = {0};
	if (pages == 0)
		return 0;
	int r = read_pool(root, node, page_bytes, &pool, err);
	if (r < 0)
		return r;
	return set_total(root, &pool, pool.total > pages ? pool.total - pages : 0, err);
}

int cat_huge_reserve(uint32_t node, uint64_t page_bytes, uint32_t pages, uint32_t *ret_added, struct cat_err *err)
{
	return huge_reserve_at("/", node, page_bytes, pages, ret_added, err);
}

int cat_huge_release(uint32_t node, uint64_t page_bytes, uint32_t pages, struct cat_err *err)
{
	return huge_release_at("/", node, page_bytes, pages, err);
}
