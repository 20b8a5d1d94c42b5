// SPDX-License-Identifier: BSD-3-Clause
// Reading whole tables.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "store.h"
#include "store_sql.h"

typedef int (*row_fn)(struct store *store, sqlite3_stmt *stmt, void *user, struct cat_err *err);

static int each(struct store *store, row_fn fn, void *user, struct cat_err *err, const char *sql, const char *types,
		...)
{
	va_list args;
	va_start(args, types);
	sqlite3_stmt *stmt = store_sql_prepare(store, sql, types, args, err);
	va_end(args);
	if (!stmt)
		return -EIO;
	int r;
	while ((r = store_sql_step(store, stmt, err)) == 1) {
		r = fn(store, stmt, user, err);
		if (r < 0)
			break;
	}
	store_sql_reset(stmt);
	return r;
}

static int column_text(struct store *store, sqlite3_stmt *stmt, int column, char **ret_text, struct cat_err *err)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	*ret_text = text ? strdup(text) : NULL;
	return text && !*ret_text ? cat_err_set(err, -ENOMEM, "%s: no memory", store->path) : 0;
}

static int column_tree(struct store *store, sqlite3_stmt *stmt, int column, struct cat_node **ret_tree,
		       struct cat_err *err)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	*ret_tree = NULL;
	return text ? cat_tree_parse_json(store->path, text, strlen(text), ret_tree, err) : 0;
}

// Makes room for one more of `size` bytes, zeroed. NULL: no memory (err set).
static void *grow(struct store *store, void *items, size_t *count, size_t size, struct cat_err *err)
{
	char *more = realloc(items, (*count + 1) * size);
	if (!more) {
		cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
		return NULL;
	}
	memset(more + *count * size, 0, size);
	(*count)++;
	return more;
}

void store_services_free(struct store_services *services)
{
	for (size_t i = 0; i < services->count; i++) {
		free(services->item[i].name);
		free(services->item[i].text);
		free(services->item[i].state);
		cat_node_free(services->item[i].plan);
	}
	free(services->item);
	*services = (struct store_services){0};
}

static int service_row(struct store *store, sqlite3_stmt *stmt, void *user, struct cat_err *err)
{
	struct store_services *services = user;
	void *items = grow(store, services->item, &services->count, sizeof(*services->item), err);
	if (!items)
		return -ENOMEM;
	services->item = items;
	struct store_service *one = &services->item[services->count - 1];
	int r = column_text(store, stmt, 0, &one->name, err);
	if (r == 0)
		r = column_text(store, stmt, 1, &one->text, err);
	if (r == 0)
		r = column_tree(store, stmt, 2, &one->plan, err);
	if (r == 0)
		r = column_text(store, stmt, 3, &one->state, err);
	return r;
}

int store_services_load(struct store *store, struct store_services *ret_services, struct cat_err *err)
{
	struct store_services services = {0};
	int r = each(store, service_row, &services, err, "SELECT name, text, plan, state FROM services ORDER BY name",
		     "");
	if (r < 0)
		store_services_free(&services);
	else
		*ret_services = services;
	return r;
}

static int reservation_row(struct store *store, sqlite3_stmt *stmt, void *user, struct cat_err *err)
{
	struct cat_reservations *all = user, one = {0};
	cat_autonode struct cat_node *tree = NULL;
	int r = column_tree(store, stmt, 0, &tree, err);
	if (r == 0)
		r = cat_reservations_from_tree(tree, &one, err);
	for (uint32_t i = 0; r == 0 && i < one.count; i++) {
		size_t count = all->count;
		void *items = grow(store, all->claim, &count, sizeof(*all->claim), err);
		if (!items) {
			r = -ENOMEM;
			break;
		}
		all->claim = items;
		all->claim[all->count++] = one.claim[i];
	}
	cat_reservations_free(&one);
	return r;
}

int store_reservations_load(struct store *store, struct cat_reservations *ret_reservations, struct cat_err *err)
{
	struct cat_reservations all = {0};
	int r = each(store, reservation_row, &all, err, "SELECT claim FROM reservations ORDER BY owner", "");
	if (r < 0)
		cat_reservations_free(&all);
	else
		*ret_reservations = all;
	return r;
}

void store_changes_free(struct store_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		free(changes->item[i].service);
		free(changes->item[i].kind);
		cat_node_free(changes->item[i].detail);
	}
	free(changes->item);
	*changes = (struct store_changes){0};
}

static int change_row(struct store *store, sqlite3_stmt *stmt, void *user, struct cat_err *err)
{
	struct store_changes *changes = user;
	void *items = grow(store, changes->item, &changes->count, sizeof(*changes->item), err);
	if (!items)
		return -ENOMEM;
	changes->item = items;
	struct store_change *one = &changes->item[changes->count - 1];
	one->id = sqlite3_column_int64(stmt, 0);
	int r = column_text(store, stmt, 1, &one->service, err);
	if (r == 0)
		r = column_text(store, stmt, 2, &one->kind, err);
	if (r == 0)
		r = column_tree(store, stmt, 3, &one->detail, err);
	return r;
}

int store_changes_load(struct store *store, struct store_changes *ret_changes, struct cat_err *err)
{
	struct store_changes changes = {0};
	int r = each(store, change_row, &changes, err,
		     "SELECT id, service, kind, detail FROM host_changes ORDER BY id DESC", "");
	if (r < 0)
		store_changes_free(&changes);
	else
		*ret_changes = changes;
	return r;
}

static int event_row(struct store *store, sqlite3_stmt *stmt, void *user, struct cat_err *err)
{
	static const char *const names[] = {"service", "function", "kind", "message"};
	struct cat_node *event = cat_node_add_map(user, NULL);
	bool ok = event && cat_node_add_int(event, "id", sqlite3_column_int64(stmt, 0)) &&
		  cat_node_add_int(event, "time_ms", sqlite3_column_int64(stmt, 1));
	for (int i = 0; ok && i < (int)CAT_ARRAY_LEN(names); i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i + 2);
		if (text)
			ok = cat_node_add_string(event, names[i], text);
	}
	return ok ? 0 : cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
}

int store_events_load(struct store *store, const char *service, int64_t after, unsigned limit,
		      struct cat_node **ret_list, struct cat_err *err)
{
	cat_autonode struct cat_node *list = cat_node_new_list();
	if (!list)
		return cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
	int r = each(store, event_row, list, err,
		     "SELECT * FROM (SELECT id, time_ms, service, function, kind, message FROM events"
		     " WHERE id > ?1 AND (?2 IS NULL OR service = ?2) ORDER BY id DESC LIMIT ?3) ORDER BY id",
		     "isi", after, service, (int64_t)limit);
	if (r == 0)
		*ret_list = cat_steal(list);
	return r;
}
