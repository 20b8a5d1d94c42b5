// SPDX-License-Identifier: BSD-3-Clause
#include "store_sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"

int store_sql_error(struct store *store, struct cat_err *err)
{
	static const struct {
		int sqlite, code;
		const char *hint;
	} codes[] = {
		{SQLITE_BUSY, -EBUSY, ": another catenad uses it; give this one a --state-dir of its own"},
		{SQLITE_LOCKED, -EBUSY, ""},
		{SQLITE_FULL, -ENOSPC, ""},
		{SQLITE_READONLY, -EROFS, ""},
		{SQLITE_NOTADB, -EBADMSG, ": move it away and start again"},
		{SQLITE_CORRUPT, -EBADMSG, ": move it away and start again"},
		{SQLITE_NOMEM, -ENOMEM, ""},
	};
	int sqlite = sqlite3_errcode(store->db) & 0xff;
	for (size_t i = 0; i < CAT_ARRAY_LEN(codes); i++)
		if (codes[i].sqlite == sqlite)
			return cat_err_set(err, codes[i].code, "%s: %s%s", store->path, sqlite3_errmsg(store->db),
					   codes[i].hint);
	return cat_err_set(err, -EIO, "%s: %s", store->path, sqlite3_errmsg(store->db));
}

int store_sql_exec(struct store *store, const char *sql, struct cat_err *err)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_sql_error(store, err);
}

sqlite3_stmt *store_sql_prepare(struct store *store, const char *sql, const char *types, va_list args,
				struct cat_err *err)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
		store_sql_error(store, err);
		return NULL;
	}
	int r = SQLITE_OK;
	for (int i = 1; *types && r == SQLITE_OK; i++, types++) {
		if (*types == 's')
			r = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
		else
			r = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
	}
	if (r != SQLITE_OK) {
		store_sql_error(store, err);
		sqlite3_finalize(stmt);
		return NULL;
	}
	return stmt;
}

int store_sql_step(struct store *store, sqlite3_stmt *stmt, struct cat_err *err)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return store_sql_error(store, err);
	}
}

void store_sql_reset(sqlite3_stmt *stmt)
{
	sqlite3_finalize(stmt);
}

void store_sql_finish(struct store *store)
{
	// Folds the log into the file, so that what is left is one file.
	if (store->db)
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static sqlite3_stmt *prepare(struct store *store, const char *sql, struct cat_err *err, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	sqlite3_stmt *stmt = store_sql_prepare(store, sql, types, args, err);
	va_end(args);
	return stmt;
}

int store_sql_lookup(struct store *store, const char *sql, const char *parameter, int64_t *ret_value,
		     struct cat_err *err)
{
	sqlite3_stmt *stmt = prepare(store, sql, err, parameter ? "s" : "", parameter);
	if (!stmt)
		return -EIO;
	int r = store_sql_step(store, stmt, err);
	if (r == 1)
		*ret_value = sqlite3_column_int64(stmt, 0);
	store_sql_reset(stmt);
	return r < 0 ? r : 0;
}

int store_sql_int(struct store *store, const char *sql, int64_t *ret_value, struct cat_err *err)
{
	return store_sql_lookup(store, sql, NULL, ret_value, err);
}

int store_sql_text(struct store *store, const char *sql, char **ret_value, struct cat_err *err)
{
	sqlite3_stmt *stmt = prepare(store, sql, err, "");
	if (!stmt)
		return -EIO;
	int r = store_sql_step(store, stmt, err);
	const char *text = r == 1 ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	char *copy = strdup(text ? text : "");
	store_sql_reset(stmt);
	if (r < 0) {
		free(copy);
		return r;
	}
	if (!copy)
		return cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
	*ret_value = copy;
	return 0;
}
