// SPDX-License-Identifier: BSD-3-Clause
// null: swallows everything and gives nothing.
#include "port.h"

static int null_open(struct port *port, const struct cat_node *options, struct cat_err *err)
{
	(void)options, (void)err;
	port->rx_queues = port->tx_queues = port->lanes;
	return 0;
}

static void null_close(struct port *port)
{
	(void)port;
}

static uint32_t null_receive(struct port *port, uint32_t queue, struct port_io *io, struct cat_desc *ret_desc,
			     uint32_t max)
{
	(void)port, (void)queue, (void)io, (void)ret_desc, (void)max;
	return 0;
}

static uint32_t null_transmit(struct port *port, uint32_t queue, struct port_io *io, const struct cat_desc *desc,
			      uint32_t count)
{
	(void)queue;
	port_count(port, io, PORT_TX_BYTES, free_stack_push_block(io->free, desc, count));
	port_count(port, io, PORT_TX_PACKETS, count);
	return count;
}

static bool null_link_up(struct port *port)
{
	(void)port;
	return true;
}

static int null_wait_fd(struct port *port, uint32_t queue)
{
	(void)port, (void)queue;
	return -1;
}

const struct port_driver port_null = {
	.name = "null",
	.open = null_open,
	.close = null_close,
	.receive = null_receive,
	.transmit = null_transmit,
	.link_up = null_link_up,
	.wait_fd = null_wait_fd,
};
