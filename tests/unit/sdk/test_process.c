// SPDX-License-Identifier: BSD-3-Clause
// A VNF's process against a dataplane played by the test: attach, traffic, configuration, a restarted dataplane, death,
// stop.
#include "process_rig.h"

// Sends packets through, in as many rounds as asked for, and sees each come out once and in order.
static void pass_traffic(struct cat_ring_end *push, struct cat_ring_end *pop, uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < 100; i++)
			*cat_ring_slot(push, i) = (struct cat_desc){
				.buf = i, .off = CAT_HEADROOM, .len = 60, .hash = round, .flags = CAT_DESC_OTHER};
		cat_ring_publish(push, 100);
		cat_ring_wake(push);
		uint64_t deadline = cat_now_ms() + DEADLINE_MS;
		while (cat_ring_ready(pop) < 100) {
			assert_true(cat_now_ms() < deadline);
			sched_yield();
		}
		for (uint32_t i = 0; i < 100; i++) {
			assert_int_equal(cat_ring_slot(pop, i)->buf, i);
			assert_int_equal(cat_ring_slot(pop, i)->hash, round);
		}
		cat_ring_release(pop, 100);
	}
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	spawn_program(f, NULL_BINARY, NULL);
	accept_hello(f, "null");
	send_attach(f, "{}", 32);
	expect(f, "running");
	pass_traffic(&f->left_push, &f->right_pop, 20);
	pass_traffic(&f->right_push, &f->left_pop, 20);

	// Configurations while packets flow.
	send_config(f, "{\"touch\": true}");
	pass_traffic(&f->left_push, &f->right_pop, 5);
	expect(f, "configured");
	send_config(f, "{\"touch\": 7}");
	{
		cat_autonode struct cat_node *body = receive(f);
		assert_string_equal(cat_node_get(body, "type")->string, "rejected");
		assert_string_equal(cat_node_get(body, "pointer")->string, "/touch");
		assert_non_null(strstr(cat_node_get(body, "message")->string, "expected true or false"));
	}
	send_type(f, "nonsense");
	expect(f, "error");
	pass_traffic(&f->left_push, &f->right_pop, 5);

	// It sleeps after a while, and wakes up for a packet.
	struct cat_worker_page *page = f->address[WORKER];
	for (uint64_t deadline = cat_now_ms() + DEADLINE_MS; !atomic_load(&page->asleep); sched_yield())
		assert_true(cat_now_ms() < deadline);
	pass_traffic(&f->left_push, &f->right_pop, 1);

	const struct cat_stats_page *stats = f->address[STATS];
	assert_string_equal(stats->name[0], "left.rx_packets");
	// Counted after the commit that makes the packets visible.
	for (uint64_t deadline = cat_now_ms() + DEADLINE_MS;
	     atomic_load(&stats->lane[0].value[CAT_STAT_LEFT_RX_PACKETS]) != 3100; sched_yield())
		assert_true(cat_now_ms() < deadline);
	assert_int_equal(atomic_load(&stats->lane[0].value[CAT_STAT_LEFT_TX_BYTES]), 2000 * 60);
	assert_true(atomic_load(&stats->lane[0].value[CAT_STAT_BUSY_CYCLES]) > 0);

	send_type(f, "stop");
	assert_int_equal(end_of(f), 0);
}

static void test_rejected_first_configuration(void **state)
{
	struct fixture *f = *state;
	spawn_program(f, NULL_BINARY, NULL);
	accept_hello(f, "null");
	send_attach(f, "{\"tuoch\": true}", 32);
	expect(f, "rejected");
	send_config(f, "{\"touch\": true}");
	expect(f, "running");
	pass_traffic(&f->left_push, &f->right_pop, 1);
	kill(f->pid, SIGTERM);
	assert_int_equal(end_of(f), 0);
}

static void test_restarted_dataplane(void **state)
{
	struct fixture *f = *state;
	spawn_program(f, NULL_BINARY, NULL);
	accept_hello(f, "null");
	send_attach(f, "{}", 32);
	expect(f, "running");
	pass_traffic(&f->left_push, &f->right_pop, 1);
	// Gone: the function goes on for its neighbours.
	close(f->sock);
	pass_traffic(&f->left_push, &f->right_pop, 3);
	accept_hello(f, "null");
	send_attach(f, "{\"touch\": true}", 32);
	expect(f, "running");
	expect(f, "configured");
	pass_traffic(&f->right_push, &f->left_pop, 3);
	// Other terms than before cannot be had from this process.
	close(f->sock);
	accept_hello(f, "null");
	send_attach(f, "{}", 16);
	int status = end_of(f);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void test_successor_goes_on(void **state)
{
	struct fixture *f = *state;
	for (int life = 0; life < 3; life++) {
		spawn_program(f, NULL_BINARY, NULL);
		accept_hello(f, "null");
		send_attach(f, "{}", 32);
		expect(f, "running");
		pass_traffic(&f->left_push, &f->right_pop, 10);
		kill(f->pid, SIGKILL);
		assert_true(WIFSIGNALED(end_of(f)));
		close(f->sock);
		f->sock = -1;
	}
	const struct cat_stats_page *stats = f->address[STATS];
	// The last burst may not have been counted when it died.
	assert_in_range(atomic_load(&stats->lane[0].value[CAT_STAT_LEFT_RX_PACKETS]), 2700, 3000);
}

static void test_bad_attach(void **state)
{
	struct fixture *f = *state;
	// A ring of another size than announced.
	((struct cat_ring *)f->address[LEFT_IN])->size = RING * 2;
	spawn_program(f, NULL_BINARY, NULL);
	accept_hello(f, "null");
	send_attach(f, "{}", 32);
	int status = end_of(f);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rejected_first_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restarted_dataplane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_successor_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_attach, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
