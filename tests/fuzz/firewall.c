// SPDX-License-Identifier: BSD-3-Clause
// Frames from both sides through the firewall. The input is a row of records: a byte of control (bit 0: the side; the
// rest: tenths of a second that pass before), a length in two bytes, the frame.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_eal.h"
#include "cat_firewall.h"
#include "cat_lane_local.h"
#include "fuzz.h"

#define FRAME_MAX 1600u
#define FORGET_US 8000000000u // longer than any timeout

static const char config[] =
	"{\"max_connections\": 8, \"reject_rate\": 1000, \"rules\": ["
	"{\"name\": \"no\", \"protocol\": \"udp\", \"source_ports\": \"0-1023\", \"action\": \"reject\"},"
	"{\"name\": \"free\", \"protocol\": \"icmp\", \"icmp_type\": [3, 9], \"track\": false, \"action\": \"accept\"},"
	"{\"name\": \"out\", \"from\": \"left\", \"action\": \"accept\"},"
	"{\"name\": \"in\", \"protocol\": \"tcp\", \"destination_ports\": 80, \"action\": \"accept\"},"
	"{\"name\": \"rst\", \"protocol\": \"tcp\", \"action\": \"reject\"}]}";

static void check(bool sound, const char *what)
{
	if (!sound) {
		fprintf(stderr, "firewall: %s\n", what);
		abort();
	}
}

static void send_frame(struct cat_lane_local *fw, enum cat_side from, const uint8_t *frame, uint32_t length)
{
	uint8_t out[FRAME_MAX];
	const void *frames[1] = {frame};
	check(cat_lane_local_push(fw, from, frames, &length, 1) == 0, "a frame was not taken");
	int size = cat_lane_local_pop(fw, from == CAT_LEFT ? CAT_RIGHT : CAT_LEFT, out, sizeof(out), NULL);
	check(size < 0 || ((uint32_t)size <= length && memcmp(out, frame, (size_t)size) == 0), "a frame was changed");
	// An answer to what was rejected; fragments that waited for this one.
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		while (cat_lane_local_pop(fw, (enum cat_side)side, out, sizeof(out), NULL) >= 0)
			;
	}
	check(cat_lane_local_missing(fw) == 0, "a buffer is missing");
}

// Made once, because compiling the rules takes longer than most inputs. Between inputs everything is forgotten.
static struct cat_lane_local *make_firewall(void)
{
	const struct cat_lane_local_options options = {.buffers = 1024, .ring = 64, .state_bytes = 1 << 18};
	struct cat_err err = {0};
	check(cat_eal_init_for_tests() == 0, "no EAL");
	struct cat_lane_local *fw = cat_lane_local_create(&cat_firewall_ops, config, &options, &err);
	check(fw != NULL, err.message);
	return fw;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cat_lane_local *fw;
	if (!fw)
		fw = make_firewall();
	while (size >= 3) {
		uint8_t control = data[0];
		uint32_t length = (uint32_t)data[1] | (uint32_t)data[2] << 8;
		data += 3;
		size -= 3;
		length = length < FRAME_MAX ? length : FRAME_MAX;
		length = length < size ? length : (uint32_t)size;
		if (control >> 1)
			cat_lane_local_advance(fw, (uint64_t)(control >> 1) * 100000);
		send_frame(fw, (enum cat_side)(control & 1), data, length);
		data += length;
		size -= length;
	}
	cat_lane_local_advance(fw, FORGET_US);
	check(cat_lane_local_counter(fw, "gauge.connections") == 0, "a connection was not forgotten");
	return 0;
}
