// SPDX-License-Identifier: BSD-3-Clause
// Resources of the APIs in the store, each a tree.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "store.h"
#include "store_sql.h"

static sqlite3_stmt *prepare(struct store *store, const char *sql, struct cat_err *err, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	sqlite3_stmt *stmt = store_sql_prepare(store, sql, types, args, err);
	va_end(args);
	return stmt;
}

int store_document_put(struct store *store, const char *kind, const char *id, const struct cat_node *body,
		       struct cat_err *err)
{
	cat_autofree char *json = cat_node_to_json(body, 0);
	if (!json)
		return cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
	sqlite3_stmt *stmt = prepare(store,
				     "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
				     " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
				     err, "sss", kind, id, json);
	if (!stmt)
		return err ? err->code : -EIO;
	int r = store_sql_step(store, stmt, err);
	store_sql_reset(stmt);
	return r < 0 ? r : 0;
}

int store_document_delete(struct store *store, const char *kind, const char *id, struct cat_err *err)
{
	sqlite3_stmt *stmt = prepare(store, "DELETE FROM documents WHERE kind = ? AND id = ?", err, "ss", kind, id);
	if (!stmt)
		return err ? err->code : -EIO;
	int r = store_sql_step(store, stmt, err);
	store_sql_reset(stmt);
	return r < 0 ? r : 0;
}

int store_documents_load(struct store *store, const char *kind,
			 int (*take)(void *user, const char *id, struct cat_node *body, struct cat_err *err),
			 void *user, struct cat_err *err)
{
	sqlite3_stmt *stmt =
		prepare(store, "SELECT id, body FROM documents WHERE kind = ? ORDER BY number", err, "s", kind);
	if (!stmt)
		return err ? err->code : -EIO;
	int r;
	while ((r = store_sql_step(store, stmt, err)) == 1) {
		const char *id = (const char *)sqlite3_column_text(stmt, 0);
		const char *text = (const char *)sqlite3_column_text(stmt, 1);
		struct cat_node *body = NULL;
		r = id && text ? cat_tree_parse_json(store->path, text, strlen(text), &body, err)
			       : cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
		if (r == 0)
			r = take(user, id, body, err);
		if (r < 0)
			break;
	}
	store_sql_reset(stmt);
	return r;
}
