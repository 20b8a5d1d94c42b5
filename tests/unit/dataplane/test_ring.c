// SPDX-License-Identifier: BSD-3-Clause
#include "cat_ring.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 8u

static struct cat_ring *ring_create(uint32_t size)
{
	struct cat_ring *ring = aligned_alloc(64, (cat_ring_bytes(size) + 63) & ~(size_t)63);
	assert_non_null(ring);
	memset(ring, 0, cat_ring_bytes(size));
	cat_ring_format(ring, size);
	return ring;
}

static void attach_refuses(void **state)
{
	(void)state;
	struct cat_ring *ring = ring_create(SIZE);
	struct cat_ring_end end;
	size_t bytes = cat_ring_bytes(SIZE);
	assert_int_equal(cat_ring_attach(&end, ring, bytes - 1, SIZE, true), -EINVAL);
	assert_int_equal(cat_ring_attach(&end, ring, bytes, 0, true), -EINVAL);
	assert_int_equal(cat_ring_attach(&end, ring, bytes, 7, true), -EINVAL);
	assert_int_equal(cat_ring_attach(&end, ring, bytes, 4, true), -EINVAL);
	assert_int_equal(cat_ring_attach(&end, ring, SIZE_MAX, CAT_RING_SIZE_MAX * 2, true), -EINVAL);
	ring->magic++;
	assert_int_equal(cat_ring_attach(&end, ring, bytes, SIZE, true), -EINVAL);
	ring->magic--;
	ring->version++;
	assert_int_equal(cat_ring_attach(&end, ring, bytes, SIZE, true), -EINVAL);
	ring->version--;
	ring->size = 16;
	assert_int_equal(cat_ring_attach(&end, ring, bytes, SIZE, true), -EINVAL);
	ring->size = SIZE;
	assert_int_equal(cat_ring_attach(&end, ring, bytes, SIZE, true), 0);
	free(ring);
}

// Whatever somebody writes over the indices, both ends read it as nothing, and can use the ring again once each has
// looked.
static void impossible_indices_read_as_nothing(void **state)
{
	(void)state;
	struct cat_ring *ring = ring_create(SIZE);
	struct cat_ring_end producer, consumer;
	assert_int_equal(cat_ring_attach(&producer, ring, cat_ring_bytes(SIZE), SIZE, true), 0);
	assert_int_equal(cat_ring_attach(&consumer, ring, cat_ring_bytes(SIZE), SIZE, false), 0);
	const uint32_t hostile[] = {SIZE + 1, 0x80000000u, UINT32_MAX};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		uint32_t violations = consumer.violations;
		atomic_store(&ring->prod, consumer.index + hostile[i]);
		assert_int_equal(cat_ring_ready(&consumer), 0);
		assert_int_equal(consumer.violations, violations + 1);
		violations = producer.violations;
		atomic_store(&ring->cons, producer.index - hostile[i]);
		assert_int_equal(cat_ring_room(&producer), 0);
		assert_int_equal(producer.violations, violations + 1);
		// The producer has said again where it stands, and the consumer goes there, at most past what once was
		// in the ring.
		for (unsigned looks = 0; looks < 2; looks++)
			cat_ring_release(&consumer, cat_ring_ready(&consumer));
		assert_int_equal(cat_ring_room(&producer), SIZE);
		cat_ring_slot(&producer, 0)->buf = 77;
		cat_ring_publish(&producer, 1);
		assert_int_equal(cat_ring_ready(&consumer), 1);
		assert_int_equal(cat_ring_slot(&consumer, 0)->buf, 77);
		cat_ring_release(&consumer, 1);
		assert_int_equal(cat_ring_room(&producer), SIZE);
	}
	free(ring);
}

// Indices run through the wrap at 2^32, and a successor goes on where its predecessor stopped.
static void wraps_around(void **state)
{
	(void)state;
	struct cat_ring *ring = ring_create(SIZE);
	atomic_store(&ring->prod, UINT32_MAX - 10);
	atomic_store(&ring->cons, UINT32_MAX - 10);
	uint32_t sent = 0, received = 0;
	struct cat_ring_end producer, consumer;
	assert_int_equal(cat_ring_attach(&consumer, ring, cat_ring_bytes(SIZE), SIZE, false), 0);
	for (unsigned round = 0; round < 40; round++) {
		assert_int_equal(cat_ring_attach(&producer, ring, cat_ring_bytes(SIZE), SIZE, true), 0);
		uint32_t room = cat_ring_room(&producer), n = round % (room + 1);
		for (uint32_t i = 0; i < n; i++)
			cat_ring_slot(&producer, i)->buf = sent++;
		cat_ring_publish(&producer, n);
		assert_int_equal(cat_ring_room(&producer), room - n);
		uint32_t ready = cat_ring_ready(&consumer), take = ready - (ready > 2);
		for (uint32_t i = 0; i < take; i++)
			assert_int_equal(cat_ring_slot(&consumer, i)->buf, received++);
		cat_ring_release(&consumer, take);
	}
	assert_true(sent > 40 && sent - received < SIZE);
	assert_int_equal(consumer.violations + producer.violations, 0);
	free(ring);
}

static void sleep_returns_at_once_with_work(void **state)
{
	(void)state;
	struct cat_ring *ring[2] = {ring_create(SIZE), ring_create(SIZE)};
	struct cat_ring_end end[2], producer;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(cat_ring_attach(&end[i], ring[i], cat_ring_bytes(SIZE), SIZE, false), 0);
	assert_int_equal(cat_ring_attach(&producer, ring[1], cat_ring_bytes(SIZE), SIZE, true), 0);
	struct cat_ring_end *const ends[] = {&end[0], &end[1]};
	cat_ring_publish(&producer, 1);
	cat_ring_sleep(ends, 2, 100000000); // would be 100 s
	assert_int_equal(atomic_load(&ring[0]->sleeping) + atomic_load(&ring[1]->sleeping), 0);
	cat_ring_release(&end[1], 1);
	cat_ring_sleep(ends, 2, 1000); // and it ends without work
	free(ring[0]);
	free(ring[1]);
}

static void *publish_when_asleep(void *user)
{
	struct cat_ring_end *producer = user;
	while (!atomic_load(&producer->ring->sleeping))
		sched_yield();
	cat_ring_publish(producer, 1);
	cat_ring_wake(producer);
	return NULL;
}

static void wake_ends_sleep(void **state)
{
	(void)state;
	struct cat_ring *ring[2] = {ring_create(SIZE), ring_create(SIZE)};
	struct cat_ring_end end[2], producer;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(cat_ring_attach(&end[i], ring[i], cat_ring_bytes(SIZE), SIZE, false), 0);
	assert_int_equal(cat_ring_attach(&producer, ring[1], cat_ring_bytes(SIZE), SIZE, true), 0);
	struct cat_ring_end *const ends[] = {&end[0], &end[1]};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, publish_when_asleep, &producer), 0);
	cat_ring_sleep(ends, 2, 100000000);
	pthread_join(thread, NULL);
	assert_int_equal(cat_ring_ready(&end[1]), 1);
	free(ring[0]);
	free(ring[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_refuses),  cmocka_unit_test(impossible_indices_read_as_nothing),
		cmocka_unit_test(wraps_around),    cmocka_unit_test(sleep_returns_at_once_with_work),
		cmocka_unit_test(wake_ends_sleep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
