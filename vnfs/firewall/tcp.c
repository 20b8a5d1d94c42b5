// SPDX-License-Identifier: BSD-3-Clause
#include "tcp.h"

#include "packet.h"

#define FIN FW_TCP_FLAG_FIN
#define SYN FW_TCP_FLAG_SYN
#define RST FW_TCP_FLAG_RST
#define ACK FW_TCP_FLAG_ACK

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SCALE 3
#define SCALE_MAX 14 // RFC 7323, section 2.3

// An end may acknowledge again what it did long ago, if its windows are small.
#define ACK_WINDOW_MIN 66000u

struct segment {
	const uint8_t *header;
	uint32_t seq, ack, end; // end: behind its last byte, SYN and FIN counted
	uint32_t win;           // unscaled
	uint32_t data;          // bytes
	uint8_t flags;
};

// Sequence space is a circle (RFC 9293, section 3.4).
static inline bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool before(uint32_t a, uint32_t b)
{
	return after(b, a);
}

static inline uint32_t header_bytes(const uint8_t *segment)
{
	return (segment[12] >> 4) * 4u;
}

static inline __attribute__((always_inline)) struct segment read_segment(const uint8_t *header, uint32_t length)
{
	uint8_t flags = header[13];
	uint32_t seq = fw_get32(header + 4), data = length - header_bytes(header);
	return (struct segment){
		.header = header,
		.seq = seq,
		.ack = fw_get32(header + 8),
		.end = seq + data + !!(flags & SYN) + !!(flags & FIN),
		.win = fw_get16(header + 14),
		.data = data,
		.flags = flags,
	};
}

static inline uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

// The shift in a SYN's window scale option; false: it has none.
static bool find_scale(const uint8_t *header, uint8_t *ret_scale)
{
	uint32_t size = header_bytes(header);
	for (uint32_t at = 20; at < size && header[at] != OPTION_END;) {
		if (header[at] == OPTION_NOP) {
			at++;
			continue;
		}
		uint32_t length = at + 1 < size ? header[at + 1] : 0;
		if (length < 2 || at + length > size)
			return false;
		if (header[at] == OPTION_SCALE && length == 3) {
			*ret_scale = header[at + 2] < SCALE_MAX ? header[at + 2] : SCALE_MAX;
			return true;
		}
		at += length;
	}
	return false;
}

// Takes an end's SYN for its first. Its window is never scaled (RFC 7323, section 2.2).
static void take_syn(struct fw_tcp *tcp, unsigned from, const struct segment *s)
{
	tcp->scale[from] = 0;
	tcp->flags[from] = find_scale(s->header, &tcp->scale[from]) ? FW_TCP_SCALES : 0;
	tcp->end[from] = (struct fw_tcp_end){.end = s->end, .max_end = s->end, .max_win = at_least_one(s->win)};
}

bool fw_tcp_mend(struct fw_tcp *tcp)
{
	for (unsigned end = 0; end < 2; end++) {
		if (tcp->scale[end] > SCALE_MAX)
			tcp->scale[end] = SCALE_MAX;
		tcp->end[end].max_win = at_least_one(tcp->end[end].max_win);
	}
	return tcp->state < FW_STATES;
}

static inline uint8_t scale_of(const struct fw_tcp *tcp, unsigned from)
{
	return tcp->flags[0] & tcp->flags[1] & FW_TCP_SCALES ? tcp->scale[from] : 0;
}

void fw_tcp_open(struct fw_tcp *tcp, const uint8_t *header, uint32_t length)
{
	struct segment s = read_segment(header, length);
	*tcp = (struct fw_tcp){.state = FW_SYN_SENT, .syn_data = (uint16_t)s.data};
	take_syn(tcp, 0, &s);
}

// `ack` acknowledges the end's SYN, and nothing that it has not sent.
static bool acks_syn(const struct fw_tcp *tcp, unsigned of, uint32_t ack)
{
	uint32_t data = of == 0 ? tcp->syn_data : 0;
	return tcp->end[of].end - ack <= data;
}

// Takes what an acknowledgement by end `from` says.
static inline __attribute__((always_inline)) void take_ack(struct fw_tcp *tcp, unsigned from, uint32_t ack,
							   uint32_t win)
{
	struct fw_tcp_end *self = &tcp->end[from], *peer = &tcp->end[!from];
	uint32_t allowed = ack + at_least_one(win);
	if (after(allowed, peer->max_end))
		peer->max_end = allowed;
	if (win > self->max_win)
		self->max_win = win;
	if (!(tcp->flags[from] & FW_TCP_ACKS) || after(ack, self->max_ack))
		self->max_ack = ack;
	tcp->flags[from] |= FW_TCP_ACKS;
}

static enum fw_tcp_verdict segment_syn(struct fw_tcp *tcp, unsigned from, const struct segment *s)
{
	switch (tcp->state) {
	case FW_SYN_SENT:
		if (from == 0) {
			// Sent again, or by a successor that chose another number.
			tcp->syn_data = (uint16_t)s->data;
			take_syn(tcp, 0, s);
			return FW_TCP_PASS;
		}
		take_syn(tcp, 1, s);
		tcp->end[1].max_end = s->seq + 1 + tcp->end[0].max_win;
		tcp->state = FW_SYN_CROSSED;
		return FW_TCP_PASS;
	case FW_TIME_WAIT:
		// RFC 9293, section 3.10.7.4 (TIME-WAIT): a SYN beyond the old numbers opens anew.
		return after(s->seq, tcp->end[from].end) ? FW_TCP_REOPEN : FW_TCP_IGNORE;
	case FW_CLOSED:
		return FW_TCP_REOPEN;
	default:
		// The peer answers with a challenge (RFC 5961, section 4); should it know nothing of the connection,
		// its RST ends it.
		return FW_TCP_IGNORE;
	}
}

static inline __attribute__((always_inline)) bool in_window(const struct fw_tcp *tcp, unsigned from,
							    const struct segment *s)
{
	const struct fw_tcp_end *self = &tcp->end[from], *peer = &tcp->end[!from];
	uint32_t ack_window = self->max_win > ACK_WINDOW_MIN ? self->max_win : ACK_WINDOW_MIN;
	// Nothing comes behind a FIN.
	if (tcp->flags[from] & FW_TCP_FIN && after(s->end, self->end))
		return false;
	return !after(s->seq, self->max_end) && !before(s->end, self->end - peer->max_win) &&
	       !after(s->ack, peer->end) && !before(s->ack, peer->end - ack_window);
}

// Its SYN with ACK is the first, or a server without state of its own (SYN cookies) answers the next SYN with another
// number.
static void take_syn_ack(struct fw_tcp *tcp, const struct segment *s)
{
	take_syn(tcp, 1, s);
	tcp->end[1].max_end = s->seq + 1 + tcp->end[0].max_win;
}

static enum fw_tcp_verdict segment_syn_ack(struct fw_tcp *tcp, unsigned from, const struct segment *s)
{
	bool sound = acks_syn(tcp, !from, s->ack), again = s->end == tcp->end[from].end;
	switch (tcp->state) {
	case FW_SYN_SENT:
		if (from == 0 || !sound)
			return FW_TCP_INVALID;
		take_syn_ack(tcp, s);
		break;
	case FW_SYN_RECEIVED:
		if (sound && !again && from == 1 && !(tcp->flags[1] & FW_TCP_SYN_ACKED)) {
			take_syn_ack(tcp, s);
			break;
		}
		// fallthrough
	case FW_SYN_CROSSED:
		if (sound && again)
			break;
		// fallthrough
	default:
		// Sent again, because the acknowledgement was lost behind us.
		return in_window(tcp, from, s) ? FW_TCP_IGNORE : FW_TCP_WINDOW;
	}
	take_ack(tcp, from, s->ack, s->win);
	tcp->flags[!from] |= FW_TCP_SYN_ACKED;
	tcp->state = tcp->flags[from] & FW_TCP_SYN_ACKED ? FW_ESTABLISHED : FW_SYN_RECEIVED;
	return FW_TCP_PASS;
}

// A reset ends the connection only with the number that its receiver expects next (RFC 5961, section 3): what was
// acknowledged last, or behind what was sent last.
static enum fw_tcp_verdict segment_rst(struct fw_tcp *tcp, unsigned from, const struct segment *s)
{
	if (tcp->state == FW_SYN_SENT) {
		if (from == 1) {
			// RFC 9293, section 3.10.7.3: acceptable if it acknowledges the SYN.
			if (!(s->flags & ACK) || !acks_syn(tcp, 0, s->ack))
				return FW_TCP_INVALID;
		} else if (s->seq != tcp->end[0].end) {
			// It answers a segment of an old connection (RFC 9293, section 3.5.1), and its own SYN will be
			// sent again.
			return FW_TCP_IGNORE;
		}
		tcp->state = FW_CLOSED;
		return FW_TCP_PASS;
	}
	const struct fw_tcp_end *self = &tcp->end[from], *peer = &tcp->end[!from];
	bool peer_acks = tcp->flags[!from] & FW_TCP_ACKS;
	if (s->seq == self->end || (peer_acks && s->seq == peer->max_ack)) {
		tcp->state = FW_CLOSED;
		return FW_TCP_PASS;
	}
	// An end that closed while data is under way to it answers every segment of it, with the number that the
	// segment acknowledged: older than what was acknowledged since, no forgery, and nothing to its receiver.
	bool closes = tcp->state == FW_CLOSED || tcp->flags[from] & FW_TCP_FIN;
	uint32_t oldest = closes ? self->end - peer->max_win : peer->max_ack;
	if (after(s->seq, self->max_end) || (peer_acks && before(s->seq, oldest)))
		return FW_TCP_WINDOW;
	return FW_TCP_IGNORE;
}

// Where acknowledgements and FINs take the connection.
static void advance(struct fw_tcp *tcp, unsigned from, const struct segment *s)
{
	if (s->flags & FIN)
		tcp->flags[from] |= FW_TCP_FIN;
	if (tcp->state == FW_SYN_RECEIVED || tcp->state == FW_SYN_CROSSED) {
		// Condition III was met, and the SYN is the first that can be acknowledged.
		tcp->flags[!from] |= FW_TCP_SYN_ACKED;
		if (tcp->flags[0] & tcp->flags[1] & FW_TCP_SYN_ACKED)
			tcp->state = FW_ESTABLISHED;
	}
	if (tcp->flags[!from] & FW_TCP_FIN && s->ack == tcp->end[!from].end)
		tcp->flags[!from] |= FW_TCP_FIN_ACKED;
	if (tcp->state == FW_ESTABLISHED && (tcp->flags[0] | tcp->flags[1]) & FW_TCP_FIN)
		tcp->state = FW_CLOSING;
	if (tcp->flags[0] & tcp->flags[1] & FW_TCP_FIN_ACKED)
		tcp->state = FW_TIME_WAIT;
}

// What is neither SYN nor RST: checked against the windows, which it then moves.
static inline __attribute__((always_inline)) bool take_segment(struct fw_tcp *tcp, unsigned from,
							       const struct segment *s)
{
	struct fw_tcp_end *self = &tcp->end[from];
	if (!in_window(tcp, from, s))
		return false;
	if (after(s->end, self->end))
		self->end = s->end;
	take_ack(tcp, from, s->ack, s->win << scale_of(tcp, from));
	return true;
}

static __attribute__((noinline)) enum fw_tcp_verdict segment_unusual(struct fw_tcp *tcp, unsigned from,
								     const uint8_t *header, uint32_t length)
{
	struct segment s = read_segment(header, length);
	if (s.flags & RST)
		return segment_rst(tcp, from, &s);
	if (s.flags & SYN)
		return s.flags & ACK ? segment_syn_ack(tcp, from, &s) : segment_syn(tcp, from, &s);
	// The peer of a SYN may still hold an old connection: the client resets it when it sees the acknowledgement
	// (RFC 9293, section 3.5.1).
	if (tcp->state == FW_SYN_SENT)
		return from == 1 && !(s.flags & FIN) && !s.data ? FW_TCP_IGNORE : FW_TCP_INVALID;
	if (tcp->state == FW_CLOSED)
		return in_window(tcp, from, &s) ? FW_TCP_IGNORE : FW_TCP_WINDOW;
	if (!take_segment(tcp, from, &s))
		return FW_TCP_WINDOW;
	advance(tcp, from, &s);
	return FW_TCP_PASS;
}

enum fw_tcp_verdict fw_tcp_segment(struct fw_tcp *tcp, unsigned from, const uint8_t *header, uint32_t length)
{
	if (__builtin_expect(tcp->state != FW_ESTABLISHED || header[13] & (FIN | SYN | RST), 0))
		return segment_unusual(tcp, from, header, length);
	struct segment s = read_segment(header, length);
	return take_segment(tcp, from, &s) ? FW_TCP_PASS : FW_TCP_WINDOW;
}

bool fw_tcp_sent(const struct fw_tcp *tcp, unsigned from, uint32_t seq)
{
	const struct fw_tcp_end *self = &tcp->end[from], *peer = &tcp->end[!from];
	// Before the peer was heard of, only the SYN can have been sent.
	uint32_t window = peer->max_win ? peer->max_win : tcp->syn_data + 1u;
	return !after(seq, self->end) && !before(seq, self->end - window);
}

void fw_tcp_extend(struct fw_tcp *tcp, unsigned from, uint32_t end)
{
	struct fw_tcp_end *self = &tcp->end[from];
	// No further than its peer lets it, and not beyond its FIN.
	if (after(end, self->end) && !after(end, self->max_end) && !(tcp->flags[from] & FW_TCP_FIN))
		self->end = end;
}
