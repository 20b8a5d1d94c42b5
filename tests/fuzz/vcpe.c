// SPDX-License-Identifier: BSD-3-Clause
// Frames from both sides, and from the container's kernel, through the vCPE. The input is a row of records: a byte of
// control (the lowest two bits: LAN, WAN, kernel, WAN as if it were for us; the rest: tenths of a second that pass
// before), a length in two bytes, the frame. Header checksums are mended, so that what is behind them is reached.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_csum.h"
#include "cat_lane_local.h"
#include "cat_vcpe.h"
#include "fuzz.h"

#define FRAME_MAX 1600u
#define FORGET_US UINT64_C(8000000000) // longer than any timeout

enum from { FROM_LAN, FROM_WAN, FROM_KERNEL, FROM_WAN_TO_US };

static const char config[] =
	"{\"lan\": {\"address\": \"192.168.1.1/24\", \"address6\": \"2001:db8:1::1/64\", \"mac\": "
	"\"02:00:00:00:01:01\"},"
	"\"wan\": {\"address\": \"10.0.0.2/30\", \"gateway\": \"10.0.0.1\", \"address6\": \"2001:db8:0:1::2/64\","
	"\"gateway6\": \"2001:db8:0:1::1\", \"mac\": \"02:00:00:00:02:01\", \"mtu\": 1400},"
	"\"nat\": {\"pool\": [\"198.51.100.1\", \"10.0.0.2\"], \"filtering\": \"endpoint-independent\", \"quota\": 8,"
	"\"ports\": \"5000-5015\", \"forward\": [{\"protocol\": \"tcp\", \"port\": 80, \"to\": \"192.168.1.10\"},"
	"{\"protocol\": \"udp\", \"port\": 53, \"to\": \"192.168.1.11\"}]},"
	"\"dhcp\": {\"range\": [\"192.168.1.100\", \"192.168.1.199\"]}, \"dns\": {\"servers\": [\"203.0.113.9\"]},"
	"\"policing\": {\"subscriber\": {\"cir_kbps\": 1000, \"cbs_bytes\": 2000, \"pir_kbps\": 2000, \"pbs_bytes\": "
	"4000,"
	"\"dscp_yellow\": 10}}}";

static void check(bool sound, const char *what)
{
	if (!sound) {
		fprintf(stderr, "vcpe: %s\n", what);
		abort();
	}
}

static void mend(uint8_t *frame, uint32_t length)
{
	uint8_t *ip = frame + 14;
	uint32_t header = length > 34 && frame[12] == 8 && frame[13] == 0 ? (ip[0] & 15u) * 4 : 0;
	if (header < 20 || header + 14 > length)
		return;
	memset(ip + 10, 0, 2);
	uint16_t csum = cat_csum(ip, header);
	memcpy(ip + 10, &csum, 2);
}

static void drain(struct cat_lane_local *cpe)
{
	uint8_t out[4096];
	unsigned channel;
	for (int side = 0; side < CAT_SIDES; side++)
		while (cat_lane_local_pop(cpe, (enum cat_side)side, out, sizeof(out), NULL) >= 0)
			;
	while (cat_lane_local_pop_punt(cpe, &channel, out, sizeof(out)) >= 0)
		;
	check(cat_lane_local_missing(cpe) == 0, "a buffer is missing");
}

static void give(struct cat_lane_local *cpe, enum from from, uint8_t *frame, uint32_t length)
{
	static const uint8_t lan[6] = {2, 0, 0, 0, 1, 1}, wan[6] = {2, 0, 0, 0, 2, 1};
	const void *frames[1] = {frame};
	mend(frame, length);
	if (from == FROM_KERNEL) {
		cat_lane_local_inject(cpe, 0, frame, length);
	} else {
		// A frame for another station is no more than a counter: half of them are made ours.
		if (from == FROM_WAN_TO_US && length >= 6)
			memcpy(frame, wan, 6);
		else if (from == FROM_LAN && length >= 6 && !(frame[0] & 1))
			memcpy(frame, lan, 6);
		check(cat_lane_local_push(cpe, from == FROM_LAN ? CAT_LEFT : CAT_RIGHT, frames, &length, 1) == 0,
		      "a frame was not taken");
	}
	drain(cpe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// Made once; between inputs everything is forgotten.
	static struct cat_lane_local *cpe;
	const struct cat_lane_local_options options = {.buffers = 1024, .ring = 256, .state_bytes = 2 << 20};
	struct cat_err err = {0};
	if (!cpe)
		cpe = cat_lane_local_create(&cat_vcpe_ops, config, &options, &err);
	check(cpe != NULL, err.message);
	while (size >= 3) {
		uint8_t control = data[0], frame[FRAME_MAX];
		uint32_t length = (uint32_t)data[1] | (uint32_t)data[2] << 8;
		data += 3;
		size -= 3;
		length = length < FRAME_MAX ? length : FRAME_MAX;
		length = length < size ? length : (uint32_t)size;
		if (control >> 2)
			cat_lane_local_advance(cpe, (uint64_t)(control >> 2) * 100000);
		memcpy(frame, data, length);
		give(cpe, (enum from)(control & 3), frame, length);
		data += length;
		size -= length;
	}
	for (unsigned i = 0; i < 2; i++)
		cat_lane_local_advance(cpe, FORGET_US);
	drain(cpe);
	check(cat_lane_local_counter(cpe, "gauge.sessions") == 0, "a session was not forgotten");
	check(cat_lane_local_counter(cpe, "gauge.mappings") == 0, "a mapping was not forgotten");
	check(cat_lane_local_counter(cpe, "gauge.subscribers") == 0, "a subscriber was not forgotten");
	return 0;
}
