// SPDX-License-Identifier: BSD-3-Clause
// Answers: lists with filters, selectors and pages (SOL013 clause 5), and resources with conditions (RFC 9110).
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "filter.h"
#include "method.h"

#define MARKER "nextpage_opaque_marker"

static bool read_marker(struct sol_call *call, uint64_t *ret_after)
{
	const char *text = api_query(call->request, MARKER);
	char *end = NULL;
	if (!text)
		return true;
	*ret_after = strtoull(text, &end, 16);
	if (*text && strlen(text) <= 16 && strspn(text, "0123456789abcdef") == strlen(text) && !*end)
		return true;
	reply_problem(call, 400, MARKER ": found \"%.32s\", expected the one of a Link header", text);
	return false;
}

static bool read_selector(struct sol_call *call, struct sol_selector *selector)
{
	struct cat_err err = {0};
	*selector = (struct sol_selector){
		.fields = api_query(call->request, "fields"),
		.exclude_fields = api_query(call->request, "exclude_fields"),
		.all_fields = MHD_lookup_connection_value_n(call->request->connection, MHD_GET_ARGUMENT_KIND,
							    "all_fields", 10, NULL, NULL) == MHD_YES,
		.exclude_default = MHD_lookup_connection_value_n(call->request->connection, MHD_GET_ARGUMENT_KIND,
								 "exclude_default", 15, NULL, NULL) == MHD_YES};
	if (sol_selector_check(selector, &err) == 0)
		return true;
	reply_problem(call, 400, "%s", err.message);
	return false;
}

// Percent-encoding (RFC 3986) of all but unreserved characters.
static void write_escaped(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool plain =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~", c);
		fprintf(out, plain ? "%c" : "%%%02X", c);
	}
}

static enum MHD_Result add_parameter(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
	FILE *out = user;
	(void)kind;
	if (!strcmp(key, MARKER))
		return MHD_YES;
	fputc('&', out);
	write_escaped(out, key);
	if (value) {
		fputc('=', out);
		write_escaped(out, value);
	}
	return MHD_YES;
}

// RFC 8288, as SOL013 clause 5.4.2.1 asks for it.
static void add_next(struct sol_call *call, uint64_t last)
{
	cat_autofree char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return;
	fprintf(out, "<%s%s%s?" MARKER "=%llx", call->sol->manager->options->api_root, call->request->prefix,
		call->method->api.path, (unsigned long long)last);
	MHD_get_connection_values(call->request->connection, MHD_GET_ARGUMENT_KIND, add_parameter, out);
	fputs(">; rel=\"next\"", out);
	if (fclose(out) == 0)
		api_reply_header(call->request, "Link", text);
}

void reply_list(struct sol_call *call, const struct sol_list *list)
{
	struct cat_err err = {0};
	struct sol_selector selector;
	struct sol_filter *filter = NULL;
	const char *text = api_query(call->request, "filter");
	uint64_t after = 0, last = 0;
	if (!read_marker(call, &after) || !read_selector(call, &selector))
		return;
	if (text && sol_filter_parse(text, &filter, &err) < 0) {
		reply_problem(call, err.code == -ENOMEM ? 503 : 400, "%s", err.message);
		return;
	}
	cat_autonode struct cat_node *body = cat_node_new_list();
	bool more = false, done = body != NULL;
	for (const struct sol_resource *r = call->sol->set[call->method->kind].first; done && r && !more; r = r->next) {
		if (r->number <= after || !api_allowed(call->request, ACCESS_READ, sol_service_of(r)))
			continue;
		cat_autonode struct cat_node *view = list->view(call->sol, r, call->v1);
		if (!view) {
			done = false;
		} else if (sol_filter_match(filter, view)) {
			more = body->count == SOL_PAGE;
			if (!more) {
				last = r->number;
				done = sol_selector_apply(&selector, list->defaults, list->mandatory, view) == 0 &&
				       cat_node_copy(body, NULL, view);
			}
		}
	}
	sol_filter_free(filter);
	api_reply(call->request, 200, done ? body : NULL);
	if (more)
		add_next(call, last);
}

// Whether the header's list of tags holds this one, or "*" (RFC 9110 clause 13.1).
static bool listed(const char *header, const char *tag)
{
	return !strcmp(header, "*") || strstr(header, tag);
}

bool condition_holds(struct sol_call *call, struct cat_node *body)
{
	cat_autonode struct cat_node *owned = body;
	const char *match = api_header(call->request, "If-Match");
	cat_autofree char *json = body ? cat_node_to_json(body, 0) : NULL;
	char tag[20];
	if (!match || (json && listed(match, doc_etag(json, tag))))
		return true;
	if (json)
		reply_problem(call, 412, "the resource has changed: its tag is %s", tag);
	else
		reply_problem(call, 503, "no memory");
	return false;
}

void reply_resource(struct sol_call *call, unsigned status, struct cat_node *body)
{
	cat_autonode struct cat_node *owned = body;
	const char *none = api_header(call->request, "If-None-Match");
	cat_autofree char *json = body ? cat_node_to_json(body, 0) : NULL;
	char tag[20] = "";
	if (json)
		doc_etag(json, tag);
	if (json && none && !strcmp(call->method->api.verb, "GET") && listed(none, tag))
		api_reply_empty(call->request, 304);
	else
		api_reply(call->request, status, body);
	if (json)
		api_reply_header(call->request, "ETag", tag);
}

void reply_created(struct sol_call *call, unsigned status, const char *path, const char *id, struct cat_node *body)
{
	cat_autofree char *location =
		cat_format("%s%s%s/%s", call->sol->manager->options->api_root, call->request->prefix, path, id);
	if (status == 201)
		reply_resource(call, status, body);
	else
		api_reply_empty(call->request, status);
	if (location)
		api_reply_header(call->request, "Location", location);
}
