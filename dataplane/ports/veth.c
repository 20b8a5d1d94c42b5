// SPDX-License-Identifier: BSD-3-Clause
// veth: any interface of the kernel, by AF_PACKET. One copy in each direction.
//
// How it works
//
// Receiving: the kernel writes frames into a ring that it shares with us (TPACKET_V2, PACKET_RX_RING), each with a
// virtio header that says what it left undone; we copy them to buffers of the region, put back the VLAN tag that it
// took out, and finish the checksum. One queue, on one lane; packets of other lanes are handed over.
//
// Sending: sendmmsg(2) straight from the region, past the queueing disciplines, on a socket for each lane. A full queue
// on the other side is an error, not a loss: those packets are offered again.
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "cat_log.h"
#include "checksum.h"
#include "offload.h"
#include "port.h"

#define RING_FRAMES 2048u
#define BLOCK_BYTES (64u << 10)
#define FRAME_OVERHEAD 96u // of a slot: its headers, rounded up
#define SEND_BATCH 128u
#define SEND_BUFFER_BYTES (4 << 20)
#define VLAN_TAG 4u
#define MAC_BYTES 12u

struct sender {
	int sock;
	struct mmsghdr message[SEND_BATCH];
	struct iovec data[SEND_BATCH];
};

struct veth {
	int ifindex;
	int sock; // receiving
	uint8_t *ring;
	size_t ring_bytes;
	uint32_t frame_bytes, frames_in_block, blocks;
	uint32_t block, frame; // the next to look at
	struct offload offload;
	struct sender *sender; // by queue
};

static int open_socket(const struct port *port, int ifindex, uint16_t protocol, struct cat_err *err)
{
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return cat_err_errno(err, "packet socket for %s", port->device);
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(protocol), .sll_ifindex = ifindex};
	if (protocol == 0 && bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		cat_err_errno(err, "bind to %s", port->device);
		close(sock);
		return err->code;
	}
	return sock;
}

static int set_option(int sock, int option, int value, const char *what, struct cat_err *err)
{
	if (setsockopt(sock, SOL_PACKET, option, &value, sizeof(value)) < 0)
		return cat_err_errno(err, "%s", what);
	return 0;
}

static int open_ring(struct port *port, struct veth *v, struct cat_err *err)
{
	uint32_t room = port->region->stride - port->region->headroom;
	v->frame_bytes = (FRAME_OVERHEAD + room + CAT_CACHE_LINE - 1) / CAT_CACHE_LINE * CAT_CACHE_LINE;
	v->frames_in_block = BLOCK_BYTES / v->frame_bytes;
	v->blocks = (RING_FRAMES + v->frames_in_block - 1) / v->frames_in_block;
	struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = v->blocks,
		.tp_frame_size = v->frame_bytes,
		.tp_frame_nr = v->blocks * v->frames_in_block,
	};
	if (setsockopt(v->sock, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return cat_err_errno(err, "receive ring of %u frames of %u bytes", request.tp_frame_nr, v->frame_bytes);
	v->ring_bytes = (size_t)v->blocks * BLOCK_BYTES;
	void *ring = mmap(NULL, v->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->sock, 0);
	if (ring == MAP_FAILED)
		return cat_err_errno(err, "mapping the receive ring");
	v->ring = ring;
	return 0;
}

static int open_receiver(struct port *port, struct veth *v, struct cat_err *err)
{
	v->sock = open_socket(port, v->ifindex, ETH_P_ALL, err);
	if (v->sock < 0)
		return v->sock;
	int r = set_option(v->sock, PACKET_VERSION, TPACKET_V2, "TPACKET_V2", err);
	if (r == 0)
		r = set_option(v->sock, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR", err);
	if (r == 0)
		r = set_option(v->sock, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING", err);
	if (r == 0)
		r = open_ring(port, v, err);
	if (r < 0)
		return r;
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(ETH_P_ALL), .sll_ifindex = v->ifindex};
	if (bind(v->sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return cat_err_errno(err, "bind");
	struct packet_mreq all = {.mr_ifindex = v->ifindex, .mr_type = PACKET_MR_PROMISC};
	if (setsockopt(v->sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return cat_err_errno(err, "promiscuous mode");
	return 0;
}

static int open_sender(struct port *port, struct veth *v, struct sender *s, struct cat_err *err)
{
	s->sock = open_socket(port, v->ifindex, 0, err);
	if (s->sock < 0)
		return s->sock;
	int r = set_option(s->sock, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS", err);
	int bytes = SEND_BUFFER_BYTES;
	// As much as the administrator lets us have.
	if (setsockopt(s->sock, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(s->sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	for (uint32_t i = 0; i < SEND_BATCH; i++)
		s->message[i].msg_hdr = (struct msghdr){.msg_iov = &s->data[i], .msg_iovlen = 1};
	return r;
}

static void veth_close(struct port *port)
{
	struct veth *v = port->priv;
	if (!v)
		return;
	for (uint32_t i = 0; v->sender && i < port->lanes; i++)
		if (v->sender[i].sock >= 0)
			close(v->sender[i].sock);
	if (v->ring)
		munmap(v->ring, v->ring_bytes);
	if (v->sock >= 0)
		close(v->sock);
	offload_restore(port->device, &v->offload);
	free(v->sender);
	free(v);
	port->priv = NULL;
}

static bool veth_link_up(struct port *port)
{
	const struct veth *v = port->priv;
	struct ifreq request = {0};
	strncpy(request.ifr_name, port->device, sizeof(request.ifr_name) - 1);
	return ioctl(v->sock, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) &&
	       (request.ifr_flags & IFF_RUNNING);
}

static int veth_open(struct port *port, const struct cat_node *options, struct cat_err *err)
{
	(void)options;
	unsigned ifindex = if_nametoindex(port->device);
	if (!ifindex)
		return cat_err_set(err, -ENODEV, "there is no interface \"%s\" in this network namespace",
				   port->device);
	struct veth *v = calloc(1, sizeof(*v));
	if (!v)
		return cat_err_set(err, -ENOMEM, "no memory");
	port->priv = v;
	port->tx_queues = port->lanes;
	v->ifindex = (int)ifindex;
	v->sock = -1;
	v->offload = (struct offload){.program = -1, .link = -1};
	v->sender = calloc(port->lanes, sizeof(*v->sender));
	if (!v->sender) {
		veth_close(port);
		return cat_err_set(err, -ENOMEM, "no memory");
	}
	for (uint32_t i = 0; i < port->lanes; i++)
		v->sender[i].sock = -1;
	offload_stop(port->device, v->ifindex, &v->offload);
	int r = open_receiver(port, v, err);
	for (uint32_t i = 0; r == 0 && i < port->lanes; i++)
		r = open_sender(port, v, &v->sender[i], err);
	if (r < 0)
		veth_close(port);
	else if (!veth_link_up(port))
		cat_warn("port %s: interface %s is down", port->name, port->device);
	return r;
}

static inline struct tpacket2_hdr *current(const struct veth *v)
{
	return (struct tpacket2_hdr *)(v->ring + (size_t)v->block * BLOCK_BYTES + (size_t)v->frame * v->frame_bytes);
}

static inline void advance(struct veth *v)
{
	if (++v->frame < v->frames_in_block)
		return;
	v->frame = 0;
	if (++v->block == v->blocks)
		v->block = 0;
}

// Copies a frame to a buffer and completes it. Returns 0, or why it is dropped.
static enum dataplane_stat take_frame(const struct tpacket2_hdr *header, uint32_t room, uint8_t *to, uint16_t *ret_len)
{
	const uint8_t *frame = (const uint8_t *)header + header->tp_mac;
	struct virtio_net_hdr todo;
	memcpy(&todo, frame - sizeof(todo), sizeof(todo));
	uint32_t tag = header->tp_status & TP_STATUS_VLAN_VALID ? VLAN_TAG : 0, len = header->tp_len;
	if (todo.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return DROP_SEGMENTED;
	if (len > header->tp_snaplen || len + tag > room || len < MAC_BYTES)
		return DROP_OVERSIZE;
	if (tag) {
		uint16_t tpid = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : ETH_P_8021Q;
		uint8_t bytes[VLAN_TAG] = {(uint8_t)(tpid >> 8), (uint8_t)tpid, (uint8_t)(header->tp_vlan_tci >> 8),
					   (uint8_t)header->tp_vlan_tci};
		memcpy(to, frame, MAC_BYTES);
		memcpy(to + MAC_BYTES, bytes, VLAN_TAG);
		memcpy(to + MAC_BYTES + VLAN_TAG, frame + MAC_BYTES, len - MAC_BYTES);
	} else {
		memcpy(to, frame, len);
	}
	*ret_len = (uint16_t)(len + tag);
	if (todo.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		checksum_finish(to, *ret_len, todo.csum_start + tag, todo.csum_offset);
	return 0;
}
static_assert(DROP_SEGMENTED != 0 && DROP_OVERSIZE != 0, "0 stands for none");

static uint32_t veth_receive(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			     uint32_t max)
{
	(void)queue;
	struct veth *v = port->priv;
	struct region *region = io->region;
	uint32_t n = 0, room = region->stride - region->headroom;
	// Without free buffers frames stay where they are, until the kernel's ring is full.
	max = free_stack_reserve(io->free, max);
	while (n < max) {
		struct tpacket2_hdr *header = current(v);
		if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		struct cat_desc *desc = &ret_desc[n];
		*desc = (struct cat_desc){.buf = free_stack_pop(io->free), .off = (uint16_t)region->headroom};
		enum dataplane_stat reason =
			take_frame(header, room, region_buffer(region, desc->buf) + desc->off, &desc->len);
		__atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		advance(v);
		if (__builtin_expect(reason != 0, 0)) {
			cat_stats_add(io->stats, reason, 1);
			free_stack_push(io->free, desc->buf);
			continue;
		}
		n++;
	}
	return n;
}

// What to do about a packet that the kernel did not take: 0, offer it again, or why it is dropped.
static enum dataplane_stat refusal(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case EINTR:
		return 0;
	case EMSGSIZE:
		return DROP_OVERSIZE;
	default:
		return DROP_LINK_DOWN;
	}
}

static uint32_t veth_transmit(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
			      uint32_t count)
{
	struct veth *v = port->priv;
	struct sender *s = &v->sender[queue];
	uint32_t done = 0, packets = 0;
	uint64_t bytes = 0;
	while (done < count) {
		uint32_t batch = count - done < SEND_BATCH ? count - done : SEND_BATCH;
		for (uint32_t i = 0; i < batch; i++) {
			const struct cat_desc *d = &desc[done + i];
			s->data[i] = (struct iovec){region_buffer(io->region, d->buf) + d->off, d->len};
		}
		int sent = sendmmsg(s->sock, s->message, batch, MSG_DONTWAIT);
		enum dataplane_stat reason = sent < 0 ? refusal(errno) : 0;
		if (sent < 0 && !reason)
			break;
		for (int i = 0; i < sent; i++) {
			bytes += desc[done].len;
			free_stack_push(io->free, desc[done++].buf);
			packets++;
		}
		if (reason) {
			cat_stats_add(io->stats, reason, 1);
			free_stack_push(io->free, desc[done++].buf);
		}
	}
	port_count(port, io, PORT_TX_PACKETS, packets);
	port_count(port, io, PORT_TX_BYTES, bytes);
	return done;
}

static int veth_wait_fd(struct port *port, uint32_t queue)
{
	(void)queue;
	return ((struct veth *)port->priv)->sock;
}

static void veth_housekeep(struct port *port, uint32_t queue, struct port_io *io)
{
	(void)queue;
	struct veth *v = port->priv;
	struct tpacket_stats lost;
	socklen_t size = sizeof(lost);
	if (getsockopt(v->sock, SOL_PACKET, PACKET_STATISTICS, &lost, &size) == 0)
		port_count(port, io, PORT_RX_MISSED, lost.tp_drops);
	// An interface that went down leaves an error behind, which would end every wait at once.
	int error;
	size = sizeof(error);
	getsockopt(v->sock, SOL_SOCKET, SO_ERROR, &error, &size);
}

static bool veth_replaced(const struct port *port)
{
	const struct veth *v = port->priv;
	unsigned now = if_nametoindex(port->device);
	return now != 0 && now != (unsigned)v->ifindex;
}

static int veth_capability(const struct port *port)
{
	const struct veth *v = port->priv;
	return v->offload.restore_gro || v->offload.restore_lro ? CAP_NET_ADMIN : -1;
}

const struct port_driver port_veth = {
	.name = "veth",
	.open = veth_open,
	.close = veth_close,
	.receive = veth_receive,
	.transmit = veth_transmit,
	.link_up = veth_link_up,
	.wait_fd = veth_wait_fd,
	.housekeep = veth_housekeep,
	.capability = veth_capability,
	.replaced = veth_replaced,
};
