// SPDX-License-Identifier: BSD-3-Clause
// Taps and daemons: a host on the wire pings the address of a tap in the function's network namespace, through rings,
// worker, punt thread, kernel, control thread and back; and a daemon is started, watched, started again and ended.
//
// The same program is the test and, with --socket, the function under test.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "../unit/sdk/process_rig.h"
#include "cat_csum.h"
#include "cat_daemon.h"

#define SKIP 77
#define TAP_CHANNEL 3u

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 1}, tap_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t host_ip[4] = {192, 0, 2, 1}, tap_ip[4] = {192, 0, 2, 2};

// The function: everything from the left is punted, everything from the tap leaves on the left.

static int config_create(const struct cat_node *config, void **ret_config, struct cat_err *err)
{
	(void)config, (void)err;
	*ret_config = malloc(1);
	return 0;
}

static void process(struct cat_lane *lane, struct cat_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++)
		cat_punt(lane, &burst->desc[i], TAP_CHANNEL);
}

static void inject(struct cat_lane *lane, unsigned channel, const uint8_t *frame, uint32_t length)
{
	struct cat_desc desc;
	if (channel != TAP_CHANNEL || !cat_supply_peek(lane, &desc) || length > lane->stride - desc.off)
		return;
	memcpy(cat_data(lane, &desc), frame, length);
	desc.len = (uint16_t)length;
	cat_emit_supply(lane, &desc, CAT_LEFT);
}

static int control_start(struct cat_vnf *vnf, const void *config, struct cat_err *err)
{
	(void)config;
	struct cat_prefix address[2];
	cat_prefix_parse("192.0.2.2/24", &address[0]);
	cat_prefix_parse("2001:db8::2/64", &address[1]);
	struct cat_tap_options options = {.name = "sdk-tap", .addresses = address, .address_count = 2, .mtu = 1400};
	memcpy(options.mac.byte, tap_mac, sizeof(tap_mac));
	cat_addr_parse("192.0.2.1", &options.gateway4);
	cat_addr_parse("2001:db8::1", &options.gateway6);
	int result = cat_tap_create(vnf, TAP_CHANNEL, &options, err);
	if (result < 0)
		return result;
	// One that ends by itself and is started again, one that stays until the end, one that cannot be run.
	const char *script = "echo $$ >> \"$SDK_TEST_FILE\"; echo a line; exit 3";
	const char *const ends[] = {"/bin/sh", "-c", script, NULL}, *const stays[] = {"/bin/sleep", "1000", NULL},
			  *const absent[] = {"/no/such/program", NULL};
	result = cat_daemon_start(vnf, ends, err);
	if (result >= 0)
		result = cat_daemon_start(vnf, stays, err);
	if (result >= 0)
		result = cat_daemon_start(vnf, absent, err);
	return result < 0 ? result : 0;
}

static const struct cat_vnf_ops tap_ops = {
	.abi = CAT_VNF_ABI,
	.kind = "taptest",
	.config_create = config_create,
	.config_destroy = free,
	.process = process,
	.inject = inject,
	.control_start = control_start,
};

// The test.

static void own_network(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		_exit(126);
}

static void send_frame(struct fixture *f, uint32_t buf, const uint8_t *frame, uint32_t length)
{
	struct cat_desc desc = {.buf = buf, .off = CAT_HEADROOM, .len = (uint16_t)length};
	memcpy((uint8_t *)f->address[REGION] + buf * STRIDE + CAT_HEADROOM, frame, length);
	*cat_ring_slot(&f->left_push, 0) = desc;
	cat_ring_publish(&f->left_push, 1);
	cat_ring_wake(&f->left_push);
}

// The next frame of this EtherType that the function sends to the left; others (the kernel's neighbour discovery) pass
// by.
static const uint8_t *receive_frame(struct fixture *f, uint16_t type)
{
	for (uint64_t deadline = cat_now_ms() + DEADLINE_MS; cat_now_ms() < deadline; sched_yield()) {
		if (!cat_ring_ready(&f->left_pop))
			continue;
		struct cat_desc desc = *cat_ring_slot(&f->left_pop, 0);
		cat_ring_release(&f->left_pop, 1);
		const uint8_t *frame = (uint8_t *)f->address[REGION] + desc.buf * STRIDE + desc.off;
		if (frame[12] == type >> 8 && frame[13] == (type & 0xff))
			return frame;
	}
	fail_msg("no frame of type 0x%04x", type);
	return NULL;
}

static void fill_supply(struct fixture *f)
{
	struct cat_ring_end end;
	cat_ring_attach(&end, f->address[SUPPLY], cat_ring_bytes(SUPPLY_RING), SUPPLY_RING, true);
	for (uint32_t i = 0; i < SUPPLY_RING; i++)
		*cat_ring_slot(&end, i) = (struct cat_desc){.buf = 100 + i};
	cat_ring_publish(&end, SUPPLY_RING);
}

static void ping(struct fixture *f)
{
	uint8_t frame[98] = {0};
	memcpy(frame, tap_mac, 6);
	memcpy(frame + 6, host_mac, 6);
	frame[12] = 8;
	// RFC 791, RFC 792: echo request.
	memcpy(frame + 14, (uint8_t[]){0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1}, 10);
	memcpy(frame + 26, host_ip, 4);
	memcpy(frame + 30, tap_ip, 4);
	uint16_t csum = cat_csum(frame + 14, 20);
	memcpy(frame + 24, &csum, 2);
	frame[34] = 8;
	memcpy(frame + 38, "idsq", 4);
	csum = cat_csum(frame + 34, 64);
	memcpy(frame + 36, &csum, 2);
	send_frame(f, 2, frame, sizeof(frame));
	const uint8_t *reply = receive_frame(f, 0x0800);
	assert_memory_equal(reply + 30, host_ip, 4);
	assert_int_equal(reply[34], 0); // echo reply
	assert_memory_equal(reply + 38, "idsq", 4);
	assert_int_equal(cat_csum(reply + 34, 64), 0);
}

// RFC 826: who has the tap's address?
static void resolve(struct fixture *f)
{
	uint8_t frame[60] = {0};
	memset(frame, 0xff, 6);
	memcpy(frame + 6, host_mac, 6);
	memcpy(frame + 12, (uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 10);
	memcpy(frame + 22, host_mac, 6);
	memcpy(frame + 28, host_ip, 4);
	memcpy(frame + 38, tap_ip, 4);
	send_frame(f, 1, frame, sizeof(frame));
	const uint8_t *reply = receive_frame(f, 0x0806);
	assert_memory_equal(reply, host_mac, 6);
	assert_int_equal(reply[21], 2);
	assert_memory_equal(reply + 22, tap_mac, 6);
	assert_memory_equal(reply + 28, tap_ip, 4);
}

static unsigned lines_of(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned lines = 0;
	for (int c; file && (c = fgetc(file)) != EOF;)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

// Children of the process, by /proc.
static unsigned children_of(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	FILE *file = fopen(path, "r");
	unsigned count = 0;
	for (int child; file && fscanf(file, "%d", &child) == 1;)
		count++;
	if (file)
		fclose(file);
	return count;
}

static void test_tap_and_daemons(void **state)
{
	struct fixture *f = *state;
	char file[64];
	snprintf(file, sizeof(file), "%s/started", f->directory);
	setenv("SDK_TEST_FILE", file, 1);
	fill_supply(f);
	spawn_program(f, "/proc/self/exe", own_network);
	accept_hello(f, "taptest");
	send_attach(f, "{}", 32);
	expect(f, "running");
	resolve(f);
	ping(f);
	for (uint64_t deadline = cat_now_ms() + DEADLINE_MS; lines_of(file) < 3; sched_yield())
		assert_true(cat_now_ms() < deadline);
	assert_true(children_of(f->pid) >= 1);
	const struct cat_stats_page *stats = f->address[STATS];
	assert_true(atomic_load(&stats->lane[0].value[CAT_STAT_PUNTED]) >= 2);
	kill(f->pid, SIGTERM);
	assert_int_equal(end_of(f), 0);
	unlink(file);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return cat_vnf_main(argc, argv, &tap_ops);
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
		fprintf(stderr, "needs root and /dev/net/tun\n");
		return SKIP;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tap_and_daemons, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
