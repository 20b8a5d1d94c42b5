// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_memfd.h"
#include "volume.h"

#define BYTES (1 << 20)

static int memory(size_t bytes)
{
	int fd = -1;
	assert_int_equal(cat_memfd_create("volume-test", bytes, 0, -1, &fd, NULL), 0);
	return fd;
}

static void comes_back_as_it_was(void **state)
{
	(void)state;
	char directory[] = "/tmp/catena-volume-XXXXXX";
	assert_non_null(mkdtemp(directory));
	cat_autofree char *path = volume_path(directory, "branch", "fw", "firewall");
	assert_non_null(path);
	cat_autofd int first = memory(BYTES), second = memory(BYTES), larger = memory(2 * BYTES);
	struct cat_err err = {0};
	assert_int_equal(volume_load(path, second, &err), -ENOENT);
	// At the edges, across blocks, and one page of zeroes that is there.
	assert_int_equal(pwrite(first, "begin", 5, 0), 5);
	assert_int_equal(pwrite(first, "middle", 6, 65533), 6);
	assert_int_equal(pwrite(first, "\0\0\0\0", 4, 300000), 4);
	assert_int_equal(pwrite(first, "end", 3, BYTES - 3), 3);
	assert_int_equal(volume_save(path, first, &err), 0);
	assert_int_equal(volume_load(path, larger, &err), -ESTALE);
	assert_int_equal(volume_load(path, second, &err), 0);
	char *a = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, first, 0),
	     *b = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, second, 0);
	assert_ptr_not_equal(a, MAP_FAILED);
	assert_ptr_not_equal(b, MAP_FAILED);
	assert_memory_equal(a, b, BYTES);
	munmap(a, BYTES);
	munmap(b, BYTES);
	// Again over the old one, and where nothing can be written.
	assert_int_equal(pwrite(first, "other", 5, 0), 5);
	assert_int_equal(volume_save(path, first, &err), 0);
	assert_int_equal(volume_load(path, second, &err), 0);
	char text[5];
	assert_int_equal(pread(second, text, 5, 0), 5);
	assert_memory_equal(text, "other", 5);
	assert_true(volume_save("/proc/no/such", first, &err) < 0);
	assert_int_equal(cat_dir_remove(directory, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back_as_it_was)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
