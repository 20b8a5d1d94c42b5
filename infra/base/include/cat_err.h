// SPDX-License-Identifier: BSD-3-Clause
// Errors that an operator will read: a code and one message, wrapped with context on the way up.
#ifndef CAT_ERR_H
#define CAT_ERR_H

#include <stdarg.h>

// Longest message kept; what is longer ends in "...".
#define CAT_ERR_MESSAGE_MAX 1024

// Lives on the caller's stack: `struct cat_err err = {0};`. Nothing to free.
struct cat_err {
	int code; // negative errno, 0 when unset
	char message[CAT_ERR_MESSAGE_MAX];
};

// Sets code (a negative errno) and message, replacing what was there; `err` may be NULL.
// Returns code, so that `return cat_err_set(err, -EINVAL, "...")` works.
int cat_err_set(struct cat_err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

// As cat_err_set for a failed system call: uses -errno and appends ": strerror (errno name)".
int cat_err_errno(struct cat_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts "context: " before the message ("service branch: function fw: ..."). Returns err->code.
int cat_err_wrap(struct cat_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
