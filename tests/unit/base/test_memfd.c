// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <numaif.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_memfd.h"

static void a_holder_can_neither_resize_nor_unseal(void **state)
{
	(void)state;
	cat_autofd int fd = -1;
	assert_int_equal(cat_memfd_create("test", 5000, 0, -1, &fd, NULL), 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	void *a;
	size_t size;
	assert_int_equal(cat_memfd_map(fd, 5000, 8192, PROT_READ | PROT_WRITE, &a, &size, NULL), 0);
	assert_int_equal(size, 8192);
	memset(a, 1, size);
	munmap(a, size);
}

static void refuses_what_is_unsealed_or_of_the_wrong_size(void **state)
{
	(void)state;
	void *a;
	size_t size;
	cat_autofd int loose = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(loose, 4096), 0);
	assert_int_equal(cat_memfd_map(loose, 1, 1 << 20, PROT_READ, &a, &size, NULL), -EPERM);
	assert_int_equal(cat_memfd_map(0, 1, 1 << 20, PROT_READ, &a, &size, NULL), -EPERM);
	cat_autofd int fd = -1;
	assert_int_equal(cat_memfd_create("test", 0, 0, -1, &fd, NULL), -EINVAL);
	assert_int_equal(cat_memfd_create("test", 4096, 3000, -1, &fd, NULL), -EINVAL);
	assert_int_equal(cat_memfd_create("test", 4096, 0, -1, &fd, NULL), 0);
	assert_int_equal(cat_memfd_map(fd, 4097, 1 << 20, PROT_READ, &a, &size, NULL), -ERANGE);
	assert_int_equal(cat_memfd_map(fd, 1, 4095, PROT_READ, &a, &size, NULL), -E2BIG);
}

static void a_copy_cannot_be_written(void **state)
{
	(void)state;
	cat_autofd int fd = -1;
	assert_int_equal(cat_memfd_from("config", "hello", 5, &fd, NULL), 0);
	void *a;
	size_t size;
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(cat_memfd_map(fd, 1, 4096, PROT_READ, &a, &size, NULL), 0);
	assert_int_equal(size, 5);
	assert_memory_equal(a, "hello", 5);
	munmap(a, size);
}

// More pages than are asked about in one go; the last one counts like the first.
static void pages_on_another_node_are_found(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 1100, size;
	int where = -1;
	cat_autofd int fd = -1;
	void *a;
	struct cat_err err = {0};
	assert_int_equal(cat_memfd_create("test", pages * page, 0, -1, &fd, NULL), 0);
	assert_int_equal(cat_memfd_map(fd, 1, pages * page, PROT_READ | PROT_WRITE, &a, &size, NULL), 0);
	void *last = (char *)a + (pages - 1) * page;
	// What is not there yet is on no node.
	assert_int_equal(cat_memory_on_node(a, size, page, 1000, &err), 0);
	memset(last, 1, page);
	if (move_pages(0, 1, &last, NULL, &where, 0) < 0 || where < 0) {
		munmap(a, size);
		skip(); // this kernel does not tell
	}
	assert_int_equal(cat_memory_on_node(a, size, page, where, &err), 0);
	assert_int_equal(cat_memory_on_node(a, size, page, where + 1, &err), -EXDEV);
	assert_non_null(strstr(err.message, "page 1099 of 1100 lies on node"));
	munmap(a, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_holder_can_neither_resize_nor_unseal),
		cmocka_unit_test(refuses_what_is_unsealed_or_of_the_wrong_size),
		cmocka_unit_test(a_copy_cannot_be_written),
		cmocka_unit_test(pages_on_another_node_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
