// SPDX-License-Identifier: BSD-3-Clause
#include "region.h"

#include <errno.h>
#include <linux/magic.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cat_abi.h"
#include "cat_control.h"
#include "cat_memfd.h"

static_assert(RTE_PKTMBUF_HEADROOM == CAT_HEADROOM, "Ethernet drivers leave the headroom of the ABI");

// For each mbuf of the pool, which never change their buffer.
static void note_mbuf(struct rte_mempool *pool, void *user, void *object, unsigned position)
{
	(void)pool, (void)position;
	struct region *region = user;
	region->mbuf[region_index(region, object)] = object;
}

// Devices are given addresses of this process (IOVA as VA), and many an IOMMU has only 39 bits of them, while the
// kernel maps at 47. Behind this one is room for any region; DPDK's own memory is before it.
#define LOW_ADDRESS ((void *)(UINT64_C(1) << 36))

static int map_memory(struct region *region, int fd, struct cat_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return cat_err_errno(err, "cannot look at the region's memory");
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return cat_err_errno(err, "cannot look at the region's memory");
	region->page_bytes = fs.f_type == HUGETLBFS_MAGIC ? (size_t)fs.f_bsize : (size_t)sysconf(_SC_PAGESIZE);
	void *base;
	int r = cat_memfd_map_at(LOW_ADDRESS, fd, (size_t)region->buffers * region->stride, (size_t)st.st_size,
				 PROT_READ | PROT_WRITE, &base, &region->bytes, err);
	if (r < 0)
		return cat_err_wrap(err, "region");
	region->base = base;
	return 0;
}

static int make_pool(struct region *region, int node, struct cat_err *err)
{
	if (rte_extmem_register(region->base, region->bytes, NULL, 0, region->page_bytes) < 0)
		return cat_err_set(err, -rte_errno, "DPDK does not take the region of %zu bytes, pages of %zu: %s",
				   region->bytes, region->page_bytes, rte_strerror(rte_errno));
	struct rte_pktmbuf_extmem memory = {
		.buf_ptr = region->base,
		.buf_iova = rte_eal_iova_mode() == RTE_IOVA_VA ? (rte_iova_t)(uintptr_t)region->base
							       : rte_mem_virt2iova(region->base),
		.buf_len = region->bytes,
		.elt_size = (uint16_t)region->stride,
	};
	region->pool = rte_pktmbuf_pool_create_extbuf("region", region->buffers, 0, 0, (uint16_t)region->stride,
						      node < 0 ? SOCKET_ID_ANY : node, &memory, 1);
	if (!region->pool) {
		int code = -rte_errno;
		rte_extmem_unregister(region->base, region->bytes);
		return cat_err_set(err, code, "no memory for %u packet headers: %s", region->buffers,
				   rte_strerror(rte_errno));
	}
	rte_mempool_obj_iter(region->pool, note_mbuf, region);
	return 0;
}

struct region *region_create(int fd, const struct region_shape *shape, struct cat_err *err)
{
	if (shape->stride % CAT_CACHE_LINE || shape->stride < 2 * shape->headroom || shape->stride > CAT_STRIDE_MAX ||
	    shape->headroom != CAT_HEADROOM || shape->buffers == 0) {
		cat_err_set(err, -EINVAL,
			    "region: found %u buffers of %u bytes with a headroom of %u, expected at least one, a "
			    "multiple of "
			    "%u up to %u, and %u",
			    shape->buffers, shape->stride, shape->headroom, CAT_CACHE_LINE, CAT_STRIDE_MAX,
			    CAT_HEADROOM);
		return NULL;
	}
	struct region *region = calloc(1, sizeof(*region));
	if (!region)
		goto no_memory;
	region->buffers = shape->buffers;
	region->stride = shape->stride;
	region->headroom = shape->headroom;
	region->owner = calloc(region->buffers, sizeof(*region->owner));
	region->mbuf = calloc(region->buffers, sizeof(*region->mbuf));
	if (!region->owner || !region->mbuf)
		goto no_memory;
	if (map_memory(region, fd, err) < 0 || make_pool(region, shape->node, err) < 0) {
		region_destroy(region);
		return NULL;
	}
	return region;

no_memory:
	cat_err_set(err, -ENOMEM, "region: no memory to keep track of %u buffers", shape->buffers);
	region_destroy(region);
	return NULL;
}

void region_destroy(struct region *region)
{
	if (!region)
		return;
	if (region->pool) {
		rte_mempool_free(region->pool);
		rte_extmem_unregister(region->base, region->bytes);
	}
	if (region->base)
		munmap(region->base, region->bytes);
	free(region->owner);
	free(region->mbuf);
	free(region);
}

int region_withhold(struct region *region, struct cat_err *err)
{
	void **object = malloc(region->buffers * sizeof(*object));
	if (!object)
		return cat_err_set(err, -ENOMEM, "region: no memory to sort %u buffers", region->buffers);
	uint32_t n = 0;
	while (n < region->buffers && rte_mempool_get(region->pool, &object[n]) == 0)
		n++;
	for (uint32_t i = 0; i < n; i++)
		if (region->owner[region_index(region, object[i])] == OWNER_DATAPLANE)
			rte_mempool_put(region->pool, object[i]);
	free(object);
	return 0;
}

static uint32_t pool_take(void *user, uint32_t *ret_index, uint32_t n)
{
	struct region *region = user;
	void *object[FREE_STACK_BULK];
	if (n > FREE_STACK_BULK || rte_mempool_get_bulk(region->pool, object, n) < 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		ret_index[i] = region_index(region, object[i]);
	return n;
}

static void pool_give(void *user, const uint32_t *index, uint32_t n)
{
	struct region *region = user;
	void *object[FREE_STACK_BULK];
	while (n) {
		uint32_t some = n < FREE_STACK_BULK ? n : FREE_STACK_BULK;
		for (uint32_t i = 0; i < some; i++)
			object[i] = region->mbuf[index[i]];
		rte_mempool_put_bulk(region->pool, object, some);
		index += some;
		n -= some;
	}
}

struct free_pool region_pool(struct region *region)
{
	return (struct free_pool){.user = region, .take = pool_take, .give = pool_give};
}
