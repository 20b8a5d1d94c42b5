// SPDX-License-Identifier: BSD-3-Clause
// What rules log. The worker writes records into a ring of the process's own memory, the control thread takes them out
// and writes lines: the packet path makes no system call, and a flood costs no more lines than `log_rate`.
#ifndef FIREWALL_LOG_H
#define FIREWALL_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cat_vnf.h"
#include "config.h"
#include "packet.h"
#include "reject.h"

#define FW_LOG_RECORDS 1024u
#define FW_LOG_LINE_MAX 512u

enum fw_log_action { FW_LOG_ACCEPTED, FW_LOG_DROPPED, FW_LOG_REJECTED, FW_LOG_LIMITED, FW_LOG_SPOOFED };

struct fw_log_record {
	uint64_t time_us;           // CLOCK_MONOTONIC
	char rule[FW_NAME_MAX + 1]; // "": none
	uint8_t action;             // enum fw_log_action
	uint8_t side, family, protocol;
	uint8_t source[16], destination[16];
	bool ports, icmp;
	uint16_t source_port, destination_port; // host order; of ICMP: type and code
	uint16_t length;                        // of the frame
};

struct fw_log {
	struct fw_bucket bucket;
	_Atomic uint32_t put;   // writer: worker, readers: control thread
	_Atomic uint32_t taken; // writer: control thread, readers: worker
	struct fw_log_record record[FW_LOG_RECORDS];
};

// On the worker. Counts what is suppressed, by the rate or because nobody takes records.
void fw_log_packet(struct fw_log *log, struct cat_lane *lane, const struct fw_rule *rule, enum fw_log_action action,
		   const struct fw_packet *packet, const struct cat_desc *desc, enum cat_side side);
// On the control thread. False: there is none.
bool fw_log_take(struct fw_log *log, struct fw_log_record *ret_record);
// One line of JSON, with its end. unix_us: when it was. Returns its length.
uint32_t fw_log_format(const struct fw_log_record *record, uint64_t unix_us, char line[FW_LOG_LINE_MAX]);

#endif
