// SPDX-License-Identifier: BSD-3-Clause
// Frames for tests, built from pieces.
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H

#include <stdint.h>
#include <string.h>

#define FRAME_MAX 512

struct frame {
	uint8_t data[FRAME_MAX];
	uint16_t len;
};

static inline void frame_put(struct frame *f, const void *data, size_t size)
{
	memcpy(f->data + f->len, data, size);
	f->len = (uint16_t)(f->len + size);
}

static inline void frame_put8(struct frame *f, uint8_t v)
{
	frame_put(f, &v, 1);
}

static inline void frame_put16(struct frame *f, uint16_t v)
{
	frame_put8(f, (uint8_t)(v >> 8));
	frame_put8(f, (uint8_t)v);
}

static inline void frame_put32(struct frame *f, uint32_t v)
{
	frame_put16(f, (uint16_t)(v >> 16));
	frame_put16(f, (uint16_t)v);
}

static inline void frame_fill(struct frame *f, size_t size)
{
	memset(f->data + f->len, 0xa5, size);
	f->len = (uint16_t)(f->len + size);
}

// MAC addresses without the type.
static inline void frame_macs(struct frame *f)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	frame_put(f, macs, sizeof(macs));
}

struct ipv4 {
	uint8_t version_ihl; // 0: 0x45
	uint16_t total;      // 0: as given to frame_ipv4
	uint16_t fragment;
	uint8_t protocol;
	uint32_t src, dst;
};

static inline void frame_ipv4(struct frame *f, struct ipv4 ip, uint16_t payload)
{
	uint8_t vi = ip.version_ihl ? ip.version_ihl : 0x45;
	frame_put8(f, vi);
	frame_put8(f, 0);
	frame_put16(f, ip.total ? ip.total : (uint16_t)((vi & 15) * 4 + payload));
	frame_put16(f, 7);
	frame_put16(f, ip.fragment);
	frame_put8(f, 64);
	frame_put8(f, ip.protocol);
	frame_put16(f, 0);
	frame_put32(f, ip.src ? ip.src : 0x0a000001);
	frame_put32(f, ip.dst ? ip.dst : 0x0a000002);
	for (unsigned i = 5; i < (vi & 15u); i++)
		frame_put32(f, 0x01010101);
}

static inline void frame_ipv6(struct frame *f, uint8_t next, uint16_t payload)
{
	frame_put32(f, 0x60000000);
	frame_put16(f, payload);
	frame_put8(f, next);
	frame_put8(f, 64);
	for (unsigned end = 1; end <= 2; end++) {
		frame_put32(f, 0x20010db8);
		frame_put32(f, 0);
		frame_put32(f, 0);
		frame_put32(f, end);
	}
}

static inline void frame_udp(struct frame *f, uint16_t sport, uint16_t dport, uint16_t payload)
{
	frame_put16(f, sport);
	frame_put16(f, dport);
	frame_put16(f, (uint16_t)(8 + payload));
	frame_put16(f, 0);
	frame_fill(f, payload);
}

static inline void frame_tcp(struct frame *f, uint16_t sport, uint16_t dport, uint8_t offset_words)
{
	frame_put16(f, sport);
	frame_put16(f, dport);
	frame_put32(f, 1);
	frame_put32(f, 2);
	frame_put8(f, (uint8_t)(offset_words << 4));
	frame_put8(f, 2);
	frame_put16(f, 1000);
	frame_put32(f, 0);
}

#endif
