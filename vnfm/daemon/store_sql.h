// SPDX-License-Identifier: BSD-3-Clause
// The store's own: statements with bound parameters (no value is ever part of the SQL text).
#ifndef VNFM_STORE_SQL_H
#define VNFM_STORE_SQL_H

#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>

#include "cat_err.h"

struct store {
	sqlite3 *db;
	char *path;
};

// Sets err from the database's last error; returns -EIO, -EBUSY, -ENOSPC, -EROFS or -EBADMSG.
int store_sql_error(struct store *store, struct cat_err *err);
int store_sql_exec(struct store *store, const char *sql, struct cat_err *err);
// First column of the first row. _text: the caller frees.
int store_sql_int(struct store *store, const char *sql, int64_t *ret_value, struct cat_err *err);
int store_sql_text(struct store *store, const char *sql, char **ret_value, struct cat_err *err);
// The same with one text parameter; no row leaves *ret_value as it is.
int store_sql_lookup(struct store *store, const char *sql, const char *parameter, int64_t *ret_value,
		     struct cat_err *err);
// types: one letter a parameter, 's' const char * (NULL is null) or 'i' int64_t. NULL: err says why.
// The statement is the caller's until store_sql_reset.
sqlite3_stmt *store_sql_prepare(struct store *store, const char *sql, const char *types, va_list args,
				struct cat_err *err);
// 1: a row, 0: done, or a negative errno.
int store_sql_step(struct store *store, sqlite3_stmt *stmt, struct cat_err *err);
void store_sql_reset(sqlite3_stmt *stmt);
void store_sql_finish(struct store *store);

#endif
