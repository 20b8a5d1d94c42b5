// SPDX-License-Identifier: BSD-3-Clause
// tap, memif, vhost, pcap, pci: what DPDK has drivers for. They receive straight into the region, because their mbufs'
// data is there, and send from it; a lane turns mbufs to indices and back. Where the device copies (all but pci), its
// driver does.
#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

#include "cat_log.h"
#include "ethdev_args.h"
#include "ethdev_rss.h"
#include "port.h"

#define DESCRIPTORS 1024u
#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 2 * RTE_VLAN_HLEN)
#define NIC_BUFFER_MIN 2048u // many NICs count receive buffers in KiB

struct ethdev {
	struct ethdev_args args;
	uint16_t id;
	bool made, started;
	uint64_t missed; // as last read from the device
	struct rte_mbuf *mbuf[CAT_LANES_MAX][CAT_BURST_MAX];
};

static int fail(struct cat_err *err, int code, const char *what)
{
	return cat_err_set(err, code < 0 ? code : -EIO, "%s: %s", what, rte_strerror(code < 0 ? -code : EIO));
}

static int set_up_queues(struct port *port, struct ethdev *e, const struct rte_eth_dev_info *info, struct cat_err *err)
{
	struct ethdev_queues queues;
	struct rte_eth_conf conf = {.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE};
	uint32_t room = port->region->stride - port->region->headroom;
	conf.rxmode.mtu = e->args.mtu ? e->args.mtu : RTE_ETHER_MTU;
	if (conf.rxmode.mtu + FRAME_OVERHEAD > room)
		return cat_err_set(err, -EINVAL, "an MTU of %u needs buffers of %u bytes, found %u", conf.rxmode.mtu,
				   conf.rxmode.mtu + FRAME_OVERHEAD, room);
	ethdev_queues_choose(info, port->lanes, !strcmp(e->args.bus, "pci"), &queues);
	port->rx_queues = queues.rx;
	port->tx_queues = queues.tx;
	if (queues.hash) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = queues.hash;
		conf.rx_adv_conf.rss_conf.rss_key = queues.key_size ? queues.key : NULL;
		conf.rx_adv_conf.rss_conf.rss_key_len = queues.key_size;
	}
	int r = rte_eth_dev_configure(e->id, (uint16_t)port->rx_queues, (uint16_t)port->tx_queues, &conf);
	if (r < 0)
		return fail(err, r, "configuration");
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	r = rte_eth_dev_adjust_nb_rx_tx_desc(e->id, &rx, &tx);
	int socket = rte_eth_dev_socket_id(e->id);
	for (uint16_t q = 0; r == 0 && q < port->rx_queues; q++)
		r = rte_eth_rx_queue_setup(e->id, q, rx, (unsigned)socket, NULL, port->region->pool);
	for (uint16_t q = 0; r == 0 && q < port->tx_queues; q++)
		r = rte_eth_tx_queue_setup(e->id, q, tx, (unsigned)socket, NULL);
	return r < 0 ? fail(err, r, "queues") : 0;
}

// Drivers that have no table, or none that can be changed, spread evenly by themselves.
static int set_up_table(struct port *port, struct ethdev *e, const struct rte_eth_dev_info *info, struct cat_err *err)
{
	struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE] = {0};
	uint16_t size = port->rx_queues > 1 ? ethdev_table_fill(info, (uint16_t)port->rx_queues, table) : 0;
	int r = size ? rte_eth_dev_rss_reta_update(e->id, table, size) : 0;
	return r < 0 && r != -ENOTSUP ? fail(err, r, "spreading over queues") : 0;
}

static int start(struct port *port, struct ethdev *e, struct cat_err *err)
{
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(e->id, &info);
	if (r < 0)
		return fail(err, r, "device information");
	if (!strcmp(e->args.bus, "pci")) {
		// Without an IOMMU in between there is nothing to map.
		r = rte_dev_dma_map(info.device, port->region->base, (uint64_t)(uintptr_t)port->region->base,
				    port->region->bytes);
		if (r < 0 && rte_errno != ENOTSUP)
			return fail(err, -rte_errno, "the IOMMU does not take the region");
		if (port->region->stride - port->region->headroom < NIC_BUFFER_MIN)
			cat_warn("port %s: buffers of %u bytes; many NICs use 1024 of these, and drop larger frames",
				 port->name, port->region->stride - port->region->headroom);
	}
	r = set_up_queues(port, e, &info, err);
	if (r < 0)
		return r;
	r = rte_eth_dev_start(e->id);
	if (r < 0)
		return fail(err, r, "start");
	e->started = true;
	r = set_up_table(port, e, &info, err);
	if (r < 0)
		return r;
	if (!strcmp(e->args.bus, "pci") && port->lanes > 1)
		cat_info("port %s: %u of %u lanes receive, %s", port->name, port->rx_queues, port->lanes,
			 port->rx_queues > 1 ? "spread by the NIC" : "which hand over to the others");
	// A chain may be transparent: everything is for it. Devices that cannot choose receive everything anyway.
	r = rte_eth_promiscuous_enable(e->id);
	if (r < 0 && r != -ENOTSUP)
		return fail(err, r, "promiscuous mode");
	return 0;
}

static void ethdev_close(struct port *port)
{
	struct ethdev *e = port->priv;
	if (!e)
		return;
	if (e->started)
		rte_eth_dev_stop(e->id);
	if (e->made) {
		rte_eth_dev_close(e->id);
		rte_eal_hotplug_remove(e->args.bus, e->args.name);
	}
	free(e);
	port->priv = NULL;
}

static int ethdev_open(struct port *port, enum ethdev_kind kind, const struct cat_node *options, struct cat_err *err)
{
	struct ethdev *e = calloc(1, sizeof(*e));
	if (!e)
		return cat_err_set(err, -ENOMEM, "no memory");
	port->priv = e;
	int r = ethdev_args_make(kind, port->device, port->id, options, &e->args, err);
	if (r < 0)
		goto out;
	r = rte_eal_hotplug_add(e->args.bus, e->args.name, e->args.text);
	if (r < 0) {
		fail(err, r,
		     kind == ETHDEV_PCI ? "DPDK found no such device, or it is not bound to vfio-pci"
					: "DPDK cannot make the device");
		goto out;
	}
	r = rte_eth_dev_get_port_by_name(e->args.name, &e->id);
	if (r < 0) {
		fail(err, r, "DPDK has no driver for this device");
		goto out;
	}
	e->made = true;
	r = start(port, e, err);
out:
	if (r < 0)
		ethdev_close(port);
	return r < 0 ? err->code : 0;
}

static uint32_t ethdev_receive(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			       uint32_t max)
{
	struct ethdev *e = port->priv;
	struct rte_mbuf **mbuf = e->mbuf[queue];
	uint32_t n = rte_eth_rx_burst(e->id, (uint16_t)queue, mbuf, (uint16_t)max), good = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = mbuf[i];
		if (__builtin_expect(m->nb_segs != 1, 0)) {
			cat_stats_add(io->stats, DROP_OVERSIZE, 1);
			rte_pktmbuf_free(m);
			continue;
		}
		ret_desc[good++] =
			(struct cat_desc){.buf = region_index(io->region, m), .off = m->data_off, .len = m->data_len};
	}
	return good;
}

static uint32_t ethdev_transmit(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
				uint32_t count)
{
	struct ethdev *e = port->priv;
	struct rte_mbuf **mbuf = e->mbuf[queue];
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = io->region->mbuf[desc[i].buf];
		// The rest is as in the pool: one segment, one reference, the buffer pinned to it.
		m->data_off = desc[i].off;
		m->data_len = desc[i].len;
		m->pkt_len = desc[i].len;
		m->ol_flags = RTE_MBUF_F_EXTERNAL;
		mbuf[i] = m;
	}
	uint32_t sent = rte_eth_tx_burst(e->id, (uint16_t)queue, mbuf, (uint16_t)count);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < sent; i++)
		bytes += desc[i].len;
	port_count(port, io, PORT_TX_PACKETS, sent);
	port_count(port, io, PORT_TX_BYTES, bytes);
	return sent;
}

static bool ethdev_link_up(struct port *port)
{
	struct rte_eth_link link = {0};
	return rte_eth_link_get_nowait(((struct ethdev *)port->priv)->id, &link) == 0 && link.link_status;
}

static int ethdev_wait_fd(struct port *port, uint32_t queue)
{
	(void)port, (void)queue;
	return -1;
}

static void ethdev_housekeep(struct port *port, uint32_t queue, struct port_io *io)
{
	struct ethdev *e = port->priv;
	struct rte_eth_stats stats;
	if (queue != 0 || rte_eth_stats_get(e->id, &stats) < 0)
		return;
	uint64_t missed = stats.imissed + stats.ierrors + stats.rx_nombuf;
	if (missed > e->missed)
		port_count(port, io, PORT_RX_MISSED, missed - e->missed);
	e->missed = missed;
}

#define ETHDEV_PORT(kind, constant)                                                                                    \
	static int kind##_open(struct port *port, const struct cat_node *options, struct cat_err *err)                 \
	{                                                                                                              \
		return ethdev_open(port, constant, options, err);                                                      \
	}                                                                                                              \
	const struct port_driver port_##kind = {                                                                       \
		.name = #kind,                                                                                         \
		.needs_mbufs = true,                                                                                   \
		.needs_poll = true,                                                                                    \
		.open = kind##_open,                                                                                   \
		.close = ethdev_close,                                                                                 \
		.receive = ethdev_receive,                                                                             \
		.transmit = ethdev_transmit,                                                                           \
		.link_up = ethdev_link_up,                                                                             \
		.wait_fd = ethdev_wait_fd,                                                                             \
		.housekeep = ethdev_housekeep,                                                                         \
	}

ETHDEV_PORT(tap, ETHDEV_TAP);
ETHDEV_PORT(memif, ETHDEV_MEMIF);
ETHDEV_PORT(vhost, ETHDEV_VHOST);
ETHDEV_PORT(pcap, ETHDEV_PCAP);
ETHDEV_PORT(pci, ETHDEV_PCI);
