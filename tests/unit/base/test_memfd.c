// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_holder_can_neither_resize_nor_unseal),
		cmocka_unit_test(refuses_what_is_unsealed_or_of_the_wrong_size),
		cmocka_unit_test(a_copy_cannot_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
