// SPDX-License-Identifier: BSD-3-Clause
#include "api_route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api_request.h"
#include "cat_cleanup.h"

#define SERVICE API_PREFIX "/services/{service}"
#define PLACEHOLDER "{service}"

const struct api_method api_methods[] = {
	{"GET", API_PREFIX "/version", api_get_version, false, "",
	 "What serves here: version, API, process, directories.", "200"},
	{"GET", API_PREFIX "/services", api_get_services, false, "",
	 "All services: name, state, functions, since when.", "200", ACCESS_READ, true},
	{"GET", SERVICE, api_get_service, false, "", "One service: its file and its plan.", "200, 404"},
	{"PUT", SERVICE, api_put_service, true, "wait=false",
	 "Brings a service up, or changes a running one to the file in the body (YAML or JSON). Answers when it runs "
	 "or "
	 "failed; with wait=false at once; with `Accept: application/jsonl` with a line for each step and the result "
	 "as "
	 "last line.",
	 "200, 202, 409, 413, 422, 503, 504"},
	{"DELETE", SERVICE, api_delete_service, false, "wait=false",
	 "Takes a service down; answers when nothing of it is left.", "200, 202, 404"},
	{"GET", SERVICE "/status", api_get_status, false, "",
	 "Counters, rates over the last second, drops by reason, queues and gauges for each hop; functions; lanes; how "
	 "long "
	 "each step of the last operation took.",
	 "200, 404"},
	{"GET", SERVICE "/logs", api_get_logs, false, "function=NAME, tail=LINES, follow=true",
	 "The log's last lines as JSON lines {n, time_ms, source, line}; with follow=true goes on until the client or "
	 "the "
	 "service ends.",
	 "200, 404"},
	{"GET", SERVICE "/events", api_get_events, false, "after=ID, limit=COUNT, follow=true",
	 "What happened to the service, also after its end, as JSON lines {id, time_ms, service, function, kind, "
	 "message}.",
	 "200"},
	{"GET", API_PREFIX "/events", api_get_events, false, "after=ID, limit=COUNT, follow=true",
	 "The same of all services.", "200"},
	{"POST", SERVICE "/measure", api_post_measure, true, "",
	 "One trial with the service's `gen:` ports that have sequence numbers: {length_ms, settle_ms?, ports: [{port, "
	 "rate, count}]}. "
	 "Answers when it has ended with what each port sent and received, and the latencies "
	 "(cat_histogram.h's buckets).",
	 "200, 404, 409, 413, 422"},
	{"GET", SERVICE "/measure", api_get_measure, false, "",
	 "What came of the last trial, also when its client or its manager did not live to see the end.", "200, 404"},
	{"GET", SERVICE "/audit", api_get_audit, false, "",
	 "Counts the service's packet buffers: {buffers, free, under_way, leaked, duplicated, still}.",
	 "200, 404, 409"},
	{"POST", API_PREFIX "/validate", api_post_validate, true, "",
	 "Checks the service file in the body; nothing is done.", "200, 413, 422", ACCESS_READ},
	{"POST", API_PREFIX "/plan", api_post_plan, true, "",
	 "What PUT would do with the service file in the body, as docs/plan.md tells.", "200, 409, 413, 422",
	 ACCESS_READ},
	{"GET", API_PREFIX "/host", api_get_host, false, "",
	 "The host's nodes, cores, huge pages and NICs, and which service holds what of them.", "200"},
};
const size_t api_method_count = CAT_ARRAY_LEN(api_methods);

bool api_name_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length && length <= API_NAME_MAX && !name[length] && name[0] >= 'a' && name[0] <= 'z';
}

// *ret_bad: it would match but for the name.
static bool matches(const char *pattern, const char *path, char *name, bool *ret_bad)
{
	const char *hole = strstr(pattern, PLACEHOLDER);
	if (!hole)
		return !strcmp(pattern, path);
	size_t before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	const char *rest = hole + strlen(PLACEHOLDER), *start = path + before;
	size_t length = strcspn(start, "/");
	if (strcmp(start + length, rest) != 0)
		return false;
	char text[API_NAME_MAX + 1];
	*ret_bad = length >= sizeof(text);
	if (*ret_bad)
		return true;
	memcpy(text, start, length);
	text[length] = 0;
	*ret_bad = !api_name_valid(text);
	if (!*ret_bad)
		memcpy(name, text, length + 1);
	return true;
}

enum api_route api_route_find(const char *verb, const char *path, const struct api_method **ret_method, char *name,
			      char *allow, size_t allow_size)
{
	enum api_route result = API_NO_PATH;
	size_t used = 0;
	allow[0] = 0;
	name[0] = 0;
	for (size_t i = 0; i < api_method_count; i++) {
		bool bad = false;
		if (!matches(api_methods[i].path, path, name, &bad))
			continue;
		if (bad)
			return API_BAD_NAME;
		if (!strcmp(api_methods[i].verb, verb)) {
			*ret_method = &api_methods[i];
			return API_FOUND;
		}
		result = API_NO_METHOD;
		int n = snprintf(allow + used, allow_size - used, "%s%s", used ? ", " : "", api_methods[i].verb);
		if (n > 0 && used + (size_t)n < allow_size)
			used += (size_t)n;
	}
	return result;
}

bool api_flag(const char *value, bool absent)
{
	if (!value)
		return absent;
	return !*value || !strcmp(value, "true") || !strcmp(value, "1");
}

unsigned api_status_of(int code)
{
	static const struct {
		int code;
		unsigned status;
	} table[] = {
		{-EINVAL, 422}, {-ENODEV, 422},    {-E2BIG, 413},     {-ENOENT, 404},    {-EBUSY, 409},  {-ENOSPC, 409},
		{-EEXIST, 409}, {-ECANCELED, 409}, {-ESHUTDOWN, 503}, {-ETIMEDOUT, 504}, {-ENOMEM, 503},
	};
	for (size_t i = 0; i < CAT_ARRAY_LEN(table); i++)
		if (table[i].code == code)
			return table[i].status;
	return 500;
}
