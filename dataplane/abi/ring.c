// SPDX-License-Identifier: BSD-3-Clause
// Rings: format, attach, and the doorbell.
//
// How the doorbell works
//
// A consumer that finds nothing says so in `sleeping`, looks once more, and waits on that word. A producer that has
// published looks at the word behind a full fence; if it is set, it clears it and wakes. Either the producer sees
// the word, or the consumer's second look sees the descriptors: a wake-up cannot be lost.
#include "cat_ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_SLICE_US 500u // what one futex is waited for while other rings cannot be watched
#define SLEEP_ENDS_MAX 8u

int cat_ring_attach(struct cat_ring_end *end, struct cat_ring *ring, size_t bytes, uint32_t expected_size,
		    bool producer)
{
	uint32_t size = expected_size;
	if (size == 0 || size > CAT_RING_SIZE_MAX || (size & (size - 1)) || bytes < cat_ring_bytes(size))
		return -EINVAL;
	if (ring->magic != CAT_RING_MAGIC || ring->version != CAT_ABI_VERSION || ring->size != size)
		return -EINVAL;
	end->ring = ring;
	end->mask = size - 1;
	end->index = atomic_load_explicit(producer ? &ring->prod : &ring->cons, memory_order_acquire);
	end->violations = 0;
	return 0;
}

void cat_ring_format(struct cat_ring *ring, uint32_t size)
{
	ring->version = CAT_ABI_VERSION;
	ring->size = size;
	ring->magic = CAT_RING_MAGIC;
}

__attribute__((cold)) uint32_t cat_ring_follow(struct cat_ring_end *consumer, uint32_t prod)
{
	consumer->violations++;
	consumer->index = prod;
	atomic_store_explicit(&consumer->ring->cons, prod, memory_order_release);
	return 0;
}

__attribute__((cold)) uint32_t cat_ring_insist(struct cat_ring_end *producer)
{
	producer->violations++;
	atomic_store_explicit(&producer->ring->prod, producer->index, memory_order_release);
	return 0;
}

void cat_ring_wake_slow(struct cat_ring *ring)
{
	atomic_store_explicit(&ring->sleeping, 0, memory_order_relaxed);
	syscall(SYS_futex, &ring->sleeping, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

static bool any_ready(struct cat_ring_end *const *ends, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (cat_ring_ready(ends[i]))
			return true;
	return false;
}

// False: this kernel (or this container's system call filter) has no futex_waitv(2).
static bool wait_all(struct cat_ring_end *const *ends, unsigned count, uint64_t deadline_ns)
{
#ifdef SYS_futex_waitv
	struct futex_waitv wait[SLEEP_ENDS_MAX] = {0};
	for (unsigned i = 0; i < count; i++) {
		wait[i].val = 1;
		wait[i].uaddr = (uintptr_t)&ends[i]->ring->sleeping;
		wait[i].flags = FUTEX_32;
	}
	struct timespec deadline = to_timespec(deadline_ns);
	if (syscall(SYS_futex_waitv, wait, count, 0, &deadline, CLOCK_MONOTONIC) >= 0)
		return true;
	return errno != ENOSYS && errno != EPERM;
#else
	(void)ends, (void)count, (void)deadline_ns;
	return false;
#endif
}

static void wait_in_slices(struct cat_ring_end *const *ends, unsigned count, uint64_t deadline_ns)
{
	for (uint64_t now = now_ns(); now < deadline_ns && !any_ready(ends, count); now = now_ns()) {
		uint64_t left = deadline_ns - now;
		struct timespec slice = to_timespec(left < SLEEP_SLICE_US * 1000u ? left : SLEEP_SLICE_US * 1000u);
		if (syscall(SYS_futex, &ends[0]->ring->sleeping, FUTEX_WAIT, 1, &slice, NULL, 0) == 0)
			return;
		if (errno == EAGAIN)
			return; // the producer has cleared the word: it published
	}
}

void cat_ring_sleep(struct cat_ring_end *const *ends, unsigned count, uint32_t timeout_us)
{
	if (count == 0 || count > SLEEP_ENDS_MAX)
		return;
	for (unsigned i = 0; i < count; i++)
		atomic_store_explicit(&ends[i]->ring->sleeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!any_ready(ends, count)) {
		uint64_t deadline_ns = now_ns() + (uint64_t)timeout_us * 1000u;
		if (!wait_all(ends, count, deadline_ns))
			wait_in_slices(ends, count, deadline_ns);
	}
	for (unsigned i = 0; i < count; i++)
		atomic_store_explicit(&ends[i]->ring->sleeping, 0, memory_order_relaxed);
}
