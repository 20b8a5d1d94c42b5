// SPDX-License-Identifier: BSD-3-Clause
// Frames from both sides through the router. The input is a row of records: a byte of control (bit 0: the side; bit 1:
// the router's MAC is put in front; the rest: tenths of a second that pass before), a length in two bytes, the frame.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_lane_local.h"
#include "cat_router.h"
#include "fuzz.h"

#define FRAME_MAX 1600u

static const char config[] =
	"{\"left\": {\"mac\": \"02:00:00:00:00:0a\", \"mtu\": 1280, \"addresses\": [\"10.0.0.1/24\", "
	"\"2001:db8:1::1/64\", \"fe80::a/64\"]},"
	" \"right\": {\"mac\": \"02:00:00:00:00:0b\", \"addresses\": [\"192.0.2.1/24\", \"2001:db8:2::1/64\", "
	"\"fe80::b/64\"]},"
	" \"urpf\": {\"left\": \"loose\"}, \"proxy_arp\": [\"right\"], \"vrrp\": [{\"side\": \"left\", \"id\": 7, "
	"\"addresses\": [\"10.0.0.254\"], \"accept\": true}],"
	" \"routes\": [{\"prefix\": \"0.0.0.0/0\", \"via\": [\"192.0.2.2\", \"192.0.2.3\"]}, {\"prefix\": "
	"\"198.51.100.0/24\", \"dev\": \"left\"},"
	" {\"prefix\": \"198.18.0.0/15\", \"unreachable\": true}, {\"prefix\": \"::/0\", \"via\": \"2001:db8:2::2\"}]}";
static const uint8_t virtual_mac[6] = {0, 0, 0x5e, 0, 1, 7}; // on the left
static const uint8_t mac[CAT_SIDES][6] = {{2, 0, 0, 0, 0, 0x0a}, {2, 0, 0, 0, 0, 0x0b}};

static void check(bool sound, const char *what)
{
	if (!sound) {
		fprintf(stderr, "router: %s\n", what);
		abort();
	}
}

static void drain(struct cat_lane_local *router)
{
	uint8_t out[FRAME_MAX + 128];
	for (unsigned side = 0; side < CAT_SIDES; side++) {
		int size;
		while ((size = cat_lane_local_pop(router, (enum cat_side)side, out, sizeof(out), NULL)) >= 0)
			check(size >= 14 && (memcmp(out + 6, mac[side], 6) == 0 ||
					     (side == CAT_LEFT && memcmp(out + 6, virtual_mac, 6) == 0)),
			      "a frame left that is not the router's");
	}
	check(cat_lane_local_missing(router) == 0, "a buffer is missing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cat_lane_local_options options = {.buffers = 512, .ring = 128, .state_bytes = 1 << 20};
	struct cat_err err = {0};
	struct cat_lane_local *router = cat_lane_local_create(&cat_router_ops, config, &options, &err);
	check(router != NULL, err.message);
	while (size >= 3) {
		uint8_t control = data[0], frame[FRAME_MAX];
		uint32_t length = (uint32_t)data[1] | (uint32_t)data[2] << 8;
		enum cat_side from = (enum cat_side)(control & 1);
		data += 3;
		size -= 3;
		length = length < FRAME_MAX ? length : FRAME_MAX;
		length = length < size ? length : (uint32_t)size;
		memcpy(frame, data, length);
		if ((control & 2) && length >= 6)
			memcpy(frame, mac[from], 6);
		if (control >> 2)
			cat_lane_local_advance(router, (uint64_t)(control >> 2) * 100000);
		const void *frames[1] = {frame};
		check(cat_lane_local_push(router, from, frames, &length, 1) == 0, "a frame was not taken");
		drain(router);
		data += length;
		size -= length;
	}
	cat_lane_local_advance(router, 5000000);
	drain(router);
	cat_lane_local_destroy(router);
	return 0;
}
