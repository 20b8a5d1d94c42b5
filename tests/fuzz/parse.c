// SPDX-License-Identifier: BSD-3-Clause
// A frame through the parser that every packet meets first. What the flags promise must lie within the packet.
#include "cat_parse.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > UINT16_MAX)
		return 0;
	// A copy that ends where the frame ends, so that a sanitizer sees every read beyond it.
	uint8_t *frame = malloc(size ? size : 1);
	must(frame);
	if (size)
		memcpy(frame, data, size);
	struct cat_desc desc = {.len = (uint16_t)size, .hash = 1, .l3 = 255, .l4 = 255, .flags = 0xffff};
	cat_parse(&desc, frame);
	must(desc.flags & CAT_DESC_PARSED);
	must(desc.len <= size);
	must(!(desc.flags & CAT_DESC_IPV4) || desc.l3 + 20 <= desc.len);
	must(!(desc.flags & CAT_DESC_IPV6) || desc.l3 + 40 <= desc.len);
	must(!(desc.flags & CAT_DESC_TCP) || desc.l4 + 20 <= desc.len);
	must(!(desc.flags & (CAT_DESC_UDP | CAT_DESC_ICMP)) || desc.l4 + 8 <= desc.len);
	must(!(desc.flags & CAT_DESC_L4_UNKNOWN) || desc.l4 <= desc.len);
	must(!(desc.flags & CAT_DESC_BAD) ||
	     !(desc.flags & (CAT_DESC_TCP | CAT_DESC_UDP | CAT_DESC_ICMP | CAT_DESC_L4_UNKNOWN | CAT_DESC_OTHER)));
	// Parsing what was cut to the packet's end changes nothing.
	struct cat_desc again = {.len = desc.len};
	cat_parse(&again, frame);
	must(again.flags == desc.flags && again.len == desc.len && again.hash == desc.hash && again.l3 == desc.l3 &&
	     again.l4 == desc.l4);
	free(frame);
	return 0;
}
