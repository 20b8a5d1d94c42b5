// SPDX-License-Identifier: BSD-3-Clause
// dnsmasq's configuration, made of ours.
#ifndef VCPE_DNSMASQ_H
#define VCPE_DNSMASQ_H

#include "config.h"

#define DNSMASQ_INTERFACE "lan"

// Whether there is anything for it to do.
bool dnsmasq_wanted(const struct vcpe_config *config);
// The text of its configuration file; lease_file is put into it. NULL: no memory; the caller frees.
char *dnsmasq_config(const struct vcpe_config *config, const char *lease_file);

#endif
