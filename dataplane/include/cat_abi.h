// SPDX-License-Identifier: BSD-3-Clause
// What the dataplane and the VNFs share in memory: descriptors, rings, the worker page.
//
// How it works
//
// Packet data lies in the service's region: `count` buffers of `stride` bytes. A packet is handed on as a
// descriptor in a ring of a single producer and a single consumer. Two neighbours are joined by a link: per lane
// one ring in each direction, each in a memfd of its own, so that a process maps only rings that it is an end of.
//
// VNFs never allocate or free. A worker has, besides the two rings to read from and the two to write to (left
// and right neighbour), a return ring, on which it gives back buffers with a reason, and a supply ring, from
// which it takes empty buffers for packets of its own. Both lead to the dataplane.
//
// Burst commit. A worker takes up to CAT_BURST_MAX descriptors from one input ring and handles them strictly
// in order. Where a packet goes, its descriptor is written behind the producer index of that ring, unpublished, and
// then one 64-bit store of `progress` says so: five counters of 12 bits, one per destination. The packets
// handled so far are their sum less those from supply. Packets that are passed on unchanged may be announced as a
// block: all their descriptors are written, then one store counts them, so that a successor finds all or none of them
// handed over; those that it finds in the input ring are as they came. At the end of the burst the worker writes the
// new indices to `target`, stores CAT_COMMIT_FULL, stores the indices into the rings, stores CAT_COMMIT_IDLE.
// Stores become visible in program order (release stores; no fence on x86), so that whoever finds the page after the
// worker's death knows where it stood:
//   IDLE  nothing was under way;
//   OPEN  publish what `progress` names, return the packet after it (it may be half changed: CAT_DROP_TORN),
//         leave the rest in the input ring for the successor;
//   FULL  store `target` into the rings again, which is idempotent.
// While a burst is open its packets still count as being in their input ring.
//
// Trust. A neighbour may write anything at any time to what it maps. Each end keeps its own index in private
// memory, reads the other's once per burst, and believes it only if the difference is at most the ring's size.
// Descriptors are copied before they are checked, and only the copy is used.
#ifndef CAT_ABI_H
#define CAT_ABI_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CAT_ABI_VERSION 1u
#define CAT_CACHE_LINE 64

#define CAT_BURST_MAX 1024u       // descriptors from an input ring in one burst
#define CAT_SUPPLY_BURST_MAX 512u // buffers that a worker may take from supply in one burst
#define CAT_RING_SIZE_MAX 65536u
#define CAT_LANES_MAX 16u
#define CAT_HEADROOM 128u // bytes before the data of a freshly received packet

// The two ends of a function. Left is towards the first port of its path, right towards the last.
enum cat_side { CAT_LEFT = 0, CAT_RIGHT = 1 };
#define CAT_SIDES 2

// What is known of a packet. Offsets count from the start of the data.
enum cat_desc_flag {
	CAT_DESC_IPV4 = 1u << 0,       // l3 is the offset of an IPv4 header, checked: version, IHL, total length
	CAT_DESC_IPV6 = 1u << 1,       // l3 is the offset of an IPv6 header, checked: version, payload length
	CAT_DESC_TCP = 1u << 2,        // l4 is the offset of a whole TCP header (data offset checked)
	CAT_DESC_UDP = 1u << 3,        // l4 is the offset of a whole UDP header
	CAT_DESC_ICMP = 1u << 4,       // l4 is the offset of at least 8 bytes of ICMP or ICMPv6
	CAT_DESC_FRAG = 1u << 5,       // a fragment; l4 is set, and TCP, UDP or ICMP, only in the first one
	CAT_DESC_VLAN = 1u << 6,       // at least one 802.1Q tag before l3
	CAT_DESC_OTHER = 1u << 7,      // parsed, and neither IPv4 nor IPv6 (ARP, ...); l3 is the offset behind the type
	CAT_DESC_BAD = 1u << 8,        // parsed, and too short or malformed at l3 or l4
	CAT_DESC_L4_UNKNOWN = 1u << 9, // IP, parsed, l4 is the offset of a transport that is none of the above
};
#define CAT_DESC_PARSED (CAT_DESC_IPV4 | CAT_DESC_IPV6 | CAT_DESC_OTHER | CAT_DESC_BAD) // none set: not parsed yet

struct cat_desc {
	uint32_t buf;   // index of the buffer in the region
	uint16_t off;   // data starts here, bytes from the buffer's start
	uint16_t len;   // bytes of data
	uint32_t hash;  // symmetric flow hash (cat_parse.h); who rewrites the 5-tuple writes it anew
	uint8_t l3, l4; // offsets from the data's start, valid as flags say
	uint16_t flags; // cat_desc_flag; on a return ring: the drop reason, an index of the statistics page
};
static_assert(sizeof(struct cat_desc) == 16, "descriptor layout");

#define CAT_RING_MAGIC 0x43524e47u // "CRNG"

struct cat_ring {
	// writer: catenad once, at creation; readers check it against what they were told
	uint32_t magic;
	uint32_t version;
	uint32_t size; // slots, a power of two
	uint32_t reserved[13];
	// writer: producer, reader: consumer. Slots before it are filled. Grows for ever, wraps at 2^32.
	alignas(CAT_CACHE_LINE) _Atomic uint32_t prod;
	// writer: consumer, reader: producer. Slots before it are free again.
	alignas(CAT_CACHE_LINE) _Atomic uint32_t cons;
	// 1 while the consumer sleeps or is about to. writers: consumer (1), producer (0, then FUTEX_WAKE)
	_Atomic uint32_t sleeping;
	// writer: producer, reader: consumer
	alignas(CAT_CACHE_LINE) struct cat_desc slot[];
};
static_assert(offsetof(struct cat_ring, prod) == 64, "ring layout");
static_assert(offsetof(struct cat_ring, cons) == 128, "ring layout");
static_assert(offsetof(struct cat_ring, sleeping) == 132, "ring layout");
static_assert(offsetof(struct cat_ring, slot) == 192, "ring layout");

static inline size_t cat_ring_bytes(uint32_t size)
{
	return sizeof(struct cat_ring) + (size_t)size * sizeof(struct cat_desc);
}

// Where a worker sends a packet.
enum cat_dest {
	CAT_TO_LEFT = CAT_LEFT,
	CAT_TO_RIGHT = CAT_RIGHT,
	CAT_TO_RETURN,
	CAT_TO_HELD,
	CAT_FROM_SUPPLY, // not a destination: counts the supply buffers used
	CAT_DESTS
};
#define CAT_PROGRESS_BITS 12
#define CAT_PROGRESS_ONE(dest) (UINT64_C(1) << ((dest)*CAT_PROGRESS_BITS))
#define CAT_PROGRESS_OF(progress, dest)                                                                                \
	((uint32_t)((progress) >> ((dest)*CAT_PROGRESS_BITS)) & ((1u << CAT_PROGRESS_BITS) - 1))
static_assert(CAT_DESTS * CAT_PROGRESS_BITS <= 64, "progress fits one store");
static_assert(CAT_BURST_MAX + CAT_SUPPLY_BURST_MAX < 1u << CAT_PROGRESS_BITS, "no counter overflows");

enum cat_commit_phase { CAT_COMMIT_IDLE = 0, CAT_COMMIT_OPEN = 1, CAT_COMMIT_FULL = 2 };
#define CAT_WORKER_MAGIC 0x4357524bu // "CWRK"
#define CAT_NO_INPUT 2u              // a burst without input: only packets from supply

// One page per worker (one function on one lane). writer: the worker; readers: dataplane, catenad, successor.
struct cat_worker_page {
	uint32_t magic;
	uint32_t version;
	uint32_t reserved[14];
	alignas(CAT_CACHE_LINE) _Atomic uint64_t progress;
	_Atomic uint32_t phase;
	uint32_t input; // the side that the burst comes from, or CAT_NO_INPUT
	uint32_t count; // descriptors in the burst
	// The new indices, valid in phase FULL.
	struct {
		uint32_t input_cons;
		uint32_t out_prod[CAT_SIDES];
		uint32_t return_prod;
		uint32_t supply_cons;
	} target;
	// Grows with every round of the worker's loop while it is awake.
	alignas(CAT_CACHE_LINE) _Atomic uint64_t heartbeat;
	_Atomic uint32_t asleep; // 1 while it sleeps for want of work
};
static_assert(offsetof(struct cat_worker_page, progress) == 64, "worker page layout");
static_assert(offsetof(struct cat_worker_page, phase) == 72, "worker page layout");
static_assert(offsetof(struct cat_worker_page, target) == 84, "worker page layout");
static_assert(offsetof(struct cat_worker_page, heartbeat) == 128, "worker page layout");

#endif
