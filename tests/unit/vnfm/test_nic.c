// SPDX-License-Identifier: BSD-3-Clause
// VFs of services from plan to journal and back, with the store of the manager and a scripted kernel.
#include "../test.h"

#include <errno.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "fake_kernel.h"
#include "nic_watch.h"
#include "service.h"

struct bench {
	struct fake_kernel kernel;
	char directory[64];
	struct manager manager;
	struct service service[2]; // "a" and "b"
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct cat_err err = {0};
	fake_kernel_init(&bench->kernel, 0, "ice");
	strcpy(bench->directory, "/tmp/catena-nic-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	bench->manager.store = store_open(bench->directory, &err);
	assert_non_null(bench->manager.store);
	bench->manager.nic_io = bench->kernel.io;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(bench->service[i].name, sizeof(bench->service[i].name), "%c", 'a' + (int)i);
		bench->service[i].next = bench->manager.services;
		bench->manager.services = &bench->service[i];
	}
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 2; i++)
		nics_finish(&bench->service[i].nics);
	store_close(bench->manager.store);
	assert_int_equal(cat_dir_remove(bench->directory, NULL), 0);
	fake_kernel_finish(&bench->kernel);
	free(bench);
	return 0;
}

static struct cat_node *plan_of(unsigned vf, unsigned make)
{
	struct cat_node *plan = NULL;
	struct cat_err err = {0};
	cat_autofree char *text = cat_format(
		"{ports: [{name: wan, driver: veth, device: v0}, {name: lan, driver: pci, device: \"ens1f0/vf%u\", "
		"nic: {pf: \"" FAKE_PF "\", vf: %u, make_vfs: %u, vlan: 100, trust: true}}]}",
		vf, vf, make);
	assert_int_equal(cat_tree_parse_yaml("plan", text, strlen(text), &plan, &err), 0);
	return plan;
}

static unsigned steps_in_store(const struct bench *bench, const char *service)
{
	struct store_changes changes = {0};
	unsigned count = 0;
	assert_int_equal(store_changes_load(bench->manager.store, &changes, NULL), 0);
	for (size_t i = 0; i < changes.count; i++)
		count += !strcmp(changes.item[i].kind, "nic") && !strcmp(changes.item[i].service, service);
	store_changes_free(&changes);
	return count;
}

static void hold(struct bench *bench, const char *owner, const char *device)
{
	struct cat_claim claim = {.device_count = 1};
	struct cat_err err = {0};
	strcpy(claim.owner, owner);
	strcpy(claim.device[0], device);
	assert_int_equal(store_service_put(bench->manager.store, owner, "", NULL, "running", &err), 0);
	assert_int_equal(store_reservation_put(bench->manager.store, &claim, &err), 0);
}

static void take(struct bench *bench, unsigned which, unsigned vf, unsigned make)
{
	struct service *service = &bench->service[which];
	struct cat_err err = {0};
	cat_autonode struct cat_node *plan = plan_of(vf, make);
	hold(bench, service->name, cat_node_get(cat_node_get(plan, "ports")->last, "device")->string);
	if (nics_look(&service->nics, &bench->manager, service->name, plan, &err) < 0 ||
	    nics_take(&service->nics, &bench->manager.nic_io, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(nics_name(&service->nics, plan, &err));
	assert_false(nics_name(&service->nics, plan, &err));
	assert_string_equal(cat_node_get(cat_node_get(plan, "ports")->first, "device")->string, "v0");
	const char *bdf = cat_node_get(cat_node_get(plan, "ports")->last, "device")->string;
	assert_string_equal(bdf, fake_vf(vf));
	hold(bench, service->name, bdf);
}

static void leave(struct bench *bench, unsigned which)
{
	struct service *service = &bench->service[which];
	struct cat_err err = {0};
	if (nics_leave(&service->nics, &bench->manager, service->name, &err) < 0 ||
	    nics_give_back(&service->nics, &bench->manager.nic_io, &err) < 0 ||
	    nics_done(&service->nics, bench->manager.store, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(store_service_delete(bench->manager.store, service->name, &err), 0);
	assert_int_equal(steps_in_store(bench, service->name), 0);
}

static void expect_state(const struct bench *bench, const char *expected)
{
	cat_autofree char *found = fake_kernel_state(&bench->kernel);
	assert_string_equal(found, expected);
}

static void takes_and_gives_back(void **state)
{
	struct bench *bench = *state;
	cat_autofree char *before = fake_kernel_state(&bench->kernel);
	take(bench, 0, 2, 4);
	assert_int_equal(bench->kernel.vfs, 4);
	assert_int_equal(bench->kernel.vf[2].vlan, 100);
	assert_int_equal(steps_in_store(bench, "a"), 3);
	leave(bench, 0);
	expect_state(bench, before);
}

// Who made the VFs goes first: they stay for the other one, who removes them.
static void hands_on(void **state)
{
	struct bench *bench = *state;
	cat_autofree char *before = fake_kernel_state(&bench->kernel);
	take(bench, 0, 0, 4);
	take(bench, 1, 1, 4);
	assert_int_equal(steps_in_store(bench, "b"), 2);
	leave(bench, 0);
	assert_int_equal(bench->kernel.vfs, 4);
	assert_int_equal(bench->kernel.vf[0].vlan, 0);
	assert_int_equal(bench->kernel.vf[1].vlan, 100);
	assert_int_equal(steps_in_store(bench, "b"), 3);
	leave(bench, 1);
	expect_state(bench, before);
}

// The manager is killed anywhere in taking or giving back; the next one has only the store.
static void recovers(void **state)
{
	struct bench *bench = *state;
	cat_autofree char *before = fake_kernel_state(&bench->kernel);
	bool hit = true;
	unsigned rounds = 0;
	for (unsigned at = 0; hit && at < 100; at++, rounds++) {
		struct nics nics = {0};
		struct store_changes changes = {0};
		struct cat_err err = {0};
		cat_autonode struct cat_node *plan = plan_of(1, 2);
		bench->kernel.operations = 0;
		bench->kernel.fault = FAKE_NONE;
		assert_int_equal(nics_look(&nics, &bench->manager, "gone", plan, &err), 0);
		bench->kernel.operations = 0;
		bench->kernel.fault = FAKE_CRASH_AFTER;
		bench->kernel.fault_at = at;
		if (nics_take(&nics, &bench->manager.nic_io, &err) == 0) {
			nics_leave(&nics, &bench->manager, "gone", &err);
			nics_give_back(&nics, &bench->manager.nic_io, &err);
		}
		hit = bench->kernel.operations > at;
		nics_finish(&nics);
		bench->kernel.fault = FAKE_NONE;
		assert_int_equal(store_changes_load(bench->manager.store, &changes, &err), 0);
		assert_int_equal(changes.count, 3);
		for (size_t i = 0; i < changes.count; i++) {
			if (nics_undo(&bench->manager, changes.item[i].detail, &err) < 0)
				fail_msg("crash at %u: %s", at, err.message);
			assert_int_equal(store_change_delete(bench->manager.store, changes.item[i].id, &err), 0);
		}
		store_changes_free(&changes);
		expect_state(bench, before);
	}
	assert_false(hit);
	assert_true(rounds > 8);
}

// A service that was taken over has one of the VFs that one that died made.
static void recovers_beside_another(void **state)
{
	struct bench *bench = *state;
	struct store_changes changes = {0};
	struct cat_err err = {0};
	take(bench, 0, 0, 4);
	take(bench, 1, 1, 4);
	// "a" is not taken over.
	bench->manager.services = &bench->service[1];
	bench->service[1].next = NULL;
	assert_int_equal(store_changes_load(bench->manager.store, &changes, &err), 0);
	for (size_t i = 0; i < changes.count; i++) {
		if (strcmp(changes.item[i].service, "a") != 0)
			continue;
		assert_int_equal(nics_undo(&bench->manager, changes.item[i].detail, &err), 0);
		assert_int_equal(store_change_delete(bench->manager.store, changes.item[i].id, &err), 0);
	}
	store_changes_free(&changes);
	assert_int_equal(bench->kernel.vfs, 4);
	leave(bench, 1);
	assert_int_equal(bench->kernel.vfs, 0);
}

// What cannot be given back stays in the store, for the next manager.
static void keeps_what_is_left(void **state)
{
	struct bench *bench = *state;
	struct nics *nics = &bench->service[0].nics;
	struct cat_err err = {0};
	take(bench, 0, 0, 4);
	bench->kernel.operations = 0;
	bench->kernel.fault = FAKE_CRASH_BEFORE;
	assert_int_equal(nics_leave(nics, &bench->manager, "a", &err), 0);
	assert_int_equal(nics_give_back(nics, &bench->manager.nic_io, &err), -EIO);
	assert_int_equal(nics_done(nics, bench->manager.store, &err), 0);
	assert_int_equal(steps_in_store(bench, "a"), 3);
	bench->kernel.fault = FAKE_NONE;
	leave(bench, 0);
}

static void refuses(void **state)
{
	struct bench *bench = *state;
	static const struct {
		const char *plan, *message;
	} cases[] = {
		{"{ports: [{name: lan, driver: pci, device: \"0000:99:00.0\", nic: {}}]}",
		 "port lan: there is no device 0000:99:00.0"},
		{"{ports: [{name: lan, driver: pci, device: x, nic: {pf: \"" FAKE_PF "\", vf: 5000}}]}", "plan: "},
		{"{ports: [{driver: pci, nic: {}}]}", "plan: "},
		{"{ports: [{name: lan, driver: pci, device: x, nic: {pf: \"" FAKE_PF "\", vf: 0, make_vfs: 9}}]}",
		 "port lan: vf0 of 9 wanted"},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct nics nics = {0};
		struct cat_err err = {0};
		cat_autonode struct cat_node *plan = NULL;
		assert_int_equal(cat_tree_parse_yaml("p", cases[i].plan, strlen(cases[i].plan), &plan, &err), 0);
		if (nics_look(&nics, &bench->manager, "a", plan, &err) >= 0 ||
		    strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("case %zu: found \"%s\"", i, err.message);
	}
	assert_int_equal(steps_in_store(bench, "a"), 0);
}

static unsigned events_of(const struct bench *bench, const char *kind)
{
	cat_autonode struct cat_node *list = NULL;
	unsigned count = 0;
	assert_int_equal(store_events_load(bench->manager.store, "a", 0, 100, &list, NULL), 0);
	for (const struct cat_node *n = list->first; n; n = n->next)
		count += !strcmp(cat_node_get(n, "kind")->string, kind);
	return count;
}

// What the kernel says of the devices and links of a service that has a VF.
static void watches(void **state)
{
	struct bench *bench = *state;
	struct service *service = &bench->service[0];
	struct cat_err err = {0};
	static const char other[] = "remove@/x\0ACTION=remove\0PCI_SLOT_NAME=0000:81:10.0";
	static const char bound[] = "bind@/x\0ACTION=bind\0PCI_SLOT_NAME=0000:81:10.1";
	static const char removed[] = "remove@/x\0ACTION=remove\0SUBSYSTEM=pci\0PCI_SLOT_NAME=0000:81:10.1";
	service->manager = &bench->manager;
	service->state = SERVICE_RUNNING;
	take(bench, 0, 1, 4);
	service->current.plan = plan_of(1, 4);
	nics_name(&service->nics, service->current.plan, &err);
	// Its link is that of its NIC.
	nic_watch_link(&bench->manager, "eno1", true, false);
	nic_watch_link(&bench->manager, FAKE_PF_NAME, true, true);
	assert_int_equal(events_of(bench, "link-down") + events_of(bench, "link-up"), 0);
	nic_watch_link(&bench->manager, FAKE_PF_NAME, true, false);
	nic_watch_link(&bench->manager, FAKE_PF_NAME, true, false);
	assert_int_equal(events_of(bench, "link-down"), 1);
	nic_watch_link(&bench->manager, "v0", true, false);
	nic_watch_link(&bench->manager, FAKE_PF_NAME, true, true);
	assert_int_equal(events_of(bench, "link"), 1);
	assert_int_equal(events_of(bench, "link-up"), 0);
	nic_watch_link(&bench->manager, "v0", true, true);
	assert_int_equal(events_of(bench, "link-up"), 1);
	nic_watch_uevent(&bench->manager, other, sizeof(other));
	nic_watch_uevent(&bench->manager, bound, sizeof(bound));
	nic_watch_uevent(&bench->manager, removed, sizeof(removed) - 2); // cut off
	nic_watch_uevent(&bench->manager, removed, 0);
	assert_int_equal(events_of(bench, "device-removed"), 0);
	nic_watch_uevent(&bench->manager, removed, sizeof(removed));
	nic_watch_uevent(&bench->manager, removed, sizeof(removed));
	assert_int_equal(events_of(bench, "device-removed"), 1);
	// One that does not run is not watched.
	service->state = SERVICE_STOPPING;
	nic_watch_link(&bench->manager, "v0", false, false);
	assert_int_equal(events_of(bench, "device-removed"), 1);
	service->state = SERVICE_RUNNING;
	nic_watch_link(&bench->manager, "v0", false, false);
	assert_int_equal(events_of(bench, "device-removed"), 2);
	cat_node_free(service->current.plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_and_gives_back), TEST(hands_on), TEST(recovers), TEST(recovers_beside_another),
		TEST(keeps_what_is_left),   TEST(refuses),  TEST(watches),
	};
	return cmocka_run_group_tests_name("vnfm/nic", tests, NULL, NULL);
}
