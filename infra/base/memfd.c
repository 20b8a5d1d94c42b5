// SPDX-License-Identifier: BSD-3-Clause
#include "cat_memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <numaif.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cat_cleanup.h"

int cat_memory_on_node(void *memory, size_t size, size_t page_size, int node, struct cat_err *err)
{
	enum { SOME = 512 };
	void *page[SOME];
	int status[SOME];
	size_t pages = size / page_size;
	for (size_t at = 0; at < pages; at += SOME) {
		size_t n = pages - at < SOME ? pages - at : SOME;
		for (size_t i = 0; i < n; i++)
			page[i] = (char *)memory + (at + i) * page_size;
		// Without nodes to go to it only tells where pages are. Kernels without NUMA, and filters of system
		// calls around us, do not have it: then nothing can be found out.
		if (move_pages(0, n, page, NULL, status, 0) < 0)
			return errno == ENOSYS || errno == EPERM ? 0 : cat_err_errno(err, "asking where memory is");
		// Negative: not there yet, or not told for pages of that size.
		for (size_t i = 0; i < n; i++)
			if (status[i] >= 0 && status[i] != node)
				return cat_err_set(
					err, -EXDEV,
					"page %zu of %zu lies on node %d, expected node %d: free memory there", at + i,
					pages, status[i], node);
	}
	return 0;
}

// Binds and, for huge pages, touches every page now, so that a shortage shows here and not as SIGBUS in a worker.
static int place(int fd, size_t size, size_t page_size, int node, struct cat_err *err)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return cat_err_errno(err, "mapping %zu bytes%s", size, page_size ? " of huge pages" : "");
	int r = 0;
	if (node >= 0) {
		unsigned long mask[CAT_MEMFD_NODES_MAX / (8 * sizeof(unsigned long))] = {0};
		unsigned bits = 8 * sizeof(unsigned long);
		mask[(unsigned)node / bits] = 1ul << ((unsigned)node % bits);
		// A kernel without NUMA has one node, and nothing to bind.
		if (mbind(memory, size, MPOL_BIND, mask, CAT_MEMFD_NODES_MAX, 0) < 0 && errno != ENOSYS)
			r = cat_err_errno(err, "binding memory to node %d", node);
	}
	if (r == 0 && page_size && madvise(memory, size, MADV_POPULATE_WRITE) < 0)
		r = cat_err_errno(err, "%zu huge pages of %zu bytes on node %d", size / page_size, page_size, node);
	if (r == 0 && page_size && node >= 0)
		r = cat_memory_on_node(memory, size, page_size, node, err);
	munmap(memory, size);
	return r;
}

int cat_memfd_create(const char *name, size_t size, size_t page_size, int node, int *ret_fd, struct cat_err *err)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	size_t unit = page_size ? page_size : (size_t)sysconf(_SC_PAGESIZE);
	if (!size || (unit & (unit - 1)) || size > SIZE_MAX - unit || node >= (int)CAT_MEMFD_NODES_MAX)
		return cat_err_set(err, -EINVAL, "memory %s: size, page size or node out of range", name);
	if (page_size)
		flags |= MFD_HUGETLB | (unsigned)__builtin_ctzl(page_size) << MFD_HUGE_SHIFT;
	size = (size + unit - 1) & ~(unit - 1);

	cat_autofd int fd = memfd_create(name, flags);
	if (fd < 0)
		return cat_err_errno(err, "memory %s", name);
	if (ftruncate(fd, (off_t)size) < 0)
		return cat_err_errno(err, "memory %s: %zu bytes", name, size);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return cat_err_errno(err, "memory %s: sealing", name);
	if (page_size || node >= 0) {
		int r = place(fd, size, page_size, node, err);
		if (r < 0) {
			cat_err_wrap(err, "memory %s", name);
			return r;
		}
	}
	*ret_fd = cat_steal_fd(fd);
	return 0;
}

int cat_memfd_from(const char *name, const void *data, size_t size, int *ret_fd, struct cat_err *err)
{
	cat_autofd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return cat_err_errno(err, "memory %s", name);
	const char *p = data;
	for (size_t left = size; left;) {
		ssize_t n = write(fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cat_err_errno(err, "memory %s: %zu bytes", name, size);
		p += n;
		left -= (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return cat_err_errno(err, "memory %s: sealing", name);
	*ret_fd = cat_steal_fd(fd);
	return 0;
}

int cat_memfd_map(int fd, size_t min_size, size_t max_size, int protection, void **ret_address, size_t *ret_size,
		  struct cat_err *err)
{
	return cat_memfd_map_at(NULL, fd, min_size, max_size, protection, ret_address, ret_size, err);
}

int cat_memfd_map_at(void *hint, int fd, size_t min_size, size_t max_size, int protection, void **ret_address,
		     size_t *ret_size, struct cat_err *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return cat_err_set(err, -EPERM, "descriptor %d is no memory sealed against shrinking", fd);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return cat_err_errno(err, "descriptor %d", fd);
	size_t size = (size_t)st.st_size;
	if (size < min_size)
		return cat_err_set(err, -ERANGE, "found memory of %zu bytes, expected at least %zu", size, min_size);
	if (size > max_size)
		return cat_err_set(err, -E2BIG, "found memory of %zu bytes, expected at most %zu", size, max_size);
	if (!size)
		return cat_err_set(err, -ERANGE, "found memory of 0 bytes");
	// Kernels before 6.7 refuse to share what is sealed against writing; a private mapping shows the same bytes.
	int sharing = seals & F_SEAL_WRITE ? MAP_PRIVATE : MAP_SHARED;
	void *address = mmap(hint, size, protection, sharing, fd, 0);
	if (address == MAP_FAILED)
		return cat_err_errno(err, "mapping %zu bytes", size);
	*ret_address = address;
	*ret_size = size;
	return 0;
}
