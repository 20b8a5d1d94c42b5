// SPDX-License-Identifier: BSD-3-Clause
// Lists of cores as the kernel writes them: "0-3,8" (cpuset(7), "List format").
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

static bool parse_number(const char **text, uint32_t *ret_number)
{
	size_t digits = strspn(*text, "0123456789");
	if (digits == 0 || digits > 6)
		return false;
	*ret_number = (uint32_t)strtoul(*text, NULL, 10);
	*text += digits;
	return true;
}

// Adds in ascending order, once.
static int add(uint32_t *cpus, uint32_t max, uint32_t *count, uint32_t cpu)
{
	uint32_t at = *count;
	while (at > 0 && cpus[at - 1] > cpu)
		at--;
	if (at > 0 && cpus[at - 1] == cpu)
		return 0;
	if (*count == max)
		return -E2BIG;
	memmove(cpus + at + 1, cpus + at, (*count - at) * sizeof(*cpus));
	cpus[at] = cpu;
	++*count;
	return 0;
}

int cat_cpu_list_parse(const char *text, uint32_t *ret_cpus, uint32_t max, uint32_t *ret_count)
{
	uint32_t count = 0;
	while (isspace((unsigned char)*text))
		text++;
	while (*text) {
		uint32_t first, last;
		if (!parse_number(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (!parse_number(&text, &last) || last < first)
				return -EINVAL;
		}
		if (last >= CAT_CPUS_MAX)
			return -E2BIG;
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			int r = add(ret_cpus, max, &count, cpu);
			if (r < 0)
				return r;
		}
		if (*text == ',' && isdigit((unsigned char)text[1]))
			text++;
		else if (text[strspn(text, " \n\t")] == '\0')
			break;
		else
			return -EINVAL;
	}
	*ret_count = count;
	return 0;
}

const char *cat_cpu_list_format(const uint32_t *cpus, size_t count, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < count && used < size;) {
		size_t end = i;
		while (end + 1 < count && cpus[end + 1] == cpus[end] + 1)
			end++;
		const char *comma = used ? "," : "";
		if (end > i)
			used += (size_t)snprintf(text + used, size - used, "%s%" PRIu32 "-%" PRIu32, comma, cpus[i],
						 cpus[end]);
		else
			used += (size_t)snprintf(text + used, size - used, "%s%" PRIu32, comma, cpus[i]);
		i = end + 1;
	}
	return text;
}
