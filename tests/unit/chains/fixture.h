// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the service model share. TEST_DIR is this folder, EXAMPLES_DIR the examples.
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_service.h"

static inline struct cat_kinds *fixture_kinds(void)
{
	const char *const directories[] = {TEST_DIR "/kinds", NULL};
	struct cat_err err = {0};
	struct cat_kinds *kinds = cat_kinds_load(directories, &err);
	if (!kinds)
		fail_msg("%s", err.message);
	return kinds;
}

static inline char *fixture_read(const char *path, size_t *ret_size)
{
	struct cat_err err = {0};
	char *text = NULL;
	if (cat_file_read(AT_FDCWD, path, 1u << 24, &text, ret_size, &err) < 0)
		fail_msg("%s", err.message);
	return text;
}

// Parses text that must be in order.
static inline struct cat_service *fixture_service(const struct cat_kinds *kinds, const char *text, size_t size)
{
	struct cat_err err = {0};
	struct cat_problems problems = {0};
	struct cat_service *service = NULL;
	if (cat_service_parse("test.yaml", text, size, kinds, &service, &problems, &err) < 0) {
		char *found = cat_problems_format(&problems, "test.yaml");
		print_error("%s", found);
		free(found);
		cat_problems_free(&problems);
		fail_msg("%s", err.message);
	}
	assert_int_equal(problems.count, 0);
	return service;
}

static inline struct cat_service *fixture_service_file(const struct cat_kinds *kinds, const char *path)
{
	size_t size;
	cat_autofree char *text = fixture_read(path, &size);
	return fixture_service(kinds, text, size);
}

#endif
