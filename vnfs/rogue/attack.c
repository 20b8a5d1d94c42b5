// SPDX-License-Identifier: BSD-3-Clause
// What a hostile VNF does to those that it shares something with, again and again, from a thread of its own. None of it
// needs a right that the container does not give.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cat_control.h"
#include "rogue.h"

#define STEPS 256u       // of an attack in a round
#define ROUND_NS 200000  // between rounds
#define PIECE (1u << 20) // bytes allocated at a time
#define CHILDREN_MAX 4096
#define SOCKETS_MAX 256u
#define SPINNERS 16u
#define FORGED_MAX 4096u // descriptors at once

struct round {
	const struct rogue_memory *memory;
	unsigned count;
	uint64_t random;
};

static uint64_t next(struct round *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

static const struct rogue_memory *any(struct round *r)
{
	return r->count ? &r->memory[next(r) % r->count] : NULL;
}

// A ring, by what its header says or once said: the size of its memory tells too.
static struct cat_ring *any_ring(struct round *r, uint32_t *ret_size)
{
	for (unsigned tries = 0; tries < STEPS; tries++) {
		const struct rogue_memory *m = any(r);
		struct cat_ring *ring = m ? m->address : NULL;
		if (!ring || m->size < sizeof(*ring) || ring->magic != CAT_RING_MAGIC)
			continue;
		uint32_t size = ring->size;
		if (!size || size & (size - 1) || cat_ring_bytes(size) > m->size)
			continue;
		*ret_size = size;
		return ring;
	}
	return NULL;
}

static void scribble(struct round *r)
{
	for (unsigned i = 0; i < STEPS; i++) {
		const struct rogue_memory *m = any(r);
		if (m && m->size >= sizeof(uint64_t))
			*(volatile uint64_t *)((char *)m->address + next(r) % (m->size / 8) * 8) = next(r);
	}
}

static void indices(struct round *r)
{
	uint32_t size;
	struct cat_ring *ring = any_ring(r, &size);
	if (!ring)
		return;
	atomic_store(&ring->prod, (uint32_t)next(r));
	atomic_store(&ring->cons, (uint32_t)next(r));
	atomic_store(&ring->sleeping, (uint32_t)next(r));
}

// Says what stands in the slots once more.
static void replay(struct round *r)
{
	uint32_t size;
	struct cat_ring *ring = any_ring(r, &size);
	if (ring)
		atomic_fetch_add(&ring->prod, (uint32_t)next(r) % size);
}

static void forge(struct round *r)
{
	uint32_t size;
	struct cat_ring *ring = any_ring(r, &size);
	if (!ring)
		return;
	uint32_t prod = atomic_load(&ring->prod), n = (uint32_t)next(r) % (size < FORGED_MAX ? size : FORGED_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t a = next(r), b = next(r);
		// Half of them name buffers that exist.
		ring->slot[(prod + i) & (size - 1)] =
			(struct cat_desc){.buf = a & 1 ? (uint32_t)(a >> 32) % 16384 : (uint32_t)(a >> 32),
					  .off = (uint16_t)(a >> 16),
					  .len = (uint16_t)b,
					  .hash = (uint32_t)(b >> 32),
					  .l3 = (uint8_t)(b >> 24),
					  .l4 = (uint8_t)(a >> 8),
					  .flags = (uint16_t)(b >> 16)};
	}
	atomic_store(&ring->prod, prod + n);
}

static void hoard(struct round *r)
{
	uint32_t size;
	struct cat_ring *ring = any_ring(r, &size);
	if (ring)
		atomic_store(&ring->cons, atomic_load(&ring->prod));
}

static void resize(struct round *r)
{
	const struct rogue_memory *m = any(r);
	if (!m)
		return;
	rogue_tried("truncate shared memory", ftruncate(m->fd, 0) < 0 ? -errno : 0);
	rogue_tried("grow shared memory", ftruncate(m->fd, (off_t)m->size * 2) < 0 ? -errno : 0);
	rogue_tried("seal shared memory",
		    fcntl(m->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) < 0 ? -errno : 0);
}

static void punch(struct round *r)
{
	const struct rogue_memory *m = any(r);
	if (!m)
		return;
	rogue_tried("punch a hole",
		    fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)m->size) < 0 ? -errno : 0);
	rogue_tried("remove pages", madvise(m->address, m->size, MADV_REMOVE) < 0 ? -errno : 0);
	rogue_tried("zero a range",
		    fallocate(m->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, (off_t)m->size) < 0 ? -errno : 0);
}

// Talks nonsense on every socket there is, and opens new ones.
static void flood(struct round *r)
{
	static unsigned count;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, CAT_CONTROL_PATH, sizeof(address.sun_path) - 1);
	if (count < SOCKETS_MAX) {
		int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (sock >= 0 && connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0)
			count++; // and kept
		else if (sock >= 0)
			close(sock);
	}
	char junk[4096];
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)next(r);
	for (int fd = 3; fd < 64; fd++) {
		send(fd, junk, next(r) % sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
		send(fd, "{\"type\": \"running\"}", 19, MSG_DONTWAIT | MSG_NOSIGNAL);
		send(fd, "{\"type\": \"hello\", \"abi\": 1, \"kind\": \"firewall\"}", 49, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

// Children that stay.
static void breed(struct round *r)
{
	(void)r;
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return;
		if (pid == 0)
			for (;;)
				pause();
	}
}

static void allocate(struct round *r)
{
	char *piece = malloc(PIECE);
	for (size_t i = 0; piece && i < PIECE; i += 4096)
		piece[i] = (char)next(r);
}

static _Atomic bool rests;

static void *spin(void *unused)
{
	cpu_set_t all;
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	for (;;)
		if (atomic_load(&rests))
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return unused;
}

// Takes all the time of all processors that it can get.
static void burn(struct round *r)
{
	static unsigned made;
	(void)r;
	pthread_t thread;
	while (made < SPINNERS && pthread_create(&thread, NULL, spin, NULL) == 0)
		made++;
}

// process() looks at it.
static void stall(struct round *r)
{
	(void)r;
	atomic_store(&rogue_stalls, true);
}

static const struct attack {
	const char *name;
	void (*run)(struct round *r);
} attacks[] = {
	{"scribble", scribble}, {"indices", indices},   {"replay", replay}, {"forge", forge},
	{"hoard", hoard},       {"resize", resize},     {"punch", punch},   {"flood", flood},
	{"fork", breed},        {"allocate", allocate}, {"burn", burn},     {"stall", stall},
};

_Atomic bool rogue_stalls;
static _Atomic uint32_t wanted, period; // attacks by bit; milliseconds

int rogue_attack_bit(const char *name)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(attacks); i++)
		if (!strcmp(attacks[i].name, name))
			return (int)i;
	return -EINVAL;
}

// Rest and attack take turns, so that others can compare.
static bool now_resting(void)
{
	uint32_t ms = atomic_load(&period);
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return ms && ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000) / ms % 2 == 0;
}

static void *attack(void *unused)
{
	(void)unused;
	struct round r = {.random = (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid() + 1};
	for (;;) {
		uint32_t now = now_resting() ? 0 : atomic_load(&wanted);
		atomic_store(&rests, !now);
		r.memory = rogue_memory(&r.count);
		for (size_t i = 0; i < CAT_ARRAY_LEN(attacks); i++)
			if (now >> i & 1)
				attacks[i].run(&r);
		nanosleep(&(struct timespec){.tv_nsec = ROUND_NS}, NULL);
	}
	return NULL;
}

void rogue_attack(uint32_t bits, uint32_t period_ms)
{
	static bool started;
	pthread_t thread;
	atomic_store(&period, period_ms);
	atomic_store(&wanted, bits);
	if (bits && !started)
		started = pthread_create(&thread, NULL, attack, NULL) == 0;
}
