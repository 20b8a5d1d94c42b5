// SPDX-License-Identifier: BSD-3-Clause
// From a path to a handler, and all that SOL013 lets a request fail at before it: version, media
// types, body, conditions.
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cat_cleanup.h"
#include "method.h"

// What each major version of an interface calls itself in the Version header.
static const struct {
	const char *interface, *prefix, *version;
	unsigned bit;
} bases[] = {
	{"vnflcm", "/vnflcm/v1", "1.3.0", SOL_V1},
	{"vnflcm", "/vnflcm/v2", "2.0.0", SOL_V2},
	{"vnfpm", "/vnfpm/v1", "1.3.0", SOL_V1},
	{"vnffm", "/vnffm/v1", "1.3.0", SOL_V1},
};

// pattern: literal, but for "{id}", which stands for one segment.
static bool matches(const char *pattern, const char *path, char *id, bool *ret_bad)
{
	const char *hole = strstr(pattern, "{id}");
	if (!hole)
		return !strcmp(pattern, path);
	size_t before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	const char *start = path + before;
	size_t length = strcspn(start, "/");
	if (!length || strcmp(start + length, hole + 4) != 0)
		return false;
	*ret_bad = length > SOL_ID_MAX || strspn(start, "0123456789abcdefABCDEF-") < length;
	if (!*ret_bad) {
		memcpy(id, start, length);
		id[length] = 0;
	}
	return true;
}

enum api_route sol_route(struct api_request *request, const char *verb, const char *path, char *allow,
			 size_t allow_size)
{
	enum api_route result = API_NO_PATH;
	size_t used = 0;
	for (size_t b = 0; b < CAT_ARRAY_LEN(bases); b++) {
		size_t length = strlen(bases[b].prefix);
		bool versions =
			!strncmp(path, bases[b].prefix, length - 3) && !strcmp(path + length - 3, "/api_versions");
		if (!versions && (strncmp(path, bases[b].prefix, length) != 0 || path[length] != '/'))
			continue;
		for (size_t i = 0; i < sol_method_count; i++) {
			const struct sol_method *method = &sol_methods[i];
			bool bad = false;
			if (strcmp(method->interface, bases[b].interface) != 0 || !(method->versions & bases[b].bit) ||
			    !matches(method->api.path, versions ? "/api_versions" : path + length, request->id, &bad))
				continue;
			// An id of another form names nothing.
			if (bad)
				return API_NO_PATH;
			if (!strcmp(method->api.verb, verb)) {
				request->method = &method->api;
				request->prefix = bases[b].prefix;
				return API_FOUND;
			}
			result = API_NO_METHOD;
			int n = snprintf(allow + used, allow_size - used, "%s%s", used ? ", " : "", method->api.verb);
			if (n > 0 && used + (size_t)n < allow_size)
				used += (size_t)n;
		}
		if (versions)
			break;
	}
	return result;
}

const struct api_surface sol_surface = {.body_max = SOL_BODY_MAX, .find = sol_route};

static const char *version_of(const struct sol_call *call)
{
	for (size_t i = 0; i < CAT_ARRAY_LEN(bases); i++)
		if (!strcmp(bases[i].prefix, call->request->prefix))
			return bases[i].version;
	return "";
}

void reply_version(struct sol_call *call)
{
	api_reply_header(call->request, "Version", version_of(call));
}

void reply_problem(struct sol_call *call, unsigned status, const char *format, ...)
{
	char detail[CAT_ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	api_reply_problem(call->request, status, detail, NULL);
}

void reply_error(struct sol_call *call, const struct cat_err *err)
{
	api_reply_problem(call->request, api_status_of(err->code), err->message, NULL);
}

// SOL013 clause 9.2.2: the request says which version it means; 1.x did not ask for it from the beginning.
static bool version_fits(struct sol_call *call)
{
	const char *asked = api_header(call->request, "Version"), *served = version_of(call);
	if (!strcmp(call->method->api.path, "/api_versions"))
		return true;
	if (!asked && call->v1)
		return true;
	if (!asked) {
		reply_problem(call, 400, "found no Version header, expected Version: %s", served);
		return false;
	}
	unsigned major = 0, minor = 0, patch = 0, own_major = 0, own_minor = 0;
	int end = 0;
	sscanf(served, "%u.%u", &own_major, &own_minor);
	if (sscanf(asked, "%3u.%3u.%3u%n", &major, &minor, &patch, &end) == 3 &&
	    (!asked[end] || !strncmp(asked + end, "-impl:", 6)) && major == own_major && minor <= own_minor)
		return true;
	reply_problem(call, 406, "found Version: %.32s, expected %s: see %s/api_versions", asked, served,
		      call->request->prefix);
	return false;
}

// Whether one media range (RFC 9110 clause 12.5.1) of n bytes, parameters included, allows `wanted`.
static bool range_allows(const char *range, size_t n, const char *wanted)
{
	char text[128];
	if (n >= sizeof(text))
		return false;
	memcpy(text, range, n);
	text[n] = 0;
	const char *q = strstr(text, "q=");
	if (q && strtod(q + 2, NULL) <= 0)
		return false;
	text[strcspn(text, "; \t")] = 0;
	size_t kind = strcspn(wanted, "/") + 1, length = strlen(text);
	return !strcasecmp(text, wanted) || !strcmp(text, "*/*") ||
	       (length == kind + 1 && !strncasecmp(text, wanted, kind) && text[kind] == '*');
}

static bool accepts(const char *list, const char *wanted)
{
	for (const char *p = list; *p; p += *p == ',') {
		p += strspn(p, " \t");
		size_t n = strcspn(p, ",");
		if (range_allows(p, n, wanted))
			return true;
		p += n;
	}
	return false;
}

static bool media_fits(struct sol_call *call)
{
	const char *accept = api_header(call->request, "Accept"), *type = api_header(call->request, "Content-Type");
	if (accept && !accepts(accept, "application/json") && !accepts(accept, "application/problem+json")) {
		reply_problem(call, 406, "found Accept: %.64s, expected application/json", accept);
		return false;
	}
	if (!call->method->schema || !call->request->body_size)
		return true;
	bool patch = !strcmp(call->method->api.verb, "PATCH");
	const char *wanted = patch ? "application/merge-patch+json" : "application/json";
	size_t length = type ? strcspn(type, "; \t") : 0;
	if (type && ((length == strlen(wanted) && !strncasecmp(type, wanted, length)) ||
		     (patch && length == 16 && !strncasecmp(type, "application/json", 16))))
		return true;
	reply_problem(call, 415, "found Content-Type: %.64s, expected %s", type ? type : "(none)", wanted);
	return false;
}

static bool body_fits(struct sol_call *call)
{
	struct cat_err err = {0};
	const struct sol_method *method = call->method;
	if (!method->schema)
		return true;
	const char *text = call->request->body_size ? call->request->body : "";
	if (cat_tree_parse_json("body", text, strlen(text), &call->body, &err) < 0) {
		// Clause 6.4: what is no JSON is malformed, what is not as the schema says cannot be processed.
		reply_problem(call, err.code == -E2BIG ? 413 : 400, "%s", err.message);
		return false;
	}
	if (strlen(text) != call->request->body_size) {
		reply_problem(call, 400, "body: found a NUL character");
		return false;
	}
	// The root holds the definitions that its references lead to.
	cat_autonode struct cat_node *schema = cat_node_copy(NULL, NULL, call->sol->schema);
	struct cat_problems problems = {0};
	int r = schema && cat_node_add_format(schema, "$ref", "#/$defs/%s", method->schema)
			? cat_schema_check(schema, call->body, &problems, &err)
			: cat_err_set(&err, -ENOMEM, "no memory");
	if (r < 0)
		reply_problem(call, r == -ENOMEM ? 503 : 500, "%s", err.message);
	else if (problems.count)
		api_reply_problem(call->request, 422, "the body is not as the API's schema says", &problems);
	bool fits = r == 0 && !problems.count;
	cat_problems_free(&problems);
	return fits;
}

const char *sol_service_of(const struct sol_resource *resource)
{
	return resource->kind == SOL_INSTANCE || resource->kind == SOL_OCCURRENCE || resource->kind == SOL_ALARM
		       ? doc_text(resource->doc, "service")
		       : NULL;
}

// Lists show what may be seen; what belongs to no one service needs a client for all of them.
static bool may(struct sol_call *call)
{
	enum access_scope scope = api_scope(&call->method->api);
	const char *service = call->resource ? sol_service_of(call->resource) : NULL;
	if (!call->resource && scope == ACCESS_READ)
		return true;
	if (api_allowed(call->request, scope, service))
		return true;
	api_reply_forbidden(call->request, scope, service);
	return false;
}

void sol_dispatch(struct api_request *request)
{
	struct sol_call call = {.request = request,
				.sol = api_manager(request->api)->sol,
				.method = (const struct sol_method *)(const void *)request->method};
	call.v1 = strstr(request->prefix, "/v1") != NULL;
	if (!version_fits(&call) || !media_fits(&call) || !body_fits(&call))
		goto end;
	if (*request->id) {
		call.resource = sol_find(call.sol, call.method->kind, request->id);
		if (!call.resource) {
			reply_problem(&call, 404, "there is no %s \"%s\"", sol_kind_names[call.method->kind],
				      request->id);
			goto end;
		}
	}
	if (may(&call))
		call.method->handle(&call);
end:
	reply_version(&call);
	cat_node_free(call.body);
}

// {"uriPrefix", "apiVersions"} of the interface (clause 9.3.2), or of its one major version.
void get_api_versions(struct sol_call *call)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	struct cat_node *list = NULL;
	if (body && cat_node_add_format(body, "uriPrefix", "/%s", call->method->interface))
		list = cat_node_add_list(body, "apiVersions");
	for (size_t i = 0; list && i < CAT_ARRAY_LEN(bases); i++) {
		if (strcmp(bases[i].interface, call->method->interface) != 0)
			continue;
		struct cat_node *map = cat_node_add_map(list, NULL);
		if (!map || !cat_node_add_string(map, "version", bases[i].version) ||
		    !cat_node_add_bool(map, "isDeprecated", false))
			list = NULL;
	}
	api_reply(call->request, 200, list ? body : NULL);
}
