// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "logbook.h"

struct place {
	char directory[64], path[80];
	struct logbook *book;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->directory, "/tmp/catena-log-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/log", place->directory);
	place->book = logbook_create(place->path, NULL);
	assert_non_null(place->book);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	logbook_destroy(place->book);
	assert_int_equal(cat_dir_remove(place->directory, NULL), 0);
	free(place);
	return 0;
}

static void expect_line(const struct logbook *book, uint64_t number, const char *source, const char *text)
{
	cat_autonode struct cat_node *line = logbook_line(book, number, NULL);
	assert_non_null(line);
	assert_string_equal(cat_node_get(line, "source")->string, source);
	assert_string_equal(cat_node_get(line, "line")->string, text);
}

static void keeps_the_last_lines(void **state)
{
	struct place *place = *state;
	char text[32];
	for (int i = 1; i <= LOGBOOK_LINES + 10; i++) {
		snprintf(text, sizeof(text), "line %d", i);
		logbook_add(place->book, i % 2 ? "odd" : "even", text);
	}
	assert_null(logbook_line(place->book, 0, NULL));
	assert_null(logbook_line(place->book, 10, NULL));
	assert_null(logbook_line(place->book, LOGBOOK_LINES + 11, NULL));
	expect_line(place->book, 11, "odd", "line 11");
	assert_null(logbook_line(place->book, 12, "odd"));
	assert_int_equal(logbook_tail(place->book, NULL, 3), LOGBOOK_LINES + 8);
	assert_int_equal(logbook_tail(place->book, "odd", 2), LOGBOOK_LINES + 7);
	assert_int_equal(logbook_tail(place->book, NULL, 1000000), 11);
	assert_int_equal(logbook_tail(place->book, NULL, 0), LOGBOOK_LINES + 11);
	assert_string_equal(logbook_last(place->book, "even"), "line 2058");
	assert_null(logbook_last(place->book, "nobody"));
}

// Escapes would be commands to the terminal that shows the log.
static void disarms_control_bytes(void **state)
{
	struct place *place = *state;
	logbook_add(place->book, "fw", "a\033[2Jb\rc\td");
	expect_line(place->book, 1, "fw", "a?[2Jb?c\td");
}

static void rotates_its_file(void **state)
{
	struct place *place = *state;
	char text[LOGBOOK_LINE_MAX], older[96];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (size_t written = 0; written < LOGBOOK_FILE_MAX + 8 * sizeof(text); written += sizeof(text))
		logbook_add(place->book, "fw", text);
	snprintf(older, sizeof(older), "%s.1", place->path);
	assert_int_equal(access(older, R_OK), 0);
	cat_autofree char *now = NULL;
	size_t size = 0;
	assert_int_equal(cat_file_read(AT_FDCWD, place->path, LOGBOOK_FILE_MAX, &now, &size, NULL), 0);
	assert_true(size > 0 && size < LOGBOOK_FILE_MAX / 2);
}

static void cuts_a_pipe_into_lines(void **state)
{
	struct place *place = *state;
	struct cat_loop *loop = cat_loop_create(NULL);
	int fd = -1;
	struct log_pipe *pipe = log_pipe_create(loop, place->book, "fw", &fd, NULL);
	assert_non_null(pipe);
	char longest[LOGBOOK_LINE_MAX + 10];
	memset(longest, 'y', sizeof(longest));
	assert_int_equal(write(fd, "one\n\ntw", 7), 7);
	cat_loop_step(loop, 1000);
	assert_int_equal(logbook_next(place->book), 2);
	assert_int_equal(write(fd, "o\n", 2), 2);
	cat_loop_step(loop, 1000);
	expect_line(place->book, 1, "fw", "one");
	expect_line(place->book, 2, "fw", "two");
	assert_int_equal(write(fd, longest, sizeof(longest)), sizeof(longest));
	close(fd);
	// What came without an end of line is told at the end.
	log_pipe_close(pipe);
	assert_int_equal(logbook_next(place->book), 5);
	expect_line(place->book, 4, "fw", "yyyyyyyyyyy");
	cat_loop_destroy(loop);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(keeps_the_last_lines),
		TEST(disarms_control_bytes),
		TEST(rotates_its_file),
		TEST(cuts_a_pipe_into_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
