// SPDX-License-Identifier: BSD-3-Clause
// The statistics page: named 64-bit counters per lane in shared memory. One page per function and one for the
// dataplane. The owner writes with plain stores (one writer per lane); readers map it read-only and believe
// nothing: names are bounded, counts are clamped.
//
// A counter's name says its kind: "drop.REASON" packets dropped, "gauge.NAME" a level, everything else counts up.
#ifndef CAT_STATS_H
#define CAT_STATS_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CAT_STATS_MAGIC 0x43535441u // "CSTA"
#define CAT_STATS_VERSION 1u
#define CAT_STATS_MAX 256u     // counters in a page
#define CAT_STATS_NAME_MAX 48u // with the terminating zero

struct cat_stats_lane {
	alignas(64) _Atomic uint64_t value[CAT_STATS_MAX]; // writer: this lane's worker
};

struct cat_stats_page {
	uint32_t magic;
	uint32_t version;
	uint32_t lanes;
	_Atomic uint32_t count; // names set, at most CAT_STATS_MAX; stored after the names
	uint32_t reserved[12];
	char name[CAT_STATS_MAX][CAT_STATS_NAME_MAX];
	struct cat_stats_lane lane[];
};
static_assert(offsetof(struct cat_stats_page, name) == 64, "statistics page layout");
static_assert(offsetof(struct cat_stats_page, lane) == 64 + 256 * 48, "statistics page layout");

static inline size_t cat_stats_bytes(uint32_t lanes)
{
	return sizeof(struct cat_stats_page) + (size_t)lanes * sizeof(struct cat_stats_lane);
}

// The first counters of every function's page, in this order; a VNF's own follow.
enum cat_stat {
	CAT_STAT_LEFT_RX_PACKETS,
	CAT_STAT_LEFT_RX_BYTES,
	CAT_STAT_LEFT_TX_PACKETS,
	CAT_STAT_LEFT_TX_BYTES,
	CAT_STAT_RIGHT_RX_PACKETS,
	CAT_STAT_RIGHT_RX_BYTES,
	CAT_STAT_RIGHT_TX_PACKETS,
	CAT_STAT_RIGHT_TX_BYTES,
	CAT_STAT_BURSTS,      // bursts with at least one packet
	CAT_STAT_SUPPLY_USED, // packets of its own
	CAT_STAT_PUNTED,      // packets copied to the control thread
	CAT_STAT_BUSY_CYCLES, // time stamp counter ticks spent on bursts
	CAT_DROP_CONSUMED,    // "consumed": taken in, not lost (ARP answered by another packet, punted, ...)
	CAT_DROP_TORN,        // "drop.torn": under way when the worker died
	CAT_DROP_BAD_DESC,    // "drop.bad_descriptor": what a neighbour wrote failed the checks
	CAT_DROP_MALFORMED,   // "drop.malformed": too short or inconsistent headers
	CAT_DROP_FRAGMENT,    // "drop.fragment"
	CAT_DROP_NO_SUPPLY,   // "drop.no_supply": no empty buffer for a packet of its own
	CAT_DROP_PUNT_FULL,   // "drop.punt_full": the control thread's queue was full
	CAT_STAT_OWN          // the VNF's first own counter
};
// The names of the above.
extern const char *const cat_stat_names[CAT_STAT_OWN];

// Fills a page (zeroed memory of cat_stats_bytes(lanes)) with names: cat_stat_names, then own[0..], ended by
// NULL. Returns the number of names, -E2BIG beyond CAT_STATS_MAX, -ENAMETOOLONG.
int cat_stats_init(struct cat_stats_page *page, uint32_t lanes, const char *const *own);

// Names the counters from index `first` (what cat_stats_init returned) anew; the list is ended by NULL, and NULL hides
// them. Their values are not touched. Returns as cat_stats_init.
int cat_stats_name(struct cat_stats_page *page, uint32_t first, const char *const *names);

static inline void cat_stats_add(struct cat_stats_lane *lane, uint32_t index, uint64_t n)
{
	uint64_t v = atomic_load_explicit(&lane->value[index], memory_order_relaxed);
	atomic_store_explicit(&lane->value[index], v + n, memory_order_relaxed);
}

static inline void cat_stats_set(struct cat_stats_lane *lane, uint32_t index, uint64_t n)
{
	atomic_store_explicit(&lane->value[index], n, memory_order_relaxed);
}

#endif
