// SPDX-License-Identifier: BSD-3-Clause
// The life of a VF against a scripted sysfs and a netlink recorder: what is refused, what is done in which order, and
// that every failure and every crash in turn leaves the PF as it was.
#include <linux/if_link.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fake_kernel.h"

static struct cat_vf_settings all_settings(void)
{
	return (struct cat_vf_settings){
		.set = CAT_VF_MAC | CAT_VF_VLAN | CAT_VF_SPOOF_CHECK | CAT_VF_TRUST | CAT_VF_RATE | CAT_VF_LINK,
		.mac = {{0x02, 0, 0, 0, 0, 0x2a}},
		.vlan = 100,
		.priority = 3,
		.qinq = true,
		.trust = true,
		.rate_min_mbps = 100,
		.rate_max_mbps = 1000,
		.link = CAT_VF_LINK_ENABLE,
	};
}

static struct cat_nic_want want_vf(uint32_t vf, uint32_t make)
{
	struct cat_nic_want want = {.pf = FAKE_PF, .vf = vf, .make_vfs = make, .settings = all_settings()};
	return want;
}

static struct cat_node *look(struct fake_kernel *kernel, const struct cat_nic_want *want)
{
	struct cat_err err = {0};
	struct cat_node *steps = NULL;
	if (cat_nic_look(&kernel->io, want, &steps, &err) < 0)
		fail_msg("%s", err.message);
	return steps;
}

// As they come back from the store.
static struct cat_node *stored(const struct cat_node *steps)
{
	struct cat_err err = {0};
	struct cat_node *again = NULL;
	cat_autofree char *json = cat_node_to_json(steps, 0);
	assert_int_equal(cat_tree_parse_json("steps", json, strlen(json), &again, &err), 0);
	return again;
}

static void test_take(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, 0, "ice");
	cat_autofree char *before = fake_kernel_state(&kernel);
	const struct cat_nic_want want = want_vf(3, 4);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	// Looking changed nothing, and asked nothing of VFs that are not there.
	assert_string_equal(kernel.log, "");
	assert_int_equal(steps->count, 3);
	assert_string_equal(cat_nic_step_pf(steps->first), FAKE_PF);
	assert_null(cat_nic_step_pf(steps->last));
	if (cat_nic_take(&kernel.io, &want, bdf, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(bdf, fake_vf(3));
	cat_autofree char *during = fake_kernel_state(&kernel);
	assert_string_equal(during,
			    "pf ice (null) vfs 4 autoprobe 0\n"
			    "vf0 - (null) net 0 mac 00:00:00:00:00:00 vlan 0 0 0 spoof 1 trust 0 rate 0 0 link 0\n"
			    "vf1 - (null) net 0 mac 00:00:00:00:00:00 vlan 0 0 0 spoof 1 trust 0 rate 0 0 link 0\n"
			    "vf2 - (null) net 0 mac 00:00:00:00:00:00 vlan 0 0 0 spoof 1 trust 0 rate 0 0 link 0\n"
			    "vf3 vfio-pci vfio-pci net 0 mac 02:00:00:00:00:2a vlan 100 3 1 spoof 0 trust 1 rate 100 "
			    "1000 link 1\n");
	assert_string_equal(kernel.log, "write sriov_drivers_autoprobe 0\n"
					"write sriov_numvfs 4\n"
					"setlink vf3 type 1\nsetlink vf3 type 12\nsetlink vf3 type 4\n"
					"setlink vf3 type 9\nsetlink vf3 type 6\nsetlink vf3 type 5\n"
					"write driver_override vfio-pci\n"
					"write drivers_probe 0000:81:10.3\n");
	if (cat_nic_give_back(&kernel.io, steps, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(kernel.resets, 1);
	cat_autofree char *after = fake_kernel_state(&kernel);
	assert_string_equal(after, before);
	fake_kernel_finish(&kernel);
}

// A VF that is there, with settings of somebody else's: they come back.
static void test_take_there(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, 4, "ice");
	kernel.vf[2].mac.byte[5] = 9;
	kernel.vf[2].vlan = 7;
	kernel.vf[2].rate_max_mbps = 50;
	cat_autofree char *before = fake_kernel_state(&kernel);
	const struct cat_nic_want want = want_vf(2, 4);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	assert_int_equal(steps->count, 2);
	assert_int_equal(cat_nic_take(&kernel.io, &want, bdf, &err), 0);
	assert_string_equal(bdf, fake_vf(2));
	assert_int_equal(kernel.vf[2].vlan, 100);
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), 0);
	cat_autofree char *after = fake_kernel_state(&kernel);
	assert_string_equal(after, before);
	fake_kernel_finish(&kernel);
}

// ConnectX: the kernel's driver stays, DPDK goes through it.
static void test_bifurcated(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, 0, "mlx5_core");
	cat_autofree char *before = fake_kernel_state(&kernel);
	const struct cat_nic_want want = want_vf(0, 2);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	assert_int_equal(cat_nic_take(&kernel.io, &want, bdf, &err), 0);
	cat_autofree char *during = fake_kernel_state(&kernel);
	assert_non_null(strstr(during, "vf0 mlx5_core mlx5_core net 1 mac 02:00:00:00:00:2a"));
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), 0);
	cat_autofree char *after = fake_kernel_state(&kernel);
	assert_string_equal(after, before);
	// The whole PF: nothing to do, even while it is in use.
	const struct cat_nic_want pf = {.bdf = FAKE_PF};
	fake_remove(&kernel.host, "sys/class/net/" FAKE_PF_NAME "/flags");
	fake_file(&kernel.host, "sys/class/net/" FAKE_PF_NAME "/flags", "0x1003\n");
	cat_autonode struct cat_node *none = look(&kernel, &pf);
	assert_int_equal(none->count, 0);
	assert_int_equal(cat_nic_take(&kernel.io, &pf, bdf, &err), 0);
	assert_string_equal(bdf, FAKE_PF);
	fake_kernel_finish(&kernel);
}

static void prepare(struct fake_kernel *kernel, const char *what)
{
	const struct fake_host *host = &kernel->host;
	if (strstr(what, "pf up"))
		fake_file(host, "sys/class/net/" FAKE_PF_NAME "/flags", "0x1003\n");
	if (strstr(what, "vf up"))
		fake_file(host, "sys/class/net/" FAKE_PF_NAME "v1/flags", "0x1003\n");
	if (strstr(what, "namespace"))
		fake_remove(host, "sys/devices/pci0000:80/0000:81:10.1/net/" FAKE_PF_NAME "v1");
	if (strstr(what, "no iommu"))
		fake_remove(host, "sys/devices/pci0000:80/0000:81:10.1/iommu_group");
	if (strstr(what, "shared group"))
		fake_link(host, "sys/kernel/iommu_groups/51/devices/0000:81:10.2", "../../../../devices/pci0000:80/x");
	if (strstr(what, "bridge")) {
		fake_link(host, "sys/kernel/iommu_groups/51/devices/0000:80:01.0", "../../../../devices/pci0000:80/x");
		fake_file(host, "sys/bus/pci/devices/0000:80:01.0/class", "0x060400\n");
		fake_link(host, "sys/bus/pci/devices/0000:80:01.0/driver", "../../../bus/pci/drivers/pcieport");
	}
	if (strstr(what, "no vfio"))
		fake_remove(host, "sys/bus/pci/drivers/vfio-pci");
	if (strstr(what, "no sriov"))
		fake_remove(host, "sys/devices/pci0000:80/" FAKE_PF "/sriov_totalvfs");
	if (strstr(what, "no interface"))
		fake_remove(host, "sys/devices/pci0000:80/" FAKE_PF "/net");
	kernel->silent = strstr(what, "silent");
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		unsigned vfs;
		const char *prepare;
		struct cat_nic_want want;
		int code;
		const char *message;
	} cases[] = {
		{0, "", {.pf = "0000:99:00.0", .make_vfs = 1}, -ENODEV, "there is no device 0000:99:00.0"},
		{0, "", {.bdf = "0000:99:00.0"}, -ENODEV, "there is no device 0000:99:00.0"},
		{0,
		 "",
		 {.pf = FAKE_PF, .vf = 9, .make_vfs = 10},
		 -ENODEV,
		 "vf9 of 10 wanted of 0000:81:00.0, which can have 8"},
		{0, "", {.pf = FAKE_PF, .vf = 0, .make_vfs = 0}, -ENODEV, "vf0 of 0 wanted"},
		{2, "", {.pf = FAKE_PF, .vf = 5, .make_vfs = 8}, -EBUSY, "has 2 VFs that others use, vf5 is wanted"},
		{0, "no sriov", {.pf = FAKE_PF, .make_vfs = 1}, -ENOTSUP, "has no virtual functions"},
		{4,
		 "vf up",
		 {.pf = FAKE_PF, .vf = 1},
		 -EBUSY,
		 "its interface ens1f0v1 is up; `ip link set ens1f0v1 down`"},
		{4, "namespace", {.pf = FAKE_PF, .vf = 1}, -EBUSY, "its interface is in another network namespace"},
		{4, "no iommu", {.pf = FAKE_PF, .vf = 1}, -ENOTSUP, "is in no IOMMU group"},
		{4,
		 "shared group",
		 {.pf = FAKE_PF, .vf = 1},
		 -EBUSY,
		 "shares IOMMU group 51 with 0000:81:10.2, which iavf drives"},
		{4, "bridge", {.pf = FAKE_PF, .vf = 1}, 0, ""},
		{4, "no vfio", {.pf = FAKE_PF, .vf = 1}, -ENOTSUP, "`modprobe vfio-pci`"},
		{4,
		 "silent",
		 {.pf = FAKE_PF, .vf = 1, .settings = {.set = CAT_VF_TRUST}},
		 -ENOENT,
		 "tells nothing of its vf1"},
		{4,
		 "no interface",
		 {.pf = FAKE_PF, .vf = 1, .settings = {.set = CAT_VF_TRUST}},
		 -ENOTSUP,
		 "has no interface of the kernel"},
		{4, "", {.bdf = FAKE_PF}, -EBUSY, "has 4 VFs, which would go with it"},
		{0, "pf up", {.bdf = FAKE_PF}, -EBUSY, "its interface ens1f0 is up"},
		{0, "", {.bdf = FAKE_PF, .settings = {.set = CAT_VF_VLAN}}, -ENOTSUP, "is no VF: vlan, mac, rate"},
		{0, "", {.bdf = FAKE_PF}, 0, ""},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct fake_kernel kernel;
		struct cat_err err = {0};
		cat_autonode struct cat_node *steps = NULL;
		fake_kernel_init(&kernel, cases[i].vfs, "ice");
		prepare(&kernel, cases[i].prepare);
		int r = cat_nic_look(&kernel.io, &cases[i].want, &steps, &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: found %d \"%s\", expected %d \"%s\"", i, r, err.message, cases[i].code,
				 cases[i].message);
		assert_string_equal(kernel.log, "");
		fake_kernel_finish(&kernel);
	}
}

// A driver that cannot do something does not say what it was; it is not put back.
static void test_unknown_setting(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	fake_kernel_init(&kernel, 2, "ice");
	kernel.vf[0].set &= ~(unsigned)CAT_VF_TRUST;
	const struct cat_nic_want want = want_vf(0, 0);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	assert_null(cat_node_get(steps->first, "trust"));
	assert_non_null(cat_node_get(steps->first, "spoof_check"));
	fake_kernel_finish(&kernel);
}

// Undoing steps by hand that belong to nobody.
static void test_steps(void **state)
{
	(void)state;
	static const char *const broken[] = {
		"{}",
		"{\"step\": \"other\"}",
		"{\"step\": \"vfs\"}",
		"{\"step\": \"vfs\", \"pf\": \"0000:81:00.0\", \"made\": 0}",
		"{\"step\": \"settings\", \"pf\": \"0000:81:00.0\", \"vf\": -1}",
		"{\"step\": \"settings\", \"pf\": \"0000:81:00.0\", \"vf\": 0, \"vlan\": 4095}",
		"{\"step\": \"settings\", \"pf\": \"0000:81:00.0\", \"vf\": 0, \"mac\": \"x\"}",
		"{\"step\": \"settings\", \"pf\": \"0000:81:00.0\", \"vf\": 0, \"link\": \"up\"}",
		"{\"step\": \"driver\", \"driver\": \"iavf\", \"override\": \"\"}",
		"{\"step\": \"driver\", \"bdf\": \"0000:81:10.0\"}",
	};
	struct fake_kernel kernel;
	fake_kernel_init(&kernel, 2, "ice");
	for (size_t i = 0; i < CAT_ARRAY_LEN(broken); i++) {
		cat_autonode struct cat_node *step = NULL;
		struct cat_err err = {0};
		assert_int_equal(cat_tree_parse_json("t", broken[i], strlen(broken[i]), &step, &err), 0);
		if (cat_nic_undo(&kernel.io, step, &err) >= 0)
			fail_msg("accepted: %s", broken[i]);
	}
	assert_string_equal(kernel.log, "");
	fake_kernel_finish(&kernel);
}

struct scene {
	unsigned vfs;
	const char *driver;
	struct cat_nic_want want;
};

// What an operation was stopped at: of taking, or of giving back.
static void run_fault(const struct scene *scene, enum fake_fault fault, unsigned at, bool giving, bool *ret_hit)
{
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, scene->vfs, scene->driver);
	if (scene->vfs)
		kernel.vf[scene->want.vf].vlan = 7;
	cat_autofree char *before = fake_kernel_state(&kernel);
	cat_autonode struct cat_node *steps = look(&kernel, &scene->want);
	cat_autonode struct cat_node *journal = stored(steps);
	kernel.operations = 0;
	kernel.fault_at = at;
	kernel.fault = giving ? FAKE_NONE : fault;
	int r = cat_nic_take(&kernel.io, &scene->want, bdf, &err);
	if (giving) {
		assert_int_equal(r, 0);
		kernel.operations = 0;
		kernel.fault = fault;
		r = cat_nic_give_back(&kernel.io, journal, &err);
	}
	*ret_hit = kernel.operations > at;
	// A reset that a device refuses is no failure.
	if (fault == FAKE_REFUSED && !giving)
		assert_int_equal(r < 0, *ret_hit);
	if (r < 0)
		assert_true(*err.message);
	// The next manager, with what the store says.
	kernel.fault = FAKE_NONE;
	err = (struct cat_err){0};
	if (cat_nic_give_back(&kernel.io, journal, &err) < 0)
		fail_msg("fault %d at %u: %s", fault, at, err.message);
	cat_autofree char *after = fake_kernel_state(&kernel);
	if (strcmp(after, before) != 0)
		fail_msg("fault %d at %u of %s:\n%s\nexpected\n%s\nafter\n%s", fault, at,
			 giving ? "giving back" : "taking", after, before, kernel.log);
	// And once more changes nothing.
	kernel.log[0] = '\0';
	assert_int_equal(cat_nic_give_back(&kernel.io, journal, &err), 0);
	assert_null(strstr(kernel.log, "write"));
	fake_kernel_finish(&kernel);
}

static void test_every_failure(void **state)
{
	(void)state;
	const struct scene scenes[] = {
		{0, "ice", want_vf(3, 4)},       {4, "ice", want_vf(1, 4)},    {0, "mlx5_core", want_vf(1, 2)},
		{4, "mlx5_core", want_vf(1, 2)}, {0, "ice", {.bdf = FAKE_PF}},
	};
	static const enum fake_fault faults[] = {FAKE_REFUSED, FAKE_CRASH_AFTER, FAKE_CRASH_BEFORE};
	unsigned total = 0;
	for (size_t s = 0; s < CAT_ARRAY_LEN(scenes); s++)
		for (size_t f = 0; f < CAT_ARRAY_LEN(faults); f++)
			for (int giving = 0; giving < 2; giving++) {
				bool hit = true;
				for (unsigned at = 0; hit && at < 100; at++) {
					run_fault(&scenes[s], faults[f], at, giving, &hit);
					total += hit;
				}
				assert_false(hit);
			}
	print_message("%u failures and crashes, each in its turn: the PF was as before after all of them\n", total);
	assert_true(total > 150);
}

// Others began to use a VF of those made here: they stay.
static void test_others(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, 0, "ice");
	const struct cat_nic_want want = want_vf(0, 4);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	assert_int_equal(cat_nic_take(&kernel.io, &want, bdf, &err), 0);
	assert_int_equal(kernel.io.write(&kernel, "sys/bus/pci/drivers_probe", fake_vf(1)), 0);
	fake_file(&kernel.host, "sys/class/net/" FAKE_PF_NAME "v1/flags", "0x1003\n");
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), -EBUSY);
	assert_string_equal(err.message,
			    "the VFs of 0000:81:00.0 stay: 0000:81:10.1 is in use: its interface ens1f0v1 is up; "
			    "`ip link set ens1f0v1 down` frees it");
	assert_int_equal(kernel.vfs, 4);
	// What was set on ours is undone all the same.
	assert_int_equal(kernel.vf[0].vlan, 0);
	fake_file(&kernel.host, "sys/class/net/" FAKE_PF_NAME "v1/flags", "0x1002\n");
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), 0);
	assert_int_equal(kernel.vfs, 0);
	fake_kernel_finish(&kernel);
}

// The PF was unplugged, or somebody removed its VFs: there is nothing to give back.
static void test_gone(void **state)
{
	(void)state;
	struct fake_kernel kernel;
	struct cat_err err = {0};
	char bdf[CAT_BDF_MAX];
	fake_kernel_init(&kernel, 0, "ice");
	const struct cat_nic_want want = want_vf(0, 4);
	cat_autonode struct cat_node *steps = look(&kernel, &want);
	assert_int_equal(cat_nic_take(&kernel.io, &want, bdf, &err), 0);
	assert_int_equal(kernel.io.write(&kernel, "sys/bus/pci/devices/" FAKE_PF "/sriov_numvfs", "0"), 0);
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), 0);
	fake_remove(&kernel.host, "sys/bus/pci/devices/" FAKE_PF);
	assert_int_equal(cat_nic_give_back(&kernel.io, steps, &err), 0);
	fake_kernel_finish(&kernel);
}

// Over the kernel's own rtnetlink: the loopback interface has no VFs, and nobody gives it any.
static void test_kernel(void **state)
{
	(void)state;
	const struct cat_nic_io io = {.root = "/"};
	const struct cat_vf_settings want = {.set = CAT_VF_TRUST, .trust = true};
	struct cat_vf_settings settings;
	struct cat_err err = {0};
	if (access("/sys/class/net/lo/ifindex", R_OK) < 0)
		skip();
	assert_int_equal(cat_vf_read(&io, "lo", 3, &settings, &err), -ENOENT);
	assert_string_equal(err.message, "lo tells nothing of its vf3");
	int r = cat_vf_write(&io, "lo", 3, &want, &err);
	assert_true(r == -EOPNOTSUPP || r == -EPERM);
	assert_non_null(strstr(err.message, "trust of vf3 of lo: the PF's driver refuses it"));
	assert_int_equal(cat_vf_read(&io, "no-such-if", 0, &settings, &err), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_take_there),
		cmocka_unit_test(test_bifurcated),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_unknown_setting),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_kernel),
	};
	return cmocka_run_group_tests_name("host/vf", tests, NULL, NULL);
}
