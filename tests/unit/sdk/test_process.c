// SPDX-License-Identifier: BSD-3-Clause
// A VNF's process against a dataplane played by the test: attach, traffic, configuration, a restarted dataplane, death,
// stop. No root: normal pages, a socket in a temporary directory.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cat_abi.h"
#include "cat_cleanup.h"
#include "cat_control.h"
#include "cat_loop.h"
#include "cat_memfd.h"
#include "cat_msg.h"
#include "cat_ring.h"
#include "cat_stats.h"

#define RING 256u
#define SUPPLY_RING 64u
#define BUFFERS 512u
#define STRIDE 2112u
#define DEADLINE_MS 10000 // only a failure takes that long

enum { REGION, STATE, STATS, WORKER, RETURN, SUPPLY, LEFT_IN, LEFT_OUT, RIGHT_IN, RIGHT_OUT, MEMORIES };

static const struct {
	const char *name;
	bool ring;
	uint32_t size;
} memories[MEMORIES] = {
	[REGION] = {"region", false, BUFFERS *STRIDE},
	[STATE] = {"state", false, 1 << 20},
	[STATS] = {"stats", false, sizeof(struct cat_stats_page) + sizeof(struct cat_stats_lane)},
	[WORKER] = {"lane/0/worker", false, 4096},
	[RETURN] = {"lane/0/return", true, RING},
	[SUPPLY] = {"lane/0/supply", true, SUPPLY_RING},
	[LEFT_IN] = {"lane/0/left/in", true, RING},
	[LEFT_OUT] = {"lane/0/left/out", true, RING},
	[RIGHT_IN] = {"lane/0/right/in", true, RING},
	[RIGHT_OUT] = {"lane/0/right/out", true, RING},
};

struct fixture {
	char directory[32], path[64];
	int listen, sock;
	pid_t pid;
	int fd[MEMORIES];
	void *address[MEMORIES];
	struct cat_ring_end left_push, left_pop, right_push, right_pop;
};

static struct cat_ring_end attach_end(struct fixture *f, int memory, bool producer)
{
	struct cat_ring_end end;
	assert_int_equal(cat_ring_attach(&end, f->address[memory], cat_ring_bytes(RING), RING, producer), 0);
	return end;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->directory, "/tmp/catena-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/control.sock", f->directory);
	assert_int_equal(cat_msg_listen(f->path, 4, &f->listen, NULL), 0);
	f->sock = -1;
	for (int i = 0; i < MEMORIES; i++) {
		size_t size = memories[i].ring ? cat_ring_bytes(memories[i].size) : memories[i].size, mapped;
		assert_int_equal(cat_memfd_create(memories[i].name, size, 0, -1, &f->fd[i], NULL), 0);
		assert_int_equal(cat_memfd_map(f->fd[i], size, size + (1 << 21), PROT_READ | PROT_WRITE, &f->address[i],
					       &mapped, NULL),
				 0);
		if (memories[i].ring)
			cat_ring_format(f->address[i], memories[i].size);
	}
	f->left_push = attach_end(f, LEFT_IN, true);
	f->left_pop = attach_end(f, LEFT_OUT, false);
	f->right_push = attach_end(f, RIGHT_IN, true);
	f->right_pop = attach_end(f, RIGHT_OUT, false);
	*state = f;
	return 0;
}

static void spawn(struct fixture *f)
{
	f->pid = fork();
	if (f->pid == 0) {
		execl(NULL_BINARY, "catena-null", "--socket", f->path, (char *)NULL);
		_exit(127);
	}
	assert_true(f->pid > 0);
}

static int end_of(struct fixture *f)
{
	int status = 0;
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return status;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->pid) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	close(f->sock);
	close(f->listen);
	unlink(f->path);
	rmdir(f->directory);
	free(f);
	return 0;
}

static void wait_readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
}

static struct cat_node *receive(struct fixture *f)
{
	int fds[CAT_MSG_FDS_MAX];
	size_t count = 0;
	struct cat_node *body = NULL;
	wait_readable(f->sock);
	assert_int_equal(cat_msg_receive(f->sock, &body, fds, &count, NULL), 0);
	assert_int_equal(count, 0);
	return body;
}

static void expect(struct fixture *f, const char *type)
{
	cat_autonode struct cat_node *body = receive(f);
	assert_string_equal(cat_node_get(body, "type")->string, type);
}

static void accept_hello(struct fixture *f)
{
	wait_readable(f->listen);
	f->sock = accept(f->listen, NULL, NULL);
	assert_true(f->sock >= 0);
	cat_autonode struct cat_node *body = receive(f);
	assert_string_equal(cat_node_get(body, "type")->string, "hello");
	assert_string_equal(cat_node_get(body, "kind")->string, "null");
	assert_int_equal(cat_node_get(body, "abi")->integer, CAT_ABI_VERSION);
}

// Descriptors in two messages, as many lanes would need.
static void send_attach(struct fixture *f, const char *config, uint32_t burst)
{
	int config_fd;
	assert_int_equal(cat_memfd_from("config", config, strlen(config), &config_fd, NULL), 0);
	cat_autonode struct cat_node *more = cat_node_new_map(), *body = cat_node_new_map();
	cat_node_add_string(more, "type", "fds");
	struct cat_node *names = cat_node_add_list(more, "names");
	for (int i = 0; i < 4; i++)
		cat_node_add_string(names, NULL, memories[i].name);
	assert_int_equal(cat_msg_send(f->sock, more, f->fd, 4, NULL), 0);
	cat_node_add_string(body, "type", "attach");
	cat_node_add_string(body, "function", "fn");
	struct cat_node *lanes = cat_node_add_list(body, "lanes");
	cpu_set_t cpus;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	cat_node_add_int(lanes, NULL, cpu);
	cat_node_add_int(body, "ring", RING);
	cat_node_add_int(body, "supply_ring", SUPPLY_RING);
	cat_node_add_int(body, "buffers", BUFFERS);
	cat_node_add_int(body, "stride", STRIDE);
	cat_node_add_string(body, "latency", "balanced");
	cat_node_add_string(body, "poll", "adaptive");
	cat_node_add_int(body, "burst", burst);
	names = cat_node_add_list(body, "names");
	int fds[MEMORIES + 1];
	size_t count = 0;
	for (int i = 4; i < MEMORIES; i++) {
		cat_node_add_string(names, NULL, memories[i].name);
		fds[count++] = f->fd[i];
	}
	cat_node_add_string(names, NULL, "config");
	fds[count++] = config_fd;
	assert_int_equal(cat_msg_send(f->sock, body, fds, count, NULL), 0);
	close(config_fd);
}

static void send_config(struct fixture *f, const char *config)
{
	int fd;
	assert_int_equal(cat_memfd_from("config", config, strlen(config), &fd, NULL), 0);
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", "configure");
	assert_int_equal(cat_msg_send(f->sock, body, &fd, 1, NULL), 0);
	close(fd);
}

static void send_type(struct fixture *f, const char *type)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", type);
	assert_int_equal(cat_msg_send(f->sock, body, NULL, 0, NULL), 0);
}

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
	spawn(f);
	accept_hello(f);
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
	spawn(f);
	accept_hello(f);
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
	spawn(f);
	accept_hello(f);
	send_attach(f, "{}", 32);
	expect(f, "running");
	pass_traffic(&f->left_push, &f->right_pop, 1);
	// Gone: the function goes on for its neighbours.
	close(f->sock);
	pass_traffic(&f->left_push, &f->right_pop, 3);
	accept_hello(f);
	send_attach(f, "{\"touch\": true}", 32);
	expect(f, "running");
	expect(f, "configured");
	pass_traffic(&f->right_push, &f->left_pop, 3);
	// Other terms than before cannot be had from this process.
	close(f->sock);
	accept_hello(f);
	send_attach(f, "{}", 16);
	int status = end_of(f);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void test_successor_goes_on(void **state)
{
	struct fixture *f = *state;
	for (int life = 0; life < 3; life++) {
		spawn(f);
		accept_hello(f);
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
	spawn(f);
	accept_hello(f);
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
