// SPDX-License-Identifier: BSD-3-Clause
// How it works
//
// A veth hands over what its peer sends as it is: with segmentation offload that is up to 64 KiB in one piece, which
// fits no buffer. While a native XDP program is attached, veth clears its peer's GSO features, so that the peer's stack
// segments before it sends. The program lets every packet pass. It hangs on a descriptor (a BPF link), and goes when we
// go.
//
// The kernel switches GRO on together with XDP, which would glue the segments together again: hence that is switched
// off after it. Where GRO was off before, it is off again once the program is gone.
#include "offload.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_log.h"

#define BUSY_TRIES 100u
#define BUSY_PAUSE_NS 10000000L

static int bpf(enum bpf_cmd command, union bpf_attr *attr, unsigned size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static int load_pass_program(uint32_t flags)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {0};
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = CAT_ARRAY_LEN(program);
	attr.license = (uintptr_t) "BSD";
	attr.prog_flags = flags;
	strcpy(attr.prog_name, "catena_pass");
	return bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int try_attach(int program, int ifindex)
{
	union bpf_attr attr = {0};
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = (uint32_t)ifindex;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_DRV_MODE;
	return bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

// The kernel lets go of a predecessor's program only a while after its descriptor was closed.
static int attach_program(int program, int ifindex)
{
	int link = try_attach(program, ifindex);
	for (unsigned i = 0; link < 0 && errno == EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&(struct timespec){.tv_nsec = BUSY_PAUSE_NS}, NULL);
		link = try_attach(program, ifindex);
	}
	return link;
}

static void detach_program(int link)
{
	union bpf_attr attr = {0};
	attr.link_detach.link_fd = (uint32_t)link;
	bpf(BPF_LINK_DETACH, &attr, sizeof(attr));
	close(link);
}

// First as a program that takes packets of several pages (jumbo frames), then as older kernels know it.
static void attach_xdp(const char *interface, int ifindex, struct offload *o)
{
	static const uint32_t flags[] = {BPF_F_XDP_HAS_FRAGS, 0};
	for (size_t i = 0; i < CAT_ARRAY_LEN(flags); i++) {
		o->program = load_pass_program(flags[i]);
		if (o->program < 0)
			continue;
		o->link = attach_program(o->program, ifindex);
		if (o->link >= 0)
			return;
		int saved = errno;
		close(o->program);
		o->program = -1;
		errno = saved;
	}
	cat_info("interface %s: no native XDP (%s); packets that the sender leaves to be segmented will be dropped",
		 interface, strerror(errno));
}

// Value of an ETHTOOL_G... command, or -1.
static int64_t ethtool_get(int sock, const char *interface, uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq request = {.ifr_data = (void *)&value};
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	return ioctl(sock, SIOCETHTOOL, &request) < 0 ? -1 : (int64_t)value.data;
}

static bool ethtool_set(int sock, const char *interface, uint32_t command, uint32_t data)
{
	struct ethtool_value value = {.cmd = command, .data = data};
	struct ifreq request = {.ifr_data = (void *)&value};
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	return ioctl(sock, SIOCETHTOOL, &request) == 0;
}

void offload_stop(const char *interface, int ifindex, struct offload *o)
{
	*o = (struct offload){.program = -1, .link = -1};
	cat_autofd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int64_t gro = ethtool_get(sock, interface, ETHTOOL_GGRO), flags = ethtool_get(sock, interface, ETHTOOL_GFLAGS);
	attach_xdp(interface, ifindex, o);
	if (!ethtool_set(sock, interface, ETHTOOL_SGRO, 0))
		cat_info("interface %s: GRO stays on: %s", interface, strerror(errno));
	else
		o->restore_gro = gro > 0;
	if (flags > 0 && (flags & ETH_FLAG_LRO))
		o->restore_lro =
			ethtool_set(sock, interface, ETHTOOL_SFLAGS, (uint32_t)flags & ~(uint32_t)ETH_FLAG_LRO);
}

void offload_restore(const char *interface, struct offload *o)
{
	if (o->link >= 0)
		detach_program(o->link);
	if (o->program >= 0)
		close(o->program);
	o->link = o->program = -1;
	if (!o->restore_gro && !o->restore_lro)
		return;
	cat_autofd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int64_t flags = ethtool_get(sock, interface, ETHTOOL_GFLAGS);
	if (o->restore_gro && !ethtool_set(sock, interface, ETHTOOL_SGRO, 1))
		cat_warn("interface %s: GRO not switched on again: %s", interface, strerror(errno));
	if (o->restore_lro && flags >= 0)
		ethtool_set(sock, interface, ETHTOOL_SFLAGS, (uint32_t)flags | ETH_FLAG_LRO);
}
