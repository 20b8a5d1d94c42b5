// SPDX-License-Identifier: BSD-3-Clause
#include "port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct port_driver *const drivers[] = {
	&port_veth, &port_tap, &port_memif, &port_vhost, &port_pcap, &port_pci, &port_gen, &port_null,
};

static const struct port_driver *find_driver(const char *name)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(drivers); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

int port_open(struct port *port, const struct cat_node *plan, struct cat_err *err)
{
	const char *name = "", *driver = "", *device = "";
	const struct cat_node *options = NULL;
	int r = cat_node_read_string(plan, "name", CAT_REQUIRED, &name, err);
	if (r == 0)
		r = cat_node_read_string(plan, "driver", CAT_REQUIRED, &driver, err);
	if (r == 0)
		r = cat_node_read_string(plan, "device", CAT_OPTIONAL, &device, err);
	if (r == 0 && cat_node_get(plan, "options") && cat_node_get(plan, "options")->type != CAT_NULL)
		r = cat_node_read_map(plan, "options", CAT_OPTIONAL, &options, err);
	if (r < 0)
		return r;
	if (strlen(name) >= sizeof(port->name))
		return cat_err_set(err, -EINVAL, "port %s: found a name of %zu characters, expected at most %zu", name,
				   strlen(name), sizeof(port->name) - 1);
	strcpy(port->name, name);
	port->device = device;
	port->rx_queues = port->tx_queues = 1;
	const struct port_driver *found = find_driver(driver);
	if (!found)
		return cat_err_set(err, -EINVAL, "port %s: there is no driver \"%s\"", name, driver);
	r = found->open(port, options, err);
	if (r < 0)
		return cat_err_wrap(err, "port %s (%s:%s)", name, driver, device);
	port->driver = found;
	return 0;
}

void port_close(struct port *port)
{
	if (port->driver)
		port->driver->close(port);
	port->driver = NULL;
}
