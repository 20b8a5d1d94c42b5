// SPDX-License-Identifier: BSD-3-Clause
#include "cat_err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// Marks a message that did not fit.
static void mark_cut(struct cat_err *err, int length)
{
	if (length >= CAT_ERR_MESSAGE_MAX)
		memcpy(err->message + CAT_ERR_MESSAGE_MAX - 4, "...", 4);
}

int cat_err_set(struct cat_err *err, int code, const char *format, ...)
{
	if (!err)
		return code;
	va_list args;
	va_start(args, format);
	err->code = code;
	mark_cut(err, vsnprintf(err->message, sizeof(err->message), format, args));
	va_end(args);
	return code;
}

int cat_err_errno(struct cat_err *err, const char *format, ...)
{
	int number = errno;
	if (!err)
		return -number;
	va_list args;
	va_start(args, format);
	err->code = -number;
	int length = vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	if (length >= 0 && length < CAT_ERR_MESSAGE_MAX) {
		const char *name = strerrorname_np(number);
		length += snprintf(err->message + length, sizeof(err->message) - (size_t)length, ": %s (%s)",
				   strerror(number), name ? name : "?");
	}
	mark_cut(err, length);
	return -number;
}

int cat_err_wrap(struct cat_err *err, const char *format, ...)
{
	if (!err)
		return -EINVAL;
	char inner[CAT_ERR_MESSAGE_MAX];
	memcpy(inner, err->message, sizeof(inner));
	va_list args;
	va_start(args, format);
	int length = vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	if (length >= 0 && length < CAT_ERR_MESSAGE_MAX)
		length += snprintf(err->message + length, sizeof(err->message) - (size_t)length, ": %s", inner);
	mark_cut(err, length);
	return err->code;
}
