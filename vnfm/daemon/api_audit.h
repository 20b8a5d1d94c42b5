// SPDX-License-Identifier: BSD-3-Clause
#ifndef VNFM_API_AUDIT_H
#define VNFM_API_AUDIT_H

struct audit {
	const char *who;  // a client's name, "uid 0", or "nobody"
	const char *from; // an address, or "unix"
	const char *verb, *path;
	unsigned status; // that was answered; 0: the client went away
};
// Adds a line to directory/audit.log; one that cannot be written goes to the log.
void audit_write(const char *directory, const struct audit *audit);

#endif
