// SPDX-License-Identifier: BSD-3-Clause
// A service's log: lines of the dataplane and the functions, tagged with their source, the last ones in memory and more
// in a file that is rotated by size.
#ifndef VNFM_LOGBOOK_H
#define VNFM_LOGBOOK_H

#include <stdint.h>

#include "cat_err.h"
#include "cat_loop.h"
#include "cat_tree.h"

#define LOGBOOK_LINES 2048          // kept in memory
#define LOGBOOK_LINE_MAX 2048       // bytes; what is longer is split
#define LOGBOOK_FILE_MAX (4u << 20) // bytes before the file is rotated; one older file is kept

struct logbook;
struct log_pipe; // the reading end of one process' output

// path: the file (PATH.1 is the older one); the end of what is in it already is read. NULL: err says why.
struct logbook *logbook_create(const char *path, struct cat_err *err);
// Is called after each line.
void logbook_set_news(struct logbook *book, void (*news)(void *user), void *user);
// Is given each new line too.
void logbook_set_sink(struct logbook *book,
		      void (*sink)(void *user, int64_t time_ms, const char *source, const char *text), void *user);
void logbook_destroy(struct logbook *book); // all pipes are closed before

// Adds one line (without newline). source: the function's name, "dataplane" or "catenad".
void logbook_add(struct logbook *book, const char *source, const char *line);
// The number of the next line; numbers only grow.
uint64_t logbook_next(const struct logbook *book);
// Copies line `number` as {n, time_ms, source, line}; NULL: not there (any more), or of another source than asked for
// (NULL: all).
struct cat_node *logbook_line(const struct logbook *book, uint64_t number, const char *source);
// The number from which on there are at most `lines` lines of the source.
uint64_t logbook_tail(const struct logbook *book, const char *source, unsigned lines);
// The last line of a source, or NULL: for error messages. Borrowed until the next line is added.
const char *logbook_last(const struct logbook *book, const char *source);

// Makes a pipe whose lines go to the book under `source` until it ends. *ret_write_fd (close-on-exec) is the caller's,
// for the process' standard output and error. NULL: err says why.
struct log_pipe *log_pipe_create(struct cat_loop *loop, struct logbook *book, const char *source, int *ret_write_fd,
				 struct cat_err *err);
// The same with the reading end of a pipe that an earlier manager made; takes it, also on failure.
struct log_pipe *log_pipe_adopt(struct cat_loop *loop, struct logbook *book, const char *source, int fd,
				struct cat_err *err);
// The reading end, still the pipe's: whoever holds it keeps those who write from being ended by SIGPIPE.
int log_pipe_fd(const struct log_pipe *pipe);
// Takes what is still in the pipe, then closes it. NULL is fine.
void log_pipe_close(struct log_pipe *pipe);
// Takes what is in the pipe now.
void log_pipe_flush(struct log_pipe *pipe);

#endif
