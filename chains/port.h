// SPDX-License-Identifier: BSD-3-Clause
// A port's `dev` taken apart.
#ifndef PORT_H
#define PORT_H

#include "cat_service.h"

#define PORT_DEVICE_MAX 256

struct port_dev {
	enum cat_port_driver driver;
	char device[PORT_DEVICE_MAX];  // interface, absolute path or BDF with domain; "" for gen and null
	bool other_role;               // memif: server, vhost: client
	char tx_file[PORT_DEVICE_MAX]; // pcap: where sent packets are written, or ""
};

// 0 or -EINVAL; then `problem` says what is wrong.
int port_parse(const char *dev, struct port_dev *ret_port, char *problem, size_t problem_size);

#endif
