// SPDX-License-Identifier: BSD-3-Clause
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"
#include "store_sql.h"

#define RESERVE_BYTES "1000000"
#define RESERVE_LOG_PAGES "200" // of 4,096 bytes: less than the reserve

// Each entry brings the schema one version further; what is here never changes, later versions are appended.
static const char *const migrations[STORE_SCHEMA_VERSION] = {
	"CREATE TABLE services (name TEXT PRIMARY KEY, text TEXT NOT NULL, plan TEXT, state TEXT NOT NULL);"
	"CREATE TABLE reservations (owner TEXT PRIMARY KEY, claim TEXT NOT NULL);"
	"CREATE TABLE uid_ranges (service TEXT PRIMARY KEY, first INTEGER NOT NULL UNIQUE);"
	"CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, service TEXT,"
	" function TEXT, kind TEXT NOT NULL, message TEXT NOT NULL);",
	"CREATE TABLE host_changes (id INTEGER PRIMARY KEY, service TEXT NOT NULL, kind TEXT NOT NULL,"
	" detail TEXT NOT NULL);"
	"CREATE INDEX host_changes_service ON host_changes (service);",
	"CREATE TABLE documents (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,"
	" body TEXT NOT NULL, UNIQUE (kind, id));",
};

static int migrate(struct store *store, struct cat_err *err)
{
	int64_t version = 0;
	int r = store_sql_int(store, "PRAGMA user_version", &version, err);
	if (r < 0)
		return r;
	if (version > STORE_SCHEMA_VERSION)
		return cat_err_set(
			err, -ENOTSUP,
			"%s: found schema version %lld, this Catena knows versions up to %d: use the newer one "
			"or move the file away",
			store->path, (long long)version, STORE_SCHEMA_VERSION);
	while (version < STORE_SCHEMA_VERSION) {
		r = store_begin(store, err);
		if (r < 0)
			return r;
		cat_autofree char *set = cat_format("PRAGMA user_version=%d", (int)version + 1);
		if (!set)
			r = cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
		if (r == 0)
			r = store_sql_exec(store, migrations[version], err);
		if (r == 0)
			r = store_sql_exec(store, set, err);
		if (r < 0) {
			store_rollback(store);
			return cat_err_wrap(err, "schema version %d", (int)version + 1);
		}
		r = store_commit(store, err);
		if (r < 0)
			return r;
		version++;
	}
	return 0;
}

static int check_integrity(struct store *store, struct cat_err *err)
{
	cat_autofree char *answer = NULL;
	int r = store_sql_text(store, "PRAGMA quick_check(1)", &answer, err);
	if (r == 0 && strcmp(answer, "ok") != 0)
		r = cat_err_set(err, -EBADMSG,
				"%s: damaged: %s: move it away and start again; what still runs is found by "
				"`ip link`, `runc list` and `ps`",
				store->path, answer);
	return r;
}

// What runs must be kept running when the disk is full: a restart is written down before it is done. So database and
// log have once been larger than they need to be, and find room within themselves: pages that are free, and a log that
// is used again from its beginning before it grows beyond the size that it has.
static void reserve_room(struct store *store)
{
	struct cat_err err = {0};
	if (store_sql_exec(store,
			   "PRAGMA wal_autocheckpoint=" RESERVE_LOG_PAGES
			   "; BEGIN IMMEDIATE; CREATE TABLE reserve (room BLOB);"
			   "INSERT INTO reserve VALUES (zeroblob(" RESERVE_BYTES ")); COMMIT; DROP TABLE reserve",
			   &err) < 0) {
		cat_warn("no room is set aside for a full disk: %s", err.message);
		store_rollback(store);
	}
}

struct store *store_open(const char *directory, struct cat_err *err)
{
	if (cat_dir_create(directory, 0700, err) < 0)
		return NULL;
	struct store *store = calloc(1, sizeof(*store));
	if (store)
		store->path = cat_format("%s/catena.db", directory);
	if (!store || !store->path) {
		cat_err_set(err, -ENOMEM, "%s: no memory", directory);
		store_close(store);
		return NULL;
	}
	int r = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (r != SQLITE_OK) {
		cat_err_set(err, -EIO, "%s: %s", store->path, store->db ? sqlite3_errmsg(store->db) : "no memory");
		store_close(store);
		return NULL;
	}
	chmod(store->path, 0600);
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, 200);
	// The lock is held for life: two managers on one store would each undo what the other does.
	if (store_sql_exec(store,
			   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
			   "PRAGMA trusted_schema=OFF; BEGIN IMMEDIATE; COMMIT",
			   err) < 0 ||
	    check_integrity(store, err) < 0 || migrate(store, err) < 0) {
		store_close(store);
		return NULL;
	}
	reserve_room(store);
	return store;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_sql_finish(store);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

int store_begin(struct store *store, struct cat_err *err)
{
	return store_sql_exec(store, "BEGIN IMMEDIATE", err);
}

int store_commit(struct store *store, struct cat_err *err)
{
	int r = store_sql_exec(store, "COMMIT", err);
	if (r < 0)
		store_rollback(store);
	return r;
}

void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		store_sql_exec(store, "ROLLBACK", NULL);
}

// Runs one statement with its parameters bound: 's' text (NULL is null), 'i' int64_t.
static int run(struct store *store, struct cat_err *err, const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	sqlite3_stmt *stmt = store_sql_prepare(store, sql, types, args, err);
	va_end(args);
	if (!stmt)
		return err ? err->code : -EIO;
	int r = store_sql_step(store, stmt, err);
	store_sql_reset(stmt);
	return r < 0 ? r : 0;
}

static int run_json(struct store *store, const struct cat_node *tree, char **ret_json, struct cat_err *err)
{
	*ret_json = tree ? cat_node_to_json(tree, 0) : NULL;
	return tree && !*ret_json ? cat_err_set(err, -ENOMEM, "%s: no memory", store->path) : 0;
}

int store_service_put(struct store *store, const char *name, const char *text, const struct cat_node *plan,
		      const char *state, struct cat_err *err)
{
	cat_autofree char *json = NULL;
	int r = run_json(store, plan, &json, err);
	if (r < 0)
		return r;
	return run(store, err, "INSERT OR REPLACE INTO services (name, text, plan, state) VALUES (?, ?, ?, ?)", "ssss",
		   name, text, json, state);
}

int store_service_set_state(struct store *store, const char *name, const char *state, struct cat_err *err)
{
	return run(store, err, "UPDATE services SET state = ? WHERE name = ?", "ss", state, name);
}

int store_service_delete(struct store *store, const char *name, struct cat_err *err)
{
	static const char *const statements[] = {
		"DELETE FROM services WHERE name = ?",
		"DELETE FROM reservations WHERE owner = ?",
		"DELETE FROM uid_ranges WHERE service = ?",
	};
	int r = store_begin(store, err);
	for (size_t i = 0; r == 0 && i < CAT_ARRAY_LEN(statements); i++)
		r = run(store, err, statements[i], "s", name);
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

int store_reservation_delete(struct store *store, const char *owner, struct cat_err *err)
{
	return run(store, err, "DELETE FROM reservations WHERE owner = ?", "s", owner);
}

int store_reservation_put(struct store *store, const struct cat_claim *claim, struct cat_err *err)
{
	struct cat_claim copy = *claim;
	struct cat_reservations one = {.claim = &copy, .count = 1};
	cat_autonode struct cat_node *tree = NULL;
	cat_autofree char *json = NULL;
	if (cat_reservations_to_tree(&one, &tree) < 0 || run_json(store, tree, &json, err) < 0)
		return cat_err_set(err, -ENOMEM, "%s: no memory", store->path);
	return run(store, err, "INSERT OR REPLACE INTO reservations (owner, claim) VALUES (?, ?)", "ss", claim->owner,
		   json);
}

int store_uid_range(struct store *store, const char *service, uint32_t base, uint32_t limit, uint32_t *ret_first,
		    struct cat_err *err)
{
	int r = run(store, err,
		    "INSERT OR IGNORE INTO uid_ranges (service, first)"
		    " SELECT ?1, min(c) FROM (SELECT ?2 AS c UNION SELECT first + ?3 FROM uid_ranges WHERE first >= ?2)"
		    " WHERE c NOT IN (SELECT first FROM uid_ranges) HAVING min(c) + ?3 <= ?4",
		    "siii", service, (int64_t)base, (int64_t)STORE_UID_RANGE, (int64_t)limit);
	if (r < 0)
		return r;
	int64_t first = -1;
	r = store_sql_lookup(store, "SELECT first FROM uid_ranges WHERE service = ?", service, &first, err);
	if (r < 0)
		return r;
	if (first < 0)
		return cat_err_set(err, -ENOSPC,
				   "no range of %u user ids is free between %u and %u: take a service down",
				   STORE_UID_RANGE, base, limit);
	*ret_first = (uint32_t)first;
	return 0;
}

int store_change_add(struct store *store, const char *service, const char *kind, const struct cat_node *detail,
		     int64_t *ret_id, struct cat_err *err)
{
	cat_autofree char *json = NULL;
	int r = run_json(store, detail, &json, err);
	if (r == 0)
		r = run(store, err, "INSERT INTO host_changes (service, kind, detail) VALUES (?, ?, ?)", "sss", service,
			kind, json);
	if (r == 0)
		*ret_id = sqlite3_last_insert_rowid(store->db);
	return r;
}

int store_change_update(struct store *store, int64_t id, const struct cat_node *detail, struct cat_err *err)
{
	cat_autofree char *json = NULL;
	int r = run_json(store, detail, &json, err);
	return r < 0 ? r : run(store, err, "UPDATE host_changes SET detail = ? WHERE id = ?", "si", json, id);
}

int store_change_delete(struct store *store, int64_t id, struct cat_err *err)
{
	return run(store, err, "DELETE FROM host_changes WHERE id = ?", "i", id);
}

int store_event_add(struct store *store, int64_t time_ms, const char *service, const char *function, const char *kind,
		    const char *message, int64_t *ret_id, struct cat_err *err)
{
	int r = run(store, err, "INSERT INTO events (time_ms, service, function, kind, message) VALUES (?, ?, ?, ?, ?)",
		    "issss", time_ms, service, function, kind, message);
	if (r < 0)
		return r;
	int64_t id = sqlite3_last_insert_rowid(store->db);
	if (ret_id)
		*ret_id = id;
	return run(store, err, "DELETE FROM events WHERE id <= ?", "i", id - STORE_EVENTS_MAX);
}
