// SPDX-License-Identifier: BSD-3-Clause
// Properties of the allocator on random machines: what it gives is free, fits and is said to be so; nothing is given
// twice, whatever starts, ends or dies; and no placement costs less.
#include <stdlib.h>

#include "check.h"
#include "random_host.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TOPOLOGIES 5000
#define SMALL_CASES 3000
#define SEQUENCES 100000
#define STEPS 10

static struct cat_request random_request(unsigned *seed, const struct cat_topology *host, uint32_t lanes)
{
	struct cat_request request = {
		.lanes = 1 + random_below(seed, lanes),
		.node = random_below(seed, 4) ? -1 : (int)random_below(seed, host->node_count),
		.nic_count = random_below(seed, 3),
		.numa = (enum cat_numa)random_below(seed, 3),
		.share = random_below(seed, 3) == 0,
		.region_bytes = random_below(seed, 2048) * MIB,
		.other_bytes = random_below(seed, 4) * GIB,
		.huge_page_bytes = random_below(seed, 2) ? 2 * MIB : 0,
	};
	for (uint32_t i = 0; i < request.nic_count; i++)
		request.nic[i] = (int)random_below(seed, host->node_count);
	return request;
}

static int anchor(const struct cat_request *request)
{
	return request->node >= 0 ? request->node : request->nic_count ? request->nic[0] : -1;
}

static void check_nodes(const struct cat_topology *host, const struct cat_request *request,
			const struct cat_claim *claim)
{
	uint32_t lanes[CAT_NODES_MAX] = {0}, least = UINT32_MAX, most = 0;
	for (uint32_t i = 0; i < claim->cpu_count; i++)
		lanes[cat_topology_cpu(host, claim->cpu[i])->node]++;
	if (request->numa == CAT_NUMA_STRICT) {
		assert_int_equal(lanes[claim->node], claim->cpu_count);
		assert_true(anchor(request) < 0 || (uint32_t)anchor(request) == claim->node);
	}
	for (uint32_t n = 0; n < host->node_count; n++) {
		bool usable = false;
		for (uint32_t i = 0; i < host->cpu_count; i++)
			usable |= host->cpu[i].node == n && host->cpu[i].online && host->cpu[i].allowed;
		least = usable && lanes[n] < least ? lanes[n] : least;
		most = lanes[n] > most ? lanes[n] : most;
	}
	if (request->numa == CAT_NUMA_INTERLEAVE)
		assert_true(most - least <= 1);
}

// A claim of what was asked for, on cores that may be used, each physical core once.
static void check_claim(const struct cat_topology *host, const struct cat_reservations *taken,
			const struct cat_request *request, const struct cat_claim *claim)
{
	assert_int_equal(claim->cpu_count, request->lanes);
	for (uint32_t i = 0; i < claim->cpu_count; i++) {
		const struct cat_cpu *cpu = cat_topology_cpu(host, claim->cpu[i]);
		assert_true(cpu && cpu->online && cpu->allowed);
		for (uint32_t j = 0; j < i; j++)
			assert_int_not_equal(cat_topology_cpu(host, claim->cpu[j])->sibling, cpu->sibling);
		for (uint32_t c = 0; c < taken->count; c++)
			for (uint32_t k = 0; k < taken->claim[c].cpu_count; k++)
				if (cat_topology_cpu(host, taken->claim[c].cpu[k])->sibling == cpu->sibling &&
				    !(request->share && taken->claim[c].cpu_shared))
					fail_msg("core %u is %s's", cpu->id, taken->claim[c].owner);
	}
	check_nodes(host, request, claim);
}

static void test_topologies(void **state)
{
	(void)state;
	static const struct random_shape shape = {
		.nodes = 8, .clusters = 4, .cores = 8, .threads = 2, .pfs = 1, .vfs = 1, .odd = true};
	unsigned seed = 1789, given = 0, refused = 0;
	for (int i = 0; i < TOPOLOGIES; i++) {
		struct cat_topology *host = random_host(&seed, &shape);
		struct cat_reservations taken = {0};
		for (int step = 0; step < 8; step++) {
			struct cat_request request = random_request(&seed, host, 12);
			struct cat_claim claim = {0};
			struct cat_err err = {0};
			int r = cat_alloc_choose(host, &taken, &request, &claim, &err);
			if (r < 0) {
				// It says what would do, or nothing would.
				assert_int_equal(r, -ENOSPC);
				assert_true(*err.message);
				refused++;
				continue;
			}
			given++;
			check_claim(host, &taken, &request, &claim);
			snprintf(claim.owner, sizeof(claim.owner), "s%d", step);
			if (cat_reservations_add(&taken, host, &claim, &err) < 0)
				fail_msg("%s", err.message);
		}
		cat_reservations_free(&taken);
		cat_topology_free(host);
	}
	print_message("%d topologies: %u placed, %u refused\n", TOPOLOGIES, given, refused);
	assert_true(given > 5000 && refused > 1000);
}

// The least cost of all sets of physical cores and all nodes for memory; UINT64_MAX: there is none.
static uint64_t brute_force(const struct cat_topology *host, const struct cat_reservations *taken,
			    const struct cat_request *request)
{
	uint32_t cpu[16], count = 0;
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < host->cpu_count; i++) {
		bool lead = host->cpu[i].online && host->cpu[i].allowed, held = false;
		for (uint32_t j = 0; j < i; j++)
			lead &= !(host->cpu[j].sibling == host->cpu[i].sibling && host->cpu[j].online &&
				  host->cpu[j].allowed);
		for (uint32_t c = 0; c < taken->count; c++)
			for (uint32_t k = 0; k < taken->claim[c].cpu_count; k++)
				held |= cat_topology_cpu(host, taken->claim[c].cpu[k])->sibling ==
						host->cpu[i].sibling &&
					!(request->share && taken->claim[c].cpu_shared);
		if (lead && !held && count < CAT_ARRAY_LEN(cpu))
			cpu[count++] = i;
	}
	for (uint32_t set = 0; set < 1u << count; set++) {
		struct cat_claim claim = {0};
		if ((uint32_t)__builtin_popcount(set) != request->lanes)
			continue;
		for (uint32_t i = 0; i < count; i++)
			if (set & 1u << i)
				claim.cpu[claim.cpu_count++] = cpu[i];
		for (uint32_t node = 0; node < host->node_count; node++) {
			bool fits = request->other_bytes + request->region_bytes <= host->node[node].memory_bytes &&
				    request->region_bytes <= host->node[node].free_bytes;
			for (uint32_t i = 0; i < claim.cpu_count && request->numa == CAT_NUMA_STRICT; i++)
				fits &= cat_topology_cpu(host, claim.cpu[i])->node == node;
			if (request->numa == CAT_NUMA_STRICT && anchor(request) >= 0)
				fits &= (uint32_t)anchor(request) == node;
			claim.node = node;
			uint64_t cost = fits ? cat_alloc_cost(host, taken, request, &claim) : UINT64_MAX;
			least = cost < least ? cost : least;
		}
	}
	return least;
}

static void test_optimum(void **state)
{
	(void)state;
	static const struct random_shape shape = {
		.nodes = 3, .clusters = 2, .cores = 3, .threads = 2, .pfs = 1, .vfs = 1, .odd = true};
	unsigned seed = 4077, compared = 0, impossible = 0;
	double worst = 1;
	for (int i = 0; i < SMALL_CASES; i++) {
		struct cat_topology *host = random_host(&seed, &shape);
		struct cat_request request = random_request(&seed, host, 4);
		struct cat_claim other = {.owner = "other", .cpu_count = 1, .cpu_shared = random_below(&seed, 2)};
		struct cat_reservations taken = {.claim = &other, .count = random_below(&seed, 2)};
		struct cat_claim claim = {0};
		other.cpu[0] = random_below(&seed, host->cpu_count);
		request.numa = request.numa == CAT_NUMA_STRICT ? CAT_NUMA_STRICT : CAT_NUMA_PREFER;
		request.huge_page_bytes = 0;
		uint64_t least = brute_force(host, &taken, &request);
		int r = cat_alloc_choose(host, &taken, &request, &claim, NULL);
		if (r < 0 || least == UINT64_MAX) {
			// What fits is never refused, and what does not never given.
			assert_int_equal(r < 0, least == UINT64_MAX);
			impossible++;
		} else {
			double ratio =
				(double)cat_alloc_cost(host, &taken, &request, &claim) / (double)(least ? least : 1);
			if (ratio > 1.05)
				fail_msg("case %d costs %.3f times the optimum of %llu", i, ratio,
					 (unsigned long long)least);
			worst = ratio > worst ? ratio : worst;
			compared++;
		}
		cat_topology_free(host);
	}
	print_message("%u small cases against brute force: worst %.4f of the optimum; %u do not fit\n", compared, worst,
		      impossible);
	assert_true(compared > 1000 && impossible > 100);
}

// Every name that a VF has, so that one taken by one name is not given by another.
static void name_device(const struct cat_nic *nic, uint32_t which, char *ret, size_t size)
{
	snprintf(ret, size, "%s", which == 0 ? nic->bdf : which == 1 ? nic->vf_name : nic->name);
}

// Independent of the code under test: one owner for a physical core unless all share it, one for a VF.
static void check_disjoint(const struct cat_topology *host, const struct cat_reservations *taken)
{
	const struct cat_claim *of_core[64] = {0}, *of_nic[64] = {0};
	for (uint32_t c = 0; c < taken->count; c++) {
		const struct cat_claim *claim = &taken->claim[c];
		for (uint32_t i = 0; i < claim->cpu_count; i++) {
			uint32_t core = host->cpu[claim->cpu[i]].sibling;
			assert_true(core < CAT_ARRAY_LEN(of_core));
			if (of_core[core] && !(of_core[core]->cpu_shared && claim->cpu_shared))
				fail_msg("core %u has two owners: %s and %s", core, of_core[core]->owner, claim->owner);
			of_core[core] = claim;
		}
		for (uint32_t i = 0; i < claim->device_count; i++) {
			uint32_t at = 0;
			while (at < host->nic_count && strcmp(host->nic[at].bdf, claim->device[i]) != 0 &&
			       strcmp(host->nic[at].name, claim->device[i]) != 0 &&
			       strcmp(host->nic[at].vf_name, claim->device[i]) != 0)
				at++;
			assert_true(at < host->nic_count && at < CAT_ARRAY_LEN(of_nic));
			if (of_nic[at])
				fail_msg("%s has two owners: %s and %s", claim->device[i], of_nic[at]->owner,
					 claim->owner);
			of_nic[at] = claim;
		}
	}
}

struct tally {
	unsigned ups, downs, crashes, refusals, busy;
};

// What is in the store is all that the next manager knows.
static void crash(struct cat_reservations *taken, struct tally *tally)
{
	cat_autonode struct cat_node *tree = NULL;
	struct cat_reservations again = {0};
	struct cat_err err = {0};
	assert_int_equal(cat_reservations_to_tree(taken, &tree), 0);
	if (cat_reservations_from_tree(tree, &again, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(again.count, taken->count);
	for (uint32_t i = 0; i < again.count; i++)
		assert_memory_equal(&again.claim[i], &taken->claim[i], sizeof(again.claim[i]));
	cat_reservations_free(taken);
	*taken = again;
	tally->crashes++;
}

static void up(unsigned *seed, const struct cat_topology *host, struct cat_reservations *taken, struct tally *tally)
{
	struct cat_request request = random_request(seed, host, 4);
	struct cat_claim claim = {0};
	if (cat_alloc_choose(host, taken, &request, &claim, NULL) < 0) {
		tally->refusals++;
		return;
	}
	snprintf(claim.owner, sizeof(claim.owner), "s%u", random_below(seed, 6));
	for (uint32_t i = random_below(seed, 3); i > 0; i--)
		name_device(&host->nic[1 + random_below(seed, host->nic_count - 1)], random_below(seed, 3),
			    claim.device[claim.device_count++], sizeof(claim.device[0]));
	bool again = cat_reservations_of(taken, claim.owner) != NULL;
	int r = cat_reservations_add(taken, host, &claim, NULL);
	if (r == 0)
		assert_false(again);
	else
		assert_true(r == -EBUSY || r == -EEXIST || r == -EINVAL || r == -ENOSPC);
	tally->ups += r == 0;
	tally->busy += r < 0;
}

static void test_sequences(void **state)
{
	(void)state;
	static const struct random_shape shape = {
		.nodes = 3, .clusters = 2, .cores = 4, .threads = 2, .pfs = 1, .vfs = 6, .odd = true};
	unsigned seed = 9241;
	struct tally tally = {0};
	struct cat_topology *host = NULL;
	for (int sequence = 0; sequence < SEQUENCES; sequence++) {
		struct cat_reservations taken = {0};
		if (sequence % 50 == 0) {
			cat_topology_free(host);
			host = random_host(&seed, &shape);
		}
		for (int step = 0; step < STEPS; step++) {
			uint32_t what = random_below(&seed, 10);
			if (what < 6) {
				up(&seed, host, &taken, &tally);
			} else if (what < 9) {
				char owner[8];
				snprintf(owner, sizeof(owner), "s%u", random_below(&seed, 6));
				bool there = cat_reservations_of(&taken, owner);
				assert_int_equal(cat_reservations_remove(&taken, owner), there ? 0 : -ENOENT);
				tally.downs += there;
			} else {
				crash(&taken, &tally);
			}
			check_disjoint(host, &taken);
		}
		cat_reservations_free(&taken);
	}
	cat_topology_free(host);
	print_message(
		"%d sequences: %u ups, %u downs, %u crashes, %u refused, %u devices or names held: nothing twice\n",
		SEQUENCES, tally.ups, tally.downs, tally.crashes, tally.refusals, tally.busy);
	assert_true(tally.ups > 100000 && tally.downs > 40000 && tally.crashes > 50000 && tally.busy > 10000);
}

// A cluster takes all lanes before two do; a smaller one that is enough leaves the larger one whole.
static void test_clusters(void **state)
{
	(void)state;
	static const struct random_shape shape = {.nodes = 1, .clusters = 3, .cores = 4, .threads = 1};
	struct cat_topology *host = random_host(NULL, &shape);
	struct cat_claim held[] = {{.owner = "a", .cpu = {4}, .cpu_count = 1},
				   {.owner = "b", .cpu = {5}, .cpu_count = 1}};
	struct cat_reservations taken = {.claim = held, .count = 2};
	static const struct {
		uint32_t lanes;
		const char *cpus;
	} cases[] = {{1, "6"}, {2, "6-7"}, {3, "1-3"}, {4, "8-11"}, {5, "1-3,6-7"}, {6, "6-11"}};
	for (size_t i = 0; i < CAT_ARRAY_LEN(cases); i++) {
		const struct cat_request request = {.lanes = cases[i].lanes, .node = -1};
		struct cat_claim claim = {0};
		char text[64];
		assert_int_equal(cat_alloc_choose(host, &taken, &request, &claim, NULL), 0);
		assert_string_equal(cat_cpu_list_format(claim.cpu, claim.cpu_count, text, sizeof(text)), cases[i].cpus);
	}
	cat_topology_free(host);
}

static void test_interleave(void **state)
{
	(void)state;
	static const struct random_shape shape = {.nodes = 2, .clusters = 1, .cores = 4, .threads = 1};
	struct cat_topology *host = random_host(NULL, &shape);
	struct cat_claim held[] = {{.owner = "a", .cpu = {5, 6, 7}, .cpu_count = 3}};
	struct cat_reservations taken = {.claim = held, .count = 1};
	struct cat_request request = {.lanes = 2, .node = -1, .nic = {1}, .nic_count = 1, .numa = CAT_NUMA_INTERLEAVE};
	struct cat_claim claim = {0};
	struct cat_err err = {0};
	assert_int_equal(cat_alloc_choose(host, &taken, &request, &claim, &err), 0);
	assert_int_equal(claim.cpu[0], 1);
	assert_int_equal(claim.cpu[1], 4);
	assert_int_equal(claim.node, 1);
	request.lanes = 4;
	assert_int_equal(cat_alloc_choose(host, &taken, &request, &claim, &err), -ENOSPC);
	assert_string_equal(err.message, "4 lanes over 2 nodes are 2 cores on each, node 1 has 1 free; `lanes: 2`, or "
					 "`numa: prefer` would do");
	cat_topology_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clusters), cmocka_unit_test(test_interleave), cmocka_unit_test(test_topologies),
		cmocka_unit_test(test_optimum),  cmocka_unit_test(test_sequences),
	};
	return cmocka_run_group_tests_name("host/placement", tests, NULL, NULL);
}
