// SPDX-License-Identifier: BSD-3-Clause
// catena-dataplane as a process, with functions that lie, die and talk nonsense, and some that work. Programs come by
// DATAPLANE and NULL_FUNCTION in the environment.
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"
#include "stub.h"

#define SECOND 1000u
#define TIMEOUT (5 * SECOND)

#define NULL_PORT "{\"driver\": \"null\"}"

static const char *const kinds[] = {"null", "null", "null"};

static struct rig *start_with(const struct rig_plan *shape)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *plan = rig_plan_make(shape, &err);
	struct rig *rig = plan ? rig_create(getenv("DATAPLANE"), plan, &err) : NULL;
	if (!rig)
		fail_msg("%s", err.message);
	for (unsigned i = 0; i < shape->count; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(rig_configure(rig, name, "{}", &err), 0);
	}
	return rig;
}

static struct rig *start(const char *left, const char *right, unsigned count)
{
	static const int cpu = 0;
	return start_with(&(struct rig_plan){.left = left,
					     .right = right,
					     .kinds = kinds,
					     .count = count,
					     .cpus = &cpu,
					     .lanes = 1,
					     .buffers = 16384});
}

static void expect_event(struct rig *rig, const char *event)
{
	struct cat_node *body = rig_wait(rig, "function", event, TIMEOUT);
	if (!body)
		fail_msg("no event \"%s\"", event);
	cat_node_free(body);
}

static void expect_message(struct rig *rig, const char *type)
{
	struct cat_node *body = rig_wait(rig, type, NULL, TIMEOUT);
	if (!body)
		fail_msg("no message \"%s\"", type);
	cat_node_free(body);
}

static int64_t drain(struct rig *rig)
{
	struct cat_err err = {0};
	assert_int_equal(rig_send(rig, "drain", &err), 0);
	cat_autonode struct cat_node *body = rig_wait(rig, "drained", NULL, TIMEOUT);
	assert_non_null(body);
	return cat_node_get(body, "left")->integer;
}

// Runs fn as function f0's process.
static pid_t spawn(struct rig *rig, void (*fn)(const char *path))
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fn(rig_socket(rig, "f0"));
		_exit(0);
	}
	return pid;
}

static void expect_exit(pid_t pid, int expected)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void start_null(struct rig *rig, const char *name)
{
	struct cat_err err = {0};
	if (rig_start(rig, name, getenv("NULL_FUNCTION"), &err) < 0)
		fail_msg("%s", err.message);
}

static void says_wrong_abi(const char *path)
{
	struct stub stub;
	stub_connect(&stub, path);
	stub_send(&stub, "{\"type\": \"hello\", \"abi\": 77, \"kind\": \"null\"}");
	_exit(stub_closed(&stub) ? 0 : 1);
}

static void says_wrong_kind(const char *path)
{
	struct stub stub;
	stub_connect(&stub, path);
	stub_send(&stub, "{\"type\": \"hello\", \"abi\": 1, \"kind\": \"firewall\"}");
	_exit(stub_closed(&stub) ? 0 : 1);
}

static void says_nonsense(const char *path)
{
	static const char *const messages[] = {"",
					       "x",
					       "{",
					       "[]",
					       "{}",
					       "{\"type\": 3}",
					       "{\"type\": \"hello\"}",
					       "{\"type\": \"running\"}",
					       "{\"type\": \"hello\", \"abi\": \"1\", \"kind\": 1}"};
	struct stub stub;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		stub_connect(&stub, path);
		for (unsigned n = 0; n < 40; n++)
			if (send(stub.sock, messages[i], strlen(messages[i]), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		if (!stub_closed(&stub))
			_exit(1);
		close(stub.sock);
	}
}

static void says_nonsense_when_attached(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_send(&stub, "{\"type\": \"configured\", \"x\": [[[[[[]]]]]]}");
	for (unsigned n = 0; n < 20; n++)
		send(stub.sock, "}", 1, MSG_NOSIGNAL);
	_exit(stub_closed(&stub) ? 0 : 1);
}

static void survives_what_functions_say(void **state)
{
	(void)state;
	struct rig *rig = start("{\"driver\": \"gen\", \"options\": {\"count\": 1000}}", NULL_PORT, 1);
	pid_t pid = spawn(rig, says_wrong_abi);
	expect_event(rig, "rejected");
	expect_exit(pid, 0);
	pid = spawn(rig, says_wrong_kind);
	expect_event(rig, "rejected");
	expect_exit(pid, 0);
	pid = spawn(rig, says_nonsense);
	expect_event(rig, "violation");
	expect_exit(pid, 0);
	pid = spawn(rig, says_nonsense_when_attached);
	expect_event(rig, "attached");
	expect_event(rig, "violation");
	expect_event(rig, "lost");
	expect_exit(pid, 0);
	// And one that works finds everything in order.
	start_null(rig, "f0");
	expect_event(rig, "running");
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", 1000, TIMEOUT), 1000);
	rig_destroy(rig);
}

static void manager_may_err(void **state)
{
	(void)state;
	struct rig *rig = start(NULL_PORT, NULL_PORT, 1);
	struct cat_err err = {0};
	assert_int_equal(rig_send(rig, "levitate", &err), 0);
	expect_message(rig, "error");
	assert_int_equal(rig_send(rig, "configure", &err), 0);
	expect_message(rig, "error");
	assert_int_equal(rig_send(rig, "open", &err), 0);
	expect_message(rig, "error");
	assert_true(rig_configure(rig, "nobody", "{}", &err) == 0);
	expect_message(rig, "error");
	assert_int_equal(drain(rig), 0);
	assert_int_equal(rig_send(rig, "close", &err), 0);
	int status = rig_wait_exit(rig, TIMEOUT);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	rig_destroy(rig);
}

static void plans_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *left, *message;
	} cases[] = {
		{"{\"driver\": \"warp\"}", "warp"},
		{"{\"driver\": \"veth\", \"device\": \"catena-absent\"}", "catena-absent"},
		{"{\"driver\": \"gen\", \"options\": {\"size\": 1}}", "size"},
		{"{\"driver\": \"pcap\", \"device\": \"/absent.pcap\"}", "pcap"},
		{"{\"driver\": \"pci\", \"device\": \"ffff:ff:1f.6\"}", "vfio"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const int cpu = 0;
		struct cat_err err = {0};
		cat_autonode struct cat_node *plan = rig_plan_make(
			&(struct rig_plan){.left = cases[i].left, .right = NULL_PORT, .cpus = &cpu, .lanes = 1}, &err);
		assert_non_null(plan);
		if (rig_create(getenv("DATAPLANE"), plan, &err) || !strstr(err.message, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].left, err.message);
	}
}

// Returns buffers that it does not have, twice, with impossible places, and lies about its indices.
static void lies_about_buffers(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_wait(&stub.in[CAT_LEFT], 8);
	struct cat_desc good[8];
	for (uint32_t i = 0; i < 8; i++)
		good[i] = *cat_ring_slot(&stub.in[CAT_LEFT], i);
	cat_ring_release(&stub.in[CAT_LEFT], 8);
	struct cat_desc bad[] = {good[0], good[0], good[1], good[2], good[3], good[4]};
	bad[2].buf = UINT32_MAX;
	bad[3].off = (uint16_t)stub.stride;
	bad[4].len = UINT16_MAX;
	bad[5].len = 13;
	for (uint32_t i = 0; i < 6; i++)
		*cat_ring_slot(&stub.out[CAT_RIGHT], i) = bad[i];
	cat_ring_publish(&stub.out[CAT_RIGHT], 6);
	// What is left goes back; number 5 twice, and one that never was handed out.
	const uint32_t back[] = {1, 2, 3, 4, 5, 5, 6, 7};
	for (uint32_t i = 0; i < 8; i++)
		*cat_ring_slot(&stub.ret, i) = good[back[i]];
	*cat_ring_slot(&stub.ret, 8) = (struct cat_desc){.buf = 16383};
	cat_ring_publish(&stub.ret, 9);
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	atomic_store(&stub.ret.ring->prod, stub.ret.index + 100000);
	atomic_store(&stub.in[CAT_LEFT].ring->cons, stub.in[CAT_LEFT].index + 100000);
	atomic_store(&stub.supply.ring->cons, stub.supply.index + 100000);
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	atomic_store(&stub.ret.ring->prod, stub.ret.index);
	atomic_store(&stub.in[CAT_LEFT].ring->cons, stub.in[CAT_LEFT].index);
	atomic_store(&stub.supply.ring->cons, stub.supply.index);
}

static void believes_no_descriptor(void **state)
{
	(void)state;
	struct rig *rig = start("{\"driver\": \"gen\", \"options\": {\"count\": 8}}", NULL_PORT, 1);
	pid_t pid = spawn(rig, lies_about_buffers);
	expect_event(rig, "violation");
	expect_event(rig, "lost");
	expect_exit(pid, 0);
	// One good packet; of the rest five were bad on the way out, two on the way back.
	assert_int_equal(rig_counter(rig, NULL, "port.right.tx_packets"), 1);
	assert_int_equal(rig_counter(rig, NULL, "drop.bad_descriptor"), 7);
	assert_true(rig_counter(rig, NULL, "violations") > 7);
	// No buffer was lost by it, none is in two places: the service goes on and drains.
	start_null(rig, "f0");
	expect_event(rig, "running");
	assert_int_equal(drain(rig), 0);
	rig_destroy(rig);
}

// Dies within a burst of eight: three emitted, one given back, the fifth under way.
static void dies_within_a_burst(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_wait(&stub.in[CAT_LEFT], 100);
	stub.page->input = CAT_LEFT;
	stub.page->count = 8;
	atomic_store(&stub.page->progress, 0);
	atomic_store(&stub.page->phase, CAT_COMMIT_OPEN);
	for (uint32_t i = 0; i < 3; i++)
		*cat_ring_slot(&stub.out[CAT_RIGHT], i) = *cat_ring_slot(&stub.in[CAT_LEFT], i);
	*cat_ring_slot(&stub.ret, 0) = *cat_ring_slot(&stub.in[CAT_LEFT], 3);
	atomic_store(&stub.page->progress, 3 * CAT_PROGRESS_ONE(CAT_TO_RIGHT) + CAT_PROGRESS_ONE(CAT_TO_RETURN));
	kill(getpid(), SIGKILL);
}

static void goes_on_after_a_death_within_a_burst(void **state)
{
	(void)state;
	struct rig *rig = start("{\"driver\": \"gen\", \"options\": {\"count\": 100}}", NULL_PORT, 1);
	pid_t pid = spawn(rig, dies_within_a_burst);
	expect_event(rig, "lost");
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", 3, TIMEOUT), 3);
	start_null(rig, "f0");
	expect_event(rig, "running");
	assert_int_equal(rig_counter(rig, "f0", "drop.torn"), 1);
	// One was given back and one was torn.
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", 98, TIMEOUT), 98);
	assert_int_equal(drain(rig), 0);
	rig_destroy(rig);
}

// Functions are killed under load, again and again. At most one packet each, and no buffer at all.
static void no_buffer_is_lost_by_kills(void **state)
{
	(void)state;
	struct cat_err err = {0};
	struct rig *rig = start("{\"driver\": \"gen\"}", NULL_PORT, 3);
	pid_t pid[3];
	char name[3][4] = {"f0", "f1", "f2"};
	for (unsigned i = 0; i < 3; i++)
		pid[i] = rig_start(rig, name[i], getenv("NULL_FUNCTION"), &err);
	expect_message(rig, "running");
	for (unsigned kills = 0; kills < 9; kills++) {
		uint64_t before = rig_counter(rig, NULL, "port.right.tx_packets");
		assert_true(rig_counter_wait(rig, NULL, "port.right.tx_packets", before + 100000, TIMEOUT) > before);
		kill(pid[kills % 3], SIGKILL);
		assert_int_equal(waitpid(pid[kills % 3], NULL, 0), pid[kills % 3]);
		expect_event(rig, "lost");
		pid[kills % 3] = rig_start(rig, name[kills % 3], getenv("NULL_FUNCTION"), &err);
		expect_message(rig, "running");
	}
	assert_int_equal(drain(rig), 0);
	uint64_t in = rig_counter(rig, NULL, "port.left.rx_packets"),
		 out = rig_counter(rig, NULL, "port.right.tx_packets");
	uint64_t torn = 0;
	for (unsigned i = 0; i < 3; i++)
		torn += rig_counter(rig, name[i], "drop.torn");
	assert_int_equal(in, out + torn);
	assert_true(torn <= 9);
	assert_int_equal(rig_counter(rig, NULL, "violations"), 0);
	rig_destroy(rig);
}

static int64_t audited(struct rig *rig, const char *what)
{
	struct cat_err err = {0};
	assert_int_equal(rig_send(rig, "audit", &err), 0);
	cat_autonode struct cat_node *body = rig_wait(rig, "audited", NULL, TIMEOUT);
	assert_non_null(body);
	const struct cat_node *still = cat_node_get(body, "still");
	assert_true(still->boolean);
	return cat_node_get(body, what)->integer;
}

// All buffers are where they belong, none is missing.
static void expect_whole(struct rig *rig)
{
	assert_int_equal(audited(rig, "leaked"), 0);
	assert_int_equal(audited(rig, "duplicated"), 0);
	// What a lane says of its free buffers may be some milliseconds old.
	rig_counter_wait(rig, NULL, "gauge.free_buffers", (uint64_t)(16384 - audited(rig, "under_way")), TIMEOUT);
	assert_int_equal(audited(rig, "free") + audited(rig, "under_way"), 16384);
}

// The dataplane is killed under load, again and again. The functions stay, and no buffer is lost or given out twice.
static void functions_outlive_the_dataplane(void **state)
{
	(void)state;
	static const int cpu = 0;
	const struct rig_plan shape = {.left = "{\"driver\": \"gen\"}",
				       .right = NULL_PORT,
				       .kinds = kinds,
				       .count = 3,
				       .cpus = &cpu,
				       .lanes = 1,
				       .buffers = 16384};
	struct cat_err err = {0};
	cat_autonode struct cat_node *plan = rig_plan_make(&shape, &err);
	struct rig *rig = start_with(&shape);
	pid_t pid[3];
	static const char *const name[3] = {"f0", "f1", "f2"};
	for (unsigned i = 0; i < 3; i++)
		pid[i] = rig_start(rig, name[i], getenv("NULL_FUNCTION"), &err);
	expect_message(rig, "running");
	for (unsigned kills = 0; kills < 5; kills++) {
		uint64_t before = rig_counter(rig, NULL, "port.right.tx_packets");
		assert_true(rig_counter_wait(rig, NULL, "port.right.tx_packets", before + 100000, TIMEOUT) >
			    before + 99999);
		// A function that dies while there is no dataplane is replaced like any other.
		if (kills == 3)
			kill(pid[1], SIGKILL);
		if (rig_replace_dataplane(rig, getenv("DATAPLANE"), plan, &err) < 0)
			fail_msg("%s", err.message);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(rig_configure(rig, name[i], "{}", &err), 0);
		if (kills == 3) {
			assert_int_equal(waitpid(pid[1], NULL, 0), pid[1]);
			pid[1] = rig_start(rig, name[1], getenv("NULL_FUNCTION"), &err);
		}
		expect_message(rig, "running");
	}
	uint64_t before = rig_counter(rig, NULL, "port.right.tx_packets");
	assert_true(rig_counter_wait(rig, NULL, "port.right.tx_packets", before + 100000, TIMEOUT) > before + 99999);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(waitpid(pid[i], NULL, WNOHANG), 0);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(rig_counter(rig, NULL, "violations"), 0);
	expect_whole(rig);
	rig_destroy(rig);
}

// Takes packets, gives none back, and lives on.
static void hoards(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_wait(&stub.in[CAT_LEFT], 200);
	cat_ring_release(&stub.in[CAT_LEFT], 200);
	stub_wait(&stub.supply, 10);
	cat_ring_release(&stub.supply, 10);
	_exit(stub_closed(&stub) ? 0 : 1);
}

// Hands on what it was not given.
static void makes_up(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_wait(&stub.in[CAT_LEFT], 200);
	for (unsigned i = 0; i < 20; i++) {
		for (uint32_t k = 0; k < 200; k++)
			*cat_ring_slot(&stub.ret, k) = *cat_ring_slot(&stub.in[CAT_LEFT], k);
		cat_ring_publish(&stub.ret, 200);
		while (atomic_load(&stub.ret.ring->cons) != stub.ret.index)
			sched_yield();
	}
	_exit(stub_closed(&stub) ? 0 : 1);
}

// Writes over everything that a worker shares, and ends.
static void scribbles(const char *path)
{
	struct stub stub;
	stub_run(&stub, path, "null");
	stub_wait(&stub.in[CAT_LEFT], 100);
	struct cat_ring_end *ends[] = {&stub.in[CAT_LEFT],   &stub.in[CAT_RIGHT], &stub.out[CAT_LEFT],
				       &stub.out[CAT_RIGHT], &stub.ret,           &stub.supply};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		memset(ends[i]->ring, 0x5a + (int)i, cat_ring_bytes(ends[i]->mask + 1));
	memset(stub.page, 0x77, sizeof(*stub.page));
}

// What a function kept is named, and taken back when its process is gone. What it wrote over the rings is put right:
// the next process, and the packets of its neighbours, go on.
static void mends_what_a_hostile_function_leaves(void **state)
{
	(void)state;
	static const struct {
		void (*run)(const char *path);
		const char *said; // in the report of the violation; NULL: any, or none
	} cases[] = {{hoards, "keeps"}, {makes_up, "more than it was given"}, {scribbles, NULL}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = start("{\"driver\": \"gen\", \"options\": {\"count\": 5000}}", NULL_PORT, 1);
		pid_t pid = spawn(rig, cases[i].run);
		if (cases[i].said) {
			cat_autonode struct cat_node *body = rig_wait(rig, "function", "violation", TIMEOUT);
			const struct cat_node *message = body ? cat_node_get(body, "message") : NULL;
			if (!message || !strstr(message->string, cases[i].said))
				fail_msg("found \"%s\", expected \"%s\"", message ? message->string : "nothing",
					 cases[i].said);
			kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		expect_event(rig, "lost");
		start_null(rig, "f0");
		expect_event(rig, "running");
		uint64_t sent = rig_counter_wait(rig, NULL, "port.left.rx_packets", 5000, TIMEOUT);
		assert_int_equal(sent, 5000);
		assert_int_equal(drain(rig), 0);
		expect_whole(rig);
		rig_destroy(rig);
	}
}

static void write_capture(const char *path, unsigned flows)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	const uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
	fwrite(header, sizeof(header), 1, f);
	for (unsigned i = 0; i < flows; i++) {
		uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
		frame[26] = 10;
		frame[28] = (uint8_t)(i >> 8);
		frame[29] = (uint8_t)i;
		frame[30] = 10;
		frame[39] = 26; // UDP length
		const uint32_t record[4] = {i, 0, sizeof(frame), sizeof(frame)};
		fwrite(record, sizeof(record), 1, f);
		fwrite(frame, sizeof(frame), 1, f);
	}
	fclose(f);
}

// The flows that a capture holds, each exactly once.
static void check_capture(const char *path, unsigned flows)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint32_t record[4];
	uint8_t frame[2048], *seen = calloc(flows, 1);
	unsigned count = 0;
	fseek(f, 24, SEEK_SET);
	while (fread(record, sizeof(record), 1, f) == 1) {
		assert_true(record[2] <= sizeof(frame));
		assert_int_equal(fread(frame, record[2], 1, f), 1);
		unsigned flow = (unsigned)frame[28] << 8 | frame[29];
		assert_true(flow < flows && !seen[flow]);
		seen[flow] = 1;
		count++;
	}
	assert_int_equal(count, flows);
	free(seen);
	fclose(f);
}

static void carry_capture(unsigned lanes)
{
	enum { FLOWS = 500 };
	char directory[] = "/tmp/catena-pcap-XXXXXX", in[64], out[64], left[128], right[256], none[64];
	assert_non_null(mkdtemp(directory));
	snprintf(in, sizeof(in), "%s/in.pcap", directory);
	snprintf(none, sizeof(none), "%s/none.pcap", directory);
	snprintf(out, sizeof(out), "%s/out.pcap", directory);
	write_capture(in, FLOWS);
	write_capture(none, 0);
	snprintf(left, sizeof(left), "{\"driver\": \"pcap\", \"device\": \"%s\"}", in);
	snprintf(right, sizeof(right), "{\"driver\": \"pcap\", \"device\": \"%s\", \"options\": {\"tx\": \"%s\"}}",
		 none, out);
	static const int cpus[2] = {0, 1};
	struct rig *rig = start_with(&(struct rig_plan){
		.left = left, .right = right, .kinds = kinds, .count = 1, .cpus = cpus, .lanes = lanes});
	start_null(rig, "f0");
	expect_message(rig, "running");
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", FLOWS, TIMEOUT), FLOWS);
	assert_int_equal(rig_counter(rig, "f0", "left.rx_packets"), FLOWS);
	assert_int_equal(drain(rig), 0);
	rig_destroy(rig);
	check_capture(out, FLOWS);
	unlink(in);
	unlink(out);
	unlink(none);
	rmdir(directory);
}

static void capture_in_capture_out(void **state)
{
	(void)state;
	carry_capture(1);
}

// Both captures have one queue, so that half of the packets are handed over, and back.
static void capture_over_two_lanes(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	carry_capture(2);
}

static void generator_over_two_lanes(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	static const int cpus[2] = {0, 1};
	struct rig *rig = start_with(
		&(struct rig_plan){.left = "{\"driver\": \"gen\", \"options\": {\"flows\": 1000, \"count\": 200000}}",
				   .right = NULL_PORT,
				   .kinds = kinds,
				   .count = 2,
				   .cpus = cpus,
				   .lanes = 2});
	start_null(rig, "f0");
	start_null(rig, "f1");
	expect_message(rig, "running");
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", 200000, TIMEOUT), 200000);
	assert_int_equal(rig_counter(rig, "f1", "right.tx_packets"), 200000);
	assert_int_equal(drain(rig), 0);
	rig_destroy(rig);
}

static void port_to_port(void **state)
{
	(void)state;
	struct rig *rig =
		start("{\"driver\": \"gen\", \"options\": {\"count\": 100000, \"flows\": 70000}}", NULL_PORT, 0);
	assert_int_equal(rig_counter_wait(rig, NULL, "port.right.tx_packets", 100000, TIMEOUT), 100000);
	assert_int_equal(drain(rig), 0);
	rig_destroy(rig);
}

int main(void)
{
	if (!getenv("DATAPLANE") || !getenv("NULL_FUNCTION"))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_that_cannot_be_are_refused),
		cmocka_unit_test(manager_may_err),
		cmocka_unit_test(survives_what_functions_say),
		cmocka_unit_test(believes_no_descriptor),
		cmocka_unit_test(goes_on_after_a_death_within_a_burst),
		cmocka_unit_test(no_buffer_is_lost_by_kills),
		cmocka_unit_test(functions_outlive_the_dataplane),
		cmocka_unit_test(mends_what_a_hostile_function_leaves),
		cmocka_unit_test(capture_in_capture_out),
		cmocka_unit_test(capture_over_two_lanes),
		cmocka_unit_test(generator_over_two_lanes),
		cmocka_unit_test(port_to_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
