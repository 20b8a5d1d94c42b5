// SPDX-License-Identifier: BSD-3-Clause
// TCP as a firewall in the middle sees it: the state of a connection (RFC 9293, section 3.3.2) and the bounds within
// which sequence and acknowledgement numbers must lie.
//
// How it works
//
// For each end we keep what its peer can know: `end`, behind the last byte that it sent; `max_end`, how far its peer's
// windows let it send; `max_win`, the largest window that it offered; `max_ack`, the highest byte that it acknowledged.
// A segment from s to r is sound if (van Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2000)
//   I    seq <= max_end[s]                         it begins within the window,
//   II   seq + length >= end[s] - max_win[r]       it is no older than a window,
//   III  ack <= end[r]                             it acknowledges nothing that was not sent,
//   IV   ack >= end[r] - max(max_win[s], 66000)    nor what was acknowledged long ago.
#ifndef FIREWALL_TCP_H
#define FIREWALL_TCP_H

#include <stdbool.h>
#include <stdint.h>

// Of any connection; those other than TCP know only the first two.
enum fw_state {
	FW_UNREPLIED,
	FW_REPLIED,
	FW_SYN_SENT,     // one end's SYN was seen
	FW_SYN_CROSSED,  // SYNs of both, neither acknowledged (simultaneous open, RFC 9293, section 3.5)
	FW_SYN_RECEIVED, // a SYN with ACK was seen
	FW_ESTABLISHED,
	FW_CLOSING,   // at least one FIN was seen
	FW_TIME_WAIT, // both FINs were acknowledged
	FW_CLOSED,    // reset
	FW_STATES
};

enum fw_tcp_end_flag {
	FW_TCP_SYN_ACKED = 1u << 0, // its SYN was acknowledged
	FW_TCP_SCALES = 1u << 1,    // its SYN had the window scale option (RFC 7323, section 2.2)
	FW_TCP_FIN = 1u << 2,       // it sent a FIN, so that `end` cannot move
	FW_TCP_FIN_ACKED = 1u << 3,
	FW_TCP_ACKS = 1u << 4, // max_ack is known
};

struct fw_tcp_end {
	uint32_t end, max_end, max_win, max_ack;
};

struct fw_tcp {
	struct fw_tcp_end end[2]; // 0: who sent the first SYN
	uint8_t flags[2];         // enum fw_tcp_end_flag
	uint8_t scale[2];         // shifts, in force once both ends gave one
	uint16_t syn_data;        // bytes of data in the first SYN (RFC 7413)
	uint8_t state;            // enum fw_state
	uint8_t pad;
};

enum fw_tcp_verdict {
	FW_TCP_PASS,    // sound; the connection goes on
	FW_TCP_IGNORE,  // to be passed on for the peer to answer, but it changes nothing
	FW_TCP_REOPEN,  // a SYN for a connection that has ended
	FW_TCP_INVALID, // flags or state make no sense
	FW_TCP_WINDOW,  // numbers out of the window
};

#define FW_TCP_FLAG_FIN 0x01u
#define FW_TCP_FLAG_SYN 0x02u
#define FW_TCP_FLAG_RST 0x04u
#define FW_TCP_FLAG_ACK 0x10u
#define FW_TCP_FLAG_URG 0x20u

// `segment` is a whole TCP header (its data offset checked) of a segment with `length` bytes, header included.
// False: a combination of flags that no sound TCP sends.
static inline bool fw_tcp_flags_valid(const uint8_t *segment)
{
	const uint32_t fin = FW_TCP_FLAG_FIN, syn = FW_TCP_FLAG_SYN, rst = FW_TCP_FLAG_RST, ack = FW_TCP_FLAG_ACK,
		       urg = FW_TCP_FLAG_URG;
	const uint64_t valid = UINT64_C(1) << syn | UINT64_C(1) << (syn | urg) | UINT64_C(1) << (syn | ack) |
			       UINT64_C(1) << rst | UINT64_C(1) << (rst | ack) | UINT64_C(1) << ack |
			       UINT64_C(1) << (ack | urg) | UINT64_C(1) << (fin | ack) |
			       UINT64_C(1) << (fin | ack | urg);
	return valid >> (segment[13] & (fin | syn | rst | ack | urg)) & 1;
}

// It opens a connection: SYN without ACK.
static inline bool fw_tcp_opens(const uint8_t *segment)
{
	return (segment[13] & (FW_TCP_FLAG_SYN | FW_TCP_FLAG_ACK | FW_TCP_FLAG_RST | FW_TCP_FLAG_FIN)) ==
	       FW_TCP_FLAG_SYN;
}

// State for the first SYN.
void fw_tcp_open(struct fw_tcp *tcp, const uint8_t *segment, uint32_t length);
// A later segment, with valid flags, from end `from`.
enum fw_tcp_verdict fw_tcp_segment(struct fw_tcp *tcp, unsigned from, const uint8_t *segment, uint32_t length);
// Makes a state that a predecessor left fit for use, whatever it says. False: it cannot be.
bool fw_tcp_mend(struct fw_tcp *tcp);
// More of a segment that was sound came in a fragment: end `from` has sent up to `end`.
void fw_tcp_extend(struct fw_tcp *tcp, unsigned from, uint32_t end);
// A segment with this sequence number may well have been sent by end `from` lately (RFC 5927, section 4.1).
bool fw_tcp_sent(const struct fw_tcp *tcp, unsigned from, uint32_t seq);

#endif
