// SPDX-License-Identifier: BSD-3-Clause
#include "port.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

// Bytes of sun_path without the terminating zero (unix(7)), and of an interface name (IFNAMSIZ).
#define SOCKET_PATH_MAX 107u
#define INTERFACE_MAX 15u

const char *const cat_port_driver_names[CAT_PORT_DRIVERS] = {
	[CAT_PORT_VETH] = "veth",   [CAT_PORT_TAP] = "tap",   [CAT_PORT_MEMIF] = "memif",
	[CAT_PORT_VHOST] = "vhost", [CAT_PORT_PCAP] = "pcap", [CAT_PORT_PCI] = "pci",
	[CAT_PORT_VF] = "vf",       [CAT_PORT_GEN] = "gen",   [CAT_PORT_NULL] = "null",
};

static const char *const expected[CAT_PORT_DRIVERS] = {
	[CAT_PORT_VETH] = "veth:INTERFACE",
	[CAT_PORT_TAP] = "tap:INTERFACE",
	[CAT_PORT_MEMIF] = "memif:/PATH or memif:/PATH,server",
	[CAT_PORT_VHOST] = "vhost:/PATH or vhost:/PATH,client",
	[CAT_PORT_PCAP] = "pcap:/RECEIVED.pcap or pcap:/RECEIVED.pcap,/SENT.pcap",
	[CAT_PORT_PCI] = "pci:DOMAIN:BUS:DEVICE.FUNCTION such as pci:0000:01:00.0",
	[CAT_PORT_VF] = "vf:INTERFACE of a NIC with virtual functions",
	[CAT_PORT_GEN] = "gen: alone",
	[CAT_PORT_NULL] = "null: alone",
};

static bool is_interface(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length > INTERFACE_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	// What the kernel refuses (dev_valid_name), and what would need quoting everywhere.
	for (const char *p = text; *p; p++)
		if (!isgraph((unsigned char)*p) || strchr("/:,%\"'\\", *p))
			return false;
	return true;
}

static bool is_path(const char *text, size_t max)
{
	return text[0] == '/' && text[1] && strlen(text) <= max;
}

// "0000:01:00.0" or "01:00.0", which gets domain 0.
static bool parse_bdf(const char *text, char *ret_bdf)
{
	unsigned domain = 0, bus, device, function;
	char end;
	size_t length = strlen(text);
	if (strspn(text, "0123456789abcdefABCDEF:.") != length)
		return false;
	if (length == 12) {
		if (sscanf(text, "%4x:%2x:%2x.%1x%c", &domain, &bus, &device, &function, &end) != 4)
			return false;
	} else if (length != 7 || sscanf(text, "%2x:%2x.%1x%c", &bus, &device, &function, &end) != 3) {
		return false;
	}
	if (device > 31 || function > 7)
		return false;
	snprintf(ret_bdf, PORT_DEVICE_MAX, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}

// Takes ",WORD" off the end of device. False: there is something else behind the comma.
static bool take_role(struct port_dev *port, const char *word)
{
	char *comma = strchr(port->device, ',');
	if (!comma)
		return true;
	if (strcmp(comma + 1, word) != 0)
		return false;
	*comma = '\0';
	port->other_role = true;
	return true;
}

static bool take_tx_file(struct port_dev *port)
{
	char *comma = strchr(port->device, ',');
	if (!comma)
		return true;
	snprintf(port->tx_file, sizeof(port->tx_file), "%s", comma + 1);
	*comma = '\0';
	return is_path(port->tx_file, PORT_DEVICE_MAX - 1);
}

static bool parse_device(struct port_dev *port)
{
	switch (port->driver) {
	case CAT_PORT_VETH:
	case CAT_PORT_TAP:
	case CAT_PORT_VF:
		return is_interface(port->device);
	case CAT_PORT_MEMIF:
		return take_role(port, "server") && is_path(port->device, SOCKET_PATH_MAX);
	case CAT_PORT_VHOST:
		return take_role(port, "client") && is_path(port->device, SOCKET_PATH_MAX);
	case CAT_PORT_PCAP:
		return take_tx_file(port) && is_path(port->device, PORT_DEVICE_MAX - 1);
	case CAT_PORT_PCI: {
		char bdf[PORT_DEVICE_MAX];
		if (!parse_bdf(port->device, bdf))
			return false;
		memcpy(port->device, bdf, sizeof(bdf));
		return true;
	}
	case CAT_PORT_GEN:
	case CAT_PORT_NULL:
		return !*port->device;
	case CAT_PORT_DRIVERS:
		break;
	}
	return false;
}

static int fail_driver(const char *dev, const char *driver, char *problem, size_t size)
{
	const char *names[CAT_PORT_DRIVERS + 1] = {0};
	memcpy(names, cat_port_driver_names, sizeof(cat_port_driver_names));
	const char *meant = cat_suggest(driver, names);
	int length = snprintf(problem, size, "found \"%.60s\", expected DRIVER:DEVICE with driver ", dev);
	for (size_t i = 0; i < CAT_PORT_DRIVERS && (size_t)length < size; i++)
		length += snprintf(problem + length, size - (size_t)length, "%s%s",
				   i == 0                      ? ""
				   : i + 1 == CAT_PORT_DRIVERS ? " or "
							       : ", ",
				   names[i]);
	if ((size_t)length >= size)
		return -EINVAL;
	if (meant)
		snprintf(problem + length, size - (size_t)length, "; did you mean \"%s\"?", meant);
	else if (!strchr(dev, ':') && is_interface(dev))
		snprintf(problem + length, size - (size_t)length, "; did you mean \"veth:%s\"?", dev);
	return -EINVAL;
}

int port_parse(const char *dev, struct port_dev *ret_port, char *problem, size_t problem_size)
{
	struct port_dev port = {.driver = CAT_PORT_DRIVERS};
	size_t length = strcspn(dev, ":");
	char driver[64];
	snprintf(driver, sizeof(driver), "%.*s", (int)(length < sizeof(driver) ? length : sizeof(driver) - 1), dev);
	for (unsigned i = 0; i < CAT_PORT_DRIVERS; i++)
		if (strcmp(cat_port_driver_names[i], driver) == 0)
			port.driver = (enum cat_port_driver)i;
	if (dev[length] != ':' || port.driver == CAT_PORT_DRIVERS)
		return fail_driver(dev, driver, problem, problem_size);
	const char *device = dev + length + 1;
	if (strlen(device) < sizeof(port.device)) {
		memcpy(port.device, device, strlen(device) + 1);
		if (parse_device(&port)) {
			*ret_port = port;
			return 0;
		}
	}
	snprintf(problem, problem_size, "found \"%.60s\", expected %s%s", dev, expected[port.driver],
		 port.driver == CAT_PORT_VETH || port.driver == CAT_PORT_TAP || port.driver == CAT_PORT_VF
			 ? " (an interface's name has at most 15 letters)"
			 : "");
	return -EINVAL;
}
