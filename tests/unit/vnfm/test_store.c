// SPDX-License-Identifier: BSD-3-Clause
#include "../test.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "store.h"

#define BASE 1000000u
#define LIMIT (BASE + 4 * STORE_UID_RANGE)

struct place {
	char directory[64];
	struct store *store;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->directory, "/tmp/catena-store-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	place->store = store_open(place->directory, NULL);
	assert_non_null(place->store);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	store_close(place->store);
	assert_int_equal(cat_dir_remove(place->directory, NULL), 0);
	free(place);
	return 0;
}

static void reopen(struct place *place)
{
	store_close(place->store);
	struct cat_err err = {0};
	place->store = store_open(place->directory, &err);
	assert_string_equal(err.message, "");
	assert_non_null(place->store);
}

static void raw(struct place *place, const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;
	snprintf(path, sizeof(path), "%s/catena.db", place->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refuses_a_second_user(void **state)
{
	struct place *place = *state;
	struct cat_err err = {0};
	assert_null(store_open(place->directory, &err));
	assert_int_equal(err.code, -EBUSY);
	assert_non_null(strstr(err.message, "another catenad"));
}

static void refuses_a_newer_schema(void **state)
{
	struct place *place = *state;
	struct cat_err err = {0};
	store_close(place->store);
	raw(place, "PRAGMA user_version=999");
	place->store = store_open(place->directory, &err);
	assert_null(place->store);
	assert_int_equal(err.code, -ENOTSUP);
	assert_non_null(strstr(err.message, "999"));
}

static void refuses_what_is_no_database(void **state)
{
	struct place *place = *state;
	struct cat_err err = {0};
	char path[128];
	store_close(place->store);
	snprintf(path, sizeof(path), "%s/catena.db", place->directory);
	assert_int_equal(cat_file_replace(path, "this is no database, whatever its name says", 43, 0600, NULL), 0);
	place->store = store_open(place->directory, &err);
	assert_null(place->store);
	assert_int_equal(err.code, -EBADMSG);
}

// What an earlier version wrote is brought forward with its content.
static void migrates_from_the_first_version(void **state)
{
	struct place *place = *state;
	store_close(place->store);
	raw(place, "DROP TABLE host_changes; DROP TABLE documents; PRAGMA user_version=1;"
		   "INSERT INTO services VALUES ('old', 'text', NULL, 'running')");
	place->store = NULL;
	reopen(place);
	struct store_services services = {0};
	assert_int_equal(store_services_load(place->store, &services, NULL), 0);
	assert_int_equal(services.count, 1);
	assert_string_equal(services.item[0].name, "old");
	assert_null(services.item[0].plan);
	store_services_free(&services);
	int64_t id = 0;
	cat_autonode struct cat_node *detail = cat_node_new_map();
	assert_int_equal(store_change_add(place->store, "old", "huge", detail, &id, NULL), 0);
}

// Names and texts are values, never part of a statement.
static void keeps_hostile_text_as_it_is(void **state)
{
	struct place *place = *state;
	static const char *const texts[] = {"'; DROP TABLE services; --", "\"", "%s%n", "a\nb\tc", "\xc3\xa4", ""};
	for (size_t i = 0; i < CAT_ARRAY_LEN(texts); i++) {
		cat_autonode struct cat_node *plan = cat_node_new_map();
		cat_node_add_string(plan, "key", texts[i]);
		assert_int_equal(store_service_put(place->store, texts[i], texts[i], plan, texts[i], NULL), 0);
	}
	reopen(place);
	struct store_services services = {0};
	assert_int_equal(store_services_load(place->store, &services, NULL), 0);
	assert_int_equal(services.count, CAT_ARRAY_LEN(texts));
	for (size_t i = 0; i < services.count; i++) {
		assert_string_equal(services.item[i].name, services.item[i].text);
		assert_string_equal(services.item[i].name, cat_node_get(services.item[i].plan, "key")->string);
	}
	store_services_free(&services);
}

static void forgets_a_service_with_what_it_held(void **state)
{
	struct place *place = *state;
	struct cat_claim claim = {
		.owner = "a", .cpu = {3}, .cpu_count = 1, .huge_page_bytes = 2 << 20, .huge_pages = 5};
	uint32_t first = 0, again = 0;
	assert_int_equal(store_service_put(place->store, "a", "text", NULL, "running", NULL), 0);
	assert_int_equal(store_reservation_put(place->store, &claim, NULL), 0);
	assert_int_equal(store_uid_range(place->store, "a", BASE, LIMIT, &first, NULL), 0);
	struct cat_reservations taken = {0};
	assert_int_equal(store_reservations_load(place->store, &taken, NULL), 0);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.claim[0].cpu[0], 3);
	assert_int_equal(taken.claim[0].huge_pages, 5);
	cat_reservations_free(&taken);
	assert_int_equal(store_service_delete(place->store, "a", NULL), 0);
	assert_int_equal(store_reservations_load(place->store, &taken, NULL), 0);
	assert_int_equal(taken.count, 0);
	assert_int_equal(store_uid_range(place->store, "b", BASE, LIMIT, &again, NULL), 0);
	assert_int_equal(again, first);
}

static void gives_each_service_ids_of_its_own(void **state)
{
	struct place *place = *state;
	uint32_t first = 0;
	char name[] = "a";
	for (uint32_t i = 0; i < 4; i++, name[0]++) {
		assert_int_equal(store_uid_range(place->store, name, BASE, LIMIT, &first, NULL), 0);
		assert_int_equal(first, BASE + i * STORE_UID_RANGE);
	}
	struct cat_err err = {0};
	assert_int_equal(store_uid_range(place->store, "e", BASE, LIMIT, &first, &err), -ENOSPC);
	// The same again, also after a restart; a gap is filled.
	reopen(place);
	assert_int_equal(store_uid_range(place->store, "c", BASE, LIMIT, &first, NULL), 0);
	assert_int_equal(first, BASE + 2 * STORE_UID_RANGE);
	assert_int_equal(store_service_delete(place->store, "b", NULL), 0);
	assert_int_equal(store_uid_range(place->store, "e", BASE, LIMIT, &first, NULL), 0);
	assert_int_equal(first, BASE + STORE_UID_RANGE);
}

static void keeps_a_bounded_number_of_events(void **state)
{
	struct place *place = *state;
	int64_t id = 0;
	assert_int_equal(store_begin(place->store, NULL), 0);
	for (int i = 0; i < STORE_EVENTS_MAX + 50; i++)
		assert_int_equal(store_event_add(place->store, i, i % 2 ? "a" : "b", i % 3 ? NULL : "fw", "died", "m",
						 &id, NULL),
				 0);
	assert_int_equal(store_commit(place->store, NULL), 0);
	cat_autonode struct cat_node *all = NULL, *some = NULL, *after = NULL;
	assert_int_equal(store_events_load(place->store, NULL, 0, 5000, &all, NULL), 0);
	assert_int_equal(all->count, STORE_EVENTS_MAX);
	assert_int_equal(cat_node_get(all->last, "id")->integer, id);
	assert_int_equal(store_events_load(place->store, "a", 0, 7, &some, NULL), 0);
	assert_int_equal(some->count, 7);
	assert_string_equal(cat_node_get(some->first, "service")->string, "a");
	assert_int_equal(store_events_load(place->store, NULL, id - 3, 100, &after, NULL), 0);
	assert_int_equal(after->count, 3);
	assert_int_equal(cat_node_get(after->first, "id")->integer, id - 2);
}

// A process that ends anywhere, even within a transaction, leaves what was committed and nothing else.
static void survives_a_death_at_any_moment(void **state)
{
	struct place *place = *state;
	store_close(place->store);
	for (int moment = 0; moment < 4; moment++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct store *store = store_open(place->directory, NULL);
			int64_t id = 0;
			cat_autonode struct cat_node *detail = cat_node_new_map();
			if (!store || store_change_add(store, "kept", "process", detail, &id, NULL) < 0)
				_exit(1);
			if (moment >= 1)
				store_begin(store, NULL);
			if (moment >= 2)
				store_service_put(store, "half", "text", NULL, "starting", NULL);
			if (moment >= 3)
				store_change_add(store, "half", "huge", detail, &id, NULL);
			_exit(0);
		}
		int status = 0;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	place->store = NULL;
	reopen(place);
	struct store_services services = {0};
	struct store_changes changes = {0};
	assert_int_equal(store_services_load(place->store, &services, NULL), 0);
	assert_int_equal(services.count, 0);
	assert_int_equal(store_changes_load(place->store, &changes, NULL), 0);
	assert_int_equal(changes.count, 4);
	// The last change is undone first.
	assert_true(changes.item[0].id > changes.item[3].id);
	store_services_free(&services);
	store_changes_free(&changes);
}

static void undoes_a_rolled_back_transaction(void **state)
{
	struct place *place = *state;
	assert_int_equal(store_begin(place->store, NULL), 0);
	assert_int_equal(store_service_put(place->store, "a", "text", NULL, "starting", NULL), 0);
	store_rollback(place->store);
	// Without one under way it is fine too.
	store_rollback(place->store);
	struct store_services services = {0};
	assert_int_equal(store_services_load(place->store, &services, NULL), 0);
	assert_int_equal(services.count, 0);
}

static void updates_and_strikes_out_changes(void **state)
{
	struct place *place = *state;
	int64_t id = 0;
	cat_autonode struct cat_node *detail = cat_node_new_map();
	assert_int_equal(store_change_add(place->store, "a", "huge", detail, &id, NULL), 0);
	cat_node_add_int(detail, "added", 12);
	assert_int_equal(store_change_update(place->store, id, detail, NULL), 0);
	// They outlive the service: what could not be given back is not forgotten.
	assert_int_equal(store_service_delete(place->store, "a", NULL), 0);
	struct store_changes changes = {0};
	assert_int_equal(store_changes_load(place->store, &changes, NULL), 0);
	assert_int_equal(changes.count, 1);
	assert_int_equal(cat_node_get(changes.item[0].detail, "added")->integer, 12);
	store_changes_free(&changes);
	assert_int_equal(store_change_delete(place->store, id, NULL), 0);
	assert_int_equal(store_changes_load(place->store, &changes, NULL), 0);
	assert_int_equal(changes.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(refuses_a_second_user),
		TEST(refuses_a_newer_schema),
		TEST(refuses_what_is_no_database),
		TEST(migrates_from_the_first_version),
		TEST(keeps_hostile_text_as_it_is),
		TEST(forgets_a_service_with_what_it_held),
		TEST(gives_each_service_ids_of_its_own),
		TEST(keeps_a_bounded_number_of_events),
		TEST(survives_a_death_at_any_moment),
		TEST(undoes_a_rolled_back_transaction),
		TEST(updates_and_strikes_out_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
