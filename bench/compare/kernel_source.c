// SPDX-License-Identifier: BSD-3-Clause
// A packet source for the kernel's network stack that does not limit it: frames made in the kernel in batches, as
// xdp-trafficgen does it (BPF_PROG_TEST_RUN with live frames). They enter the stack as if they had been received on the
// loopback interface of the network namespace that this program runs in; no socket, no system call per packet.
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAME_MAX 1514u
#define BATCH 64u
#define REPEAT (1u << 16)
// Words of 4 bytes that are written: Ethernet, IPv4, UDP and 2 bytes of data.
#define WORDS 11

// The XDP program: writes the frame's headers anew and passes the frame to the stack. The kernel uses a frame's memory
// again once the stack has dropped it, with what forwarding and translation have made of the addresses.
static int load_program(const uint8_t *frame)
{
	struct bpf_insn program[WORDS + 7] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct xdp_md, data)},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_3,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct xdp_md, data_end)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_4, .src_reg = BPF_REG_2},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_4, .imm = WORDS * 4},
		{.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = BPF_REG_4, .src_reg = BPF_REG_3, .off = WORDS},
	};
	uint32_t n = 5;
	for (uint32_t i = 0; i < WORDS; i++) {
		struct bpf_insn store = {
			.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .off = (int16_t)(i * 4)};
		memcpy(&store.imm, frame + i * 4, 4);
		program[n++] = store;
	}
	program[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS};
	program[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = n;
	attr.license = (uint64_t)(uintptr_t) "BSD";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

// Sends REPEAT frames. Returns 0 or -errno.
static int send_frames(int program, const uint8_t *frame, uint32_t length)
{
	struct xdp_md context = {.data_end = length};
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)program;
	attr.test.data_in = (uint64_t)(uintptr_t)frame;
	attr.test.data_size_in = length;
	attr.test.ctx_in = (uint64_t)(uintptr_t)&context;
	attr.test.ctx_size_in = sizeof(context);
	attr.test.repeat = REPEAT;
	attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	attr.test.batch_size = BATCH;
	return syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	uint8_t frame[FRAME_MAX];
	if (argc != 1) {
		fprintf(stderr, "usage: %s <FRAME\n\nSends a frame again and again, until it is killed.\n", argv[0]);
		return 2;
	}
	size_t length = fread(frame, 1, sizeof(frame), stdin);
	int program = length >= 60 ? load_program(frame) : -1;
	if (program < 0) {
		fprintf(stderr, "%s: %s\n", argv[0],
			length >= 60 ? strerror(errno) : "a frame of 60 bytes or more is expected");
		return 1;
	}
	for (;;) {
		int error = send_frames(program, frame, (uint32_t)length);
		if (error && error != -EINTR) {
			fprintf(stderr, "%s: live frames: %s (Linux 5.18 or later is needed)\n", argv[0],
				strerror(-error));
			return 1;
		}
	}
}
