// SPDX-License-Identifier: BSD-3-Clause
// Plans: golden files (plans/NAME.json and NAME.txt; write them anew with CATENA_GOLDEN=1 in the environment),
// refusals, warnings, what a plan claims.
#include <stdlib.h>

#include "cat_abi.h"
#include "cat_plan.h"
#include "cat_stats.h"
#include "fake_host.h"
#include "fixture.h"

struct bench {
	struct cat_kinds *kinds;
	struct fake_host host;
	struct cat_topology *topology;
};

static void bench_init(struct bench *bench, void (*make)(struct fake_host *host))
{
	bench->kinds = fixture_kinds();
	make(&bench->host);
	bench->topology = fake_topology(&bench->host);
}

static void bench_finish(struct bench *bench)
{
	cat_topology_free(bench->topology);
	fake_host_finish(&bench->host);
	cat_kinds_free(bench->kinds);
}

static struct cat_node *plan_of(const struct bench *bench, const char *text, const struct cat_reservations *taken)
{
	struct cat_err err = {0};
	struct cat_node *plan = NULL;
	struct cat_service *service = fixture_service(bench->kinds, text, strlen(text));
	if (cat_plan_make(service, bench->topology, taken, &plan, &err) < 0)
		fail_msg("%s", err.message);
	cat_service_free(service);
	return plan;
}

static void compare_golden(const char *name, const char *suffix, const char *found)
{
	cat_autofree char *path = cat_format("%s/plans/%s.%s", TEST_DIR, name, suffix);
	struct cat_err err = {0};
	if (getenv("CATENA_GOLDEN") && cat_file_replace(path, found, strlen(found), 0644, &err) < 0)
		fail_msg("%s", err.message);
	cat_autofree char *expected = fixture_read(path, NULL);
	if (strcmp(found, expected) != 0)
		fail_msg("%s.%s:\nfound\n%s\nexpected\n%s", name, suffix, found, expected);
}

static const char wide[] =
	"version: 1\n"
	"service: wide\n"
	"ports:\n"
	"  up: {dev: \"pci:0000:81:01.0\"}\n"
	"  down: {dev: \"pci:0000:81:01.1\"}\n"
	"  side: {dev: \"memif:/run/catena/a-rather-long-path-to-a-socket.sock,server\"}\n"
	"functions:\n"
	"  a: {kind: \"null\"}\n"
	"  b: {kind: router, config: {left: {addresses: [10.0.0.1/24]}, right: {addresses: [10.0.1.1/24]}}}\n"
	"  c: {kind: firewall}\n"
	"  d: {kind: \"null\"}\n"
	"  e: {kind: \"null\"}\n"
	"  f: {kind: \"null\"}\n"
	"  g: {kind: \"null\"}\n"
	"paths:\n"
	"  web:\n"
	"    hops: [up, a, b, c, d, e, f, down]\n"
	"    match: {source: [10.0.0.0/8], protocol: tcp, destination_ports: [80, \"8000-8080\"], vlan: 7}\n"
	"  rest: {hops: [up, g, side]}\n"
	"lanes: 3\n"
	"poll: busy\n"
	"numa: strict\n"
	"huge_pages: 1G\n";

// A service between two ports on a server: ports, and what else the file says.
#define SERVER(ports, more)                                                                                            \
	"version: 1\nservice: edge\nports: " ports "\nfunctions: {fw: {kind: firewall}, rtr: {kind: router, "          \
	"config: {left: {addresses: [10.0.0.1/24]}, right: {addresses: [10.0.1.1/24]}}}}\npath: [l, fw, rtr, "         \
	"r]\n" more

static void test_golden(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*host)(struct fake_host *host);
		const char *text; // or the example of that name
	} cases[] = {
		{"branch", fake_small, NULL},
		{"passthrough", fake_small, NULL},
		{"two-paths", fake_small, NULL},
		{"firewall-only", fake_small, NULL},
		{"wide", fake_two_sockets, wide},
		// Half of the NIC's socket.
		{"xeon-vfs", fake_dual_xeon,
		 SERVER("{l: {dev: \"vf:ens5f0\", vlan: 100, rate: 10000}, r: {dev: \"vf:ens5f0\", trust: true}}",
			"lanes: 14\nnuma: strict\n")},
		// NICs on both sockets: whatever is done, something is remote.
		{"xeon-both", fake_dual_xeon,
		 SERVER("{l: {dev: \"vf:ens1f0\"}, r: {dev: \"vf:ens7f0np0\", mac: \"02:00:00:00:00:01\"}}",
			"lanes: 2\n")},
		// One L3 cluster of the NIC's node; VFs are to be made.
		{"epyc-cluster", fake_epyc_nps4,
		 SERVER("{l: {dev: \"vf:enp193s0f0\", vlan: 7, qinq: true}, r: {dev: \"vf:enp193s0f0\"}}",
			"lanes: 8\n")},
		// More than the node has with its share of other work: the nearest node.
		{"epyc-interleave", fake_epyc_nps4,
		 SERVER("{l: {dev: \"vf:enp193s0f0\"}, r: {dev: \"null:\"}}", "lanes: 16\nnuma: interleave\n")},
		{"arm", fake_arm, SERVER("{l: {dev: \"vf:enP3p1s0f0\"}, r: {dev: \"vf:enP3p1s0f0\"}}", "lanes: 4\n")},
		{"vm", fake_vm, SERVER("{l: {dev: \"veth:eth0\"}, r: {dev: \"veth:eth1\"}}", "")},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct bench bench;
		bench_init(&bench, cases[i].host);
		cat_autofree char *path = cat_format("%s/%s.yaml", EXAMPLES_DIR, cases[i].name);
		cat_autofree char *text = cases[i].text ? strdup(cases[i].text) : fixture_read(path, NULL);
		cat_autonode struct cat_node *plan = plan_of(&bench, text, NULL);
		cat_autofree char *json = cat_node_to_json(plan, 2);
		cat_autofree char *drawn = cat_plan_format(plan, false);
		compare_golden(cases[i].name, "json", json);
		compare_golden(cases[i].name, "txt", drawn);
		bench_finish(&bench);
	}
}

static const char plain[] = "version: 1\n"
			    "service: plain\n"
			    "ports: {l: {dev: \"gen:\"}, r: {dev: \"null:\"}}\n"
			    "functions: {f: {kind: \"null\"}}\n"
			    "path: [l, f, r]\n";

// What a plan refuses, with its message.
static void test_refusals(void **state)
{
	(void)state;
	static const struct cat_claim held = {
		.owner = "other", .cpu = {4, 6}, .cpu_count = 2, .device = {"0000:81:01.0"}, .device_count = 1};
	static const struct {
		const char *ports, *more;
		int code;
		const char *message;
	} cases[] = {
		{"{l: {dev: \"veth:lan1\"}, r: {dev: \"null:\"}}", "", -ENODEV,
		 "service plain: port l: this host has no interface \"lan1\"; did you mean \"lan0\"?"},
		{"{l: {dev: \"veth:nothing\"}, r: {dev: \"pci:ff:00.0\"}}", "", -ENODEV,
		 "service plain: port l: this host has no interface \"nothing\"; there are eno1, ens1f0, ens1f0v0, "
		 "eth9, lan0, "
		 "wan0; port r: this host has no PCI network device \"0000:ff:00.0\"; there are 0000:81:01.1, "
		 "0000:03:00.0, "
		 "0000:81:00.0, 0000:81:01.0, 0000:05:00.0"},
		{"{l: {dev: \"pci:0000:81:01.0\"}, r: {dev: \"null:\"}}", "", -ENOSPC,
		 "service plain: port l: device 0000:81:01.0 is held by service \"other\""},
		{"{l: {dev: \"veth:ens1f0v0\"}, r: {dev: \"null:\"}}", "", -ENOSPC,
		 "service plain: port l: device ens1f0v0 is held by service \"other\""},
		{"{l: {dev: \"pci:0000:03:00.0\"}, r: {dev: \"pci:0000:81:01.1\"}}", "numa: strict\n", -ENOSPC,
		 "service plain: port r is on node 1, the first NIC is on node 0; ports of one node, or `numa: prefer` "
		 "would do"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [4]\n", -ENOSPC,
		 "service plain: core 4 is held by \"other\"; free: 0-3,5,7"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [12]\n", -ENOSPC,
		 "service plain: core 12 is held by \"other\"; free: 0-3,5,7"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [99]\n", -ENOSPC,
		 "service plain: core 99 is not there; free: 0-3,5,7"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: 3\nnode: 0\nnuma: strict\n", -ENOSPC,
		 "service plain: 3 cores wanted on node 0, 2 free: cores 4,6 are held by \"other\"; `lanes: 2`, or "
		 "`numa: prefer` (node 1 has room), or `share_cores: true` in every service concerned would do"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: 9\n", -ENOSPC,
		 "service plain: 9 cores wanted, 6 free: cores 4,6 are held by \"other\"; `lanes: 6` would do"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "huge_pages: 1G\nnode: 0\nnuma: strict\n", -ENOSPC,
		 "service plain: 1 huge page of 1 GiB wanted on node 0, 0 to be had; fewer `buffers`, "
		 "`huge_pages: auto`, or "
		 "pages reserved at boot, or `node: 1` would do"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "node: 7\nnuma: strict\n", -ENOSPC,
		 "service plain: node 7 is not there; this host has 2"},
	};
	struct bench bench;
	bench_init(&bench, fake_two_sockets);
	struct cat_reservations taken = {0};
	assert_int_equal(cat_reservations_add(&taken, bench.topology, &held, NULL), 0);
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct cat_err err = {0};
		struct cat_node *plan = NULL;
		cat_autofree char *text =
			cat_format("version: 1\nservice: plain\nports: %s\nfunctions: {f: {kind: \"null\"}}\n"
				   "path: [l, f, r]\n%s",
				   cases[i].ports, cases[i].more);
		struct cat_service *service = fixture_service(bench.kinds, text, strlen(text));
		assert_int_equal(cat_plan_make(service, bench.topology, &taken, &plan, &err), cases[i].code);
		assert_null(plan);
		assert_string_equal(err.message, cases[i].message);
		cat_service_free(service);
	}
	cat_reservations_free(&taken);
	bench_finish(&bench);
}

static void test_memory_refusal(void **state)
{
	(void)state;
	struct bench bench;
	struct cat_err err = {0};
	struct cat_node *plan = NULL;
	bench_init(&bench, fake_small);
	static const char text[] = "version: 1\n"
				   "service: plain\n"
				   "ports: {l: {dev: \"gen:\"}, r: {dev: \"null:\"}}\n"
				   "functions: {f: {kind: \"null\", memory: 5G}}\n"
				   "path: [l, f, r]\n";
	struct cat_service *service = fixture_service(bench.kinds, text, strlen(text));
	assert_int_equal(cat_plan_make(service, bench.topology, NULL, &plan, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "of memory wanted on node 0, which has 4096 MiB"));
	cat_service_free(service);
	bench_finish(&bench);
}

// A line in the file, and a warning (or none) that the plan then has.
static void test_warnings(void **state)
{
	(void)state;
	static const struct {
		const char *ports, *more, *warning; // NULL: no warnings
	} cases[] = {
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "", NULL},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [0]\n",
		 "core 0: the host's own work runs there too"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [8]\n",
		 "core 8: the host's own work runs there too"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [2, 10]\n",
		 "cores 2 and 10 are two threads of one physical core"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "lanes: [2, 3]\n",
		 "core 3 is on node 1, packet memory on node 0"},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "buffers: 2048\n", "2048 buffers do not fill every ring"},
		{"{l: {dev: \"pci:0000:81:01.1\"}, r: {dev: \"null:\"}}", "", NULL},
		{"{l: {dev: \"pci:0000:81:01.1\"}, r: {dev: \"null:\"}}", "lanes: [2]\n",
		 "port l: its NIC is on node 1"},
		{"{l: {dev: \"pci:0000:81:01.0\"}, r: {dev: \"null:\"}}", "",
		 "port l: 0000:81:01.0 is taken from the kernel, which loses interface ens1f0v0"},
		{"{l: {dev: \"vf:ens1f0\"}, r: {dev: \"null:\"}}", "", NULL},
		{"{l: {dev: \"gen:\"}, r: {dev: \"null:\"}}", "share_cores: true\nlanes: [4]\n",
		 "core 4 is shared with service \"other\""},
	};
	struct bench bench;
	bench_init(&bench, fake_two_sockets);
	struct cat_claim claim = {.owner = "other", .cpu = {4}, .cpu_count = 1, .cpu_shared = true};
	struct cat_reservations taken = {.claim = &claim, .count = 1};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		cat_autofree char *text =
			cat_format("version: 1\nservice: plain\nports: %s\nfunctions: {f: {kind: \"null\"}}\n"
				   "path: [l, f, r]\n%s",
				   cases[i].ports, cases[i].more);
		cat_autonode struct cat_node *plan = plan_of(&bench, text, &taken);
		const struct cat_node *warnings = cat_node_get(plan, "warnings");
		bool found = !cases[i].warning && !warnings->first;
		for (const struct cat_node *n = warnings->first; n && cases[i].warning; n = n->next)
			found |= strncmp(n->string, cases[i].warning, strlen(cases[i].warning)) == 0;
		if (!found)
			fail_msg("%s %s: found warning \"%s\"", cases[i].ports, cases[i].more,
				 warnings->first ? warnings->first->string : "none");
	}
	bench_finish(&bench);
}

// The same service again, though all that it needs is held by itself.
static void test_own_claim(void **state)
{
	(void)state;
	struct bench bench;
	struct cat_claim claim;
	struct cat_reservations taken = {0};
	struct cat_err err = {0};
	bench_init(&bench, fake_small);
	cat_autofree char *text = fixture_read(EXAMPLES_DIR "/branch.yaml", NULL);
	cat_autonode struct cat_node *plan = plan_of(&bench, text, NULL);
	assert_int_equal(cat_plan_claim(plan, &claim, &err), 0);
	assert_string_equal(claim.owner, "branch");
	assert_int_equal(claim.cpu_count, 1);
	assert_int_equal(claim.cpu[0], 1);
	assert_int_equal(claim.device_count, 2);
	assert_string_equal(claim.device[1], "wan0");
	assert_int_equal(claim.huge_page_bytes, 2 << 20);
	assert_true(claim.huge_pages > 0);
	assert_true(claim.memory_bytes > 1u << 30);
	assert_int_equal(cat_reservations_add(&taken, bench.topology, &claim, &err), 0);
	cat_autonode struct cat_node *again = plan_of(&bench, text, &taken);
	assert_true(cat_node_equal(plan, again));
	cat_reservations_free(&taken);

	cat_node_free(cat_node_detach(cat_node_get(plan, "region")));
	assert_int_equal(cat_plan_claim(plan, &claim, &err), -EINVAL);
	assert_string_equal(err.message, "plan: /: \"region\" is missing");
	bench_finish(&bench);
}

static void test_normal_pages(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, fake_small);
	fake_remove(&bench.host, "sys/devices/system/node/node0/hugepages");
	cat_topology_free(bench.topology);
	bench.topology = fake_topology(&bench.host);
	cat_autonode struct cat_node *plan = plan_of(&bench, plain, NULL);
	assert_int_equal(cat_node_find(plan, "region", "page_bytes", NULL)->integer, 4096);
	assert_string_equal(
		cat_node_get(plan, "warnings")->first->string,
		"normal pages: no huge pages of 2 MiB are to be had on node 0 for the 9 needed; forwarding is slower");
	struct cat_claim claim;
	assert_int_equal(cat_plan_claim(plan, &claim, NULL), 0);
	assert_int_equal(claim.huge_pages, 0);
	bench_finish(&bench);
}

// The layouts whose sizes the plan knows.
static void test_layout(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, fake_small);
	cat_autonode struct cat_node *plan = plan_of(&bench, plain, NULL);
	// Two links of two rings and a return ring of 1024, a supply ring of 256, a worker's page.
	size_t ring = (cat_ring_bytes(1024) + 4095) / 4096 * 4096, supply = (cat_ring_bytes(256) + 4095) / 4096 * 4096;
	assert_true(sizeof(struct cat_worker_page) <= 4096);
	assert_int_equal(cat_node_find(plan, "memory", "rings_bytes", NULL)->integer, 5 * ring + supply + 4096);
	// The function's page and the dataplane's.
	size_t stats = (cat_stats_bytes(1) + 4095) / 4096 * 4096;
	assert_int_equal(cat_node_find(plan, "memory", "stats_bytes", NULL)->integer, 2 * stats);
	assert_int_equal(cat_node_find(plan, "region", "headroom", NULL)->integer, CAT_HEADROOM);
	assert_int_equal(cat_node_find(plan, "region", "stride", NULL)->integer % 64, 0);
	bench_finish(&bench);
}

static void test_colour(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, fake_small);
	cat_autonode struct cat_node *plan = plan_of(&bench, plain, NULL);
	cat_autofree char *without = cat_plan_format(plan, false), *with = cat_plan_format(plan, true);
	assert_null(strchr(without, '\033'));
	// With the escape sequences taken out nothing else differs but blanks at the ends of lines.
	char *to = with;
	for (const char *p = with; *p; p++) {
		if (*p == '\033')
			p += strcspn(p, "m");
		else
			*to++ = *p;
	}
	*to = '\0';
	const char *a = with, *b = without;
	while (*a && *b) {
		size_t a_length = strcspn(a, "\n"), b_length = strcspn(b, "\n");
		while (a_length && a[a_length - 1] == ' ')
			a_length--;
		assert_int_equal(a_length, b_length);
		assert_memory_equal(a, b, b_length);
		a += strcspn(a, "\n") + 1;
		b += strcspn(b, "\n") + 1;
	}
	bench_finish(&bench);
}

// What becomes of `vf:` and `pci:` ports: device and VF, or part of the refusal. "make": the NIC has no VFs yet.
static void test_vfs(void **state)
{
	(void)state;
	static const char both[] = "{l: {dev: \"vf:ens1f0\"}, r: {dev: \"vf:ens1f0\"}}";
	static const struct {
		const char *ports, *prepare;
		int code;
		const char *left, *right; // devices, or the message
	} cases[] = {
		{"{l: {dev: \"vf:ens1f0\", vlan: 7, mac: \"02:00:00:00:00:01\"}, r: {dev: \"null:\"}}", "", 0,
		 "0000:81:01.0", ""},
		{both, "", 0, "0000:81:01.0", "0000:81:01.1"},
		{"{l: {dev: \"vf:ens1f0\"}, r: {dev: \"pci:0000:81:01.0\"}}", "", 0, "0000:81:01.1", "0000:81:01.0"},
		{both, "held", -ENOSPC, "ens1f0 has no free VF, all 2 are taken: vf0 by service \"other\"", NULL},
		{both, "up", -ENOSPC, "ens1f0 has no free VF, all 2 are taken: vf0 by ens1f0v0", NULL},
		{"{l: {dev: \"vf:ens1f0\"}, r: {dev: \"null:\"}}", "up", 0, "0000:81:01.1", ""},
		{"{l: {dev: \"vf:ens1f0\"}, r: {dev: \"null:\"}}", "own", 0, "0000:81:01.1", ""},
		{both, "make", 0, "ens1f0/vf0", "ens1f0/vf1"},
		{both, "make held", 0, "ens1f0/vf1", "ens1f0/vf2"},
		{"{l: {dev: \"vf:eno1\"}, r: {dev: \"null:\"}}", "", -ENODEV, "port l: eno1 has no virtual functions",
		 NULL},
		{"{l: {dev: \"vf:ens1f1\"}, r: {dev: \"null:\"}}", "", -ENODEV,
		 "port l: this host has no NIC \"ens1f1\"; did you mean \"ens1f0\"?", NULL},
		{"{l: {dev: \"vf:ens1f0\"}, r: {dev: \"null:\"}}", "iommu", -ENOSPC,
		 "0000:81:01.0 shares IOMMU group 41 with 0000:81:01.1, which service \"other\" holds", NULL},
		{"{l: {dev: \"pci:0000:05:00.0\"}, r: {dev: \"null:\"}}", "", -ENODEV,
		 "port l: 0000:05:00.0 is in no IOMMU group", NULL},
		{"{l: {dev: \"pci:0000:81:00.0\"}, r: {dev: \"null:\"}}", "", -ENOSPC,
		 "0000:81:00.0 has 2 VFs, which would go with it; `vf:ens1f0` takes one of them", NULL},
		{"{l: {dev: \"pci:0000:81:01.0\"}, r: {dev: \"null:\"}}", "up", -ENOSPC,
		 "its interface ens1f0v0 is up; `ip link set ens1f0v0 down` frees it", NULL},
		{"{l: {dev: \"pci:0000:03:00.0\", vlan: 7}, r: {dev: \"null:\"}}", "", -ENODEV,
		 "port l: 0000:03:00.0 is no VF: vlan, mac", NULL},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		struct bench bench;
		struct cat_err err = {0};
		cat_autonode struct cat_node *plan = NULL;
		struct cat_claim claim = {.owner = "other", .device_count = 0};
		const struct cat_reservations taken = {.claim = &claim, .count = 1};
		bench_init(&bench, fake_two_sockets);
		const char *prepare = cases[i].prepare;
		if (strstr(prepare, "make")) {
			fake_remove(&bench.host, "sys/devices/pci0000:00/0000:81:00.0/sriov_numvfs");
			fake_file(&bench.host, "sys/devices/pci0000:00/0000:81:00.0/sriov_numvfs", "0\n");
			fake_remove(&bench.host, "sys/bus/pci/devices/0000:81:01.0");
			fake_remove(&bench.host, "sys/bus/pci/devices/0000:81:01.1");
			fake_remove(&bench.host, "sys/class/net/ens1f0v0");
		}
		if (strstr(prepare, "up"))
			fake_file(&bench.host, "sys/class/net/ens1f0v0/flags", "0x1003\n");
		if (strstr(prepare, "iommu")) {
			fake_remove(&bench.host, "sys/devices/pci0000:00/0000:81:01.1/iommu_group");
			fake_link(&bench.host, "sys/devices/pci0000:00/0000:81:01.1/iommu_group",
				  "../../../kernel/iommu_groups/41");
		}
		cat_topology_free(bench.topology);
		bench.topology = fake_topology(&bench.host);
		if (strstr(prepare, "held"))
			strcpy(claim.device[claim.device_count++], "ens1f0/vf0");
		if (strstr(prepare, "own") || strstr(prepare, "iommu"))
			strcpy(claim.device[claim.device_count++], "0000:81:01.1");
		if (strstr(prepare, "own"))
			strcpy(claim.owner, "plain");
		cat_autofree char *text = cat_format("version: 1\nservice: plain\nports: %s\n"
						     "functions: {f: {kind: \"null\"}}\npath: [l, f, r]\n",
						     cases[i].ports);
		struct cat_service *service = fixture_service(bench.kinds, text, strlen(text));
		int r = cat_plan_make(service, bench.topology, &taken, &plan, &err);
		if (r != cases[i].code || (r < 0 && !strstr(err.message, cases[i].left)))
			fail_msg("case %zu: found %d \"%s\"", i, r, err.message);
		if (r == 0) {
			const struct cat_node *ports = cat_node_get(plan, "ports");
			assert_string_equal(cat_node_get(ports->first, "driver")->string, "pci");
			assert_string_equal(cat_node_get(ports->first, "device")->string, cases[i].left);
			assert_string_equal(cat_node_get(ports->last, "device")->string, cases[i].right);
			assert_int_equal(cat_node_get(plan, "node")->integer, 1);
			const struct cat_node *nic = cat_node_get(ports->first, "nic");
			assert_string_equal(cat_node_get(nic, "pf")->string, "0000:81:00.0");
			assert_int_equal(cat_node_get(nic, "make_vfs")->integer, strstr(prepare, "make") ? 16 : 0);
			assert_true(!strstr(cases[i].ports, "vlan") == !cat_node_get(nic, "vlan"));
			assert_int_equal(cat_plan_claim(plan, &claim, &err), 0);
			assert_string_equal(claim.device[0], cases[i].left);
		}
		cat_service_free(service);
		bench_finish(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_memory_refusal),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_own_claim),
		cmocka_unit_test(test_normal_pages),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_vfs),
	};
	return cmocka_run_group_tests_name("chains/plan", tests, NULL, NULL);
}
