// SPDX-License-Identifier: BSD-3-Clause
// docs/api/openapi.yaml of the table of methods and the schemas that requests are checked with. JSON is YAML; it is
// written as YAML all the same, because people read it.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "method.h"

static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *p = text; *p; p++)
		fprintf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
	fputc('"', out);
}

// References lead to where OpenAPI keeps schemas.
static void write_scalar(FILE *out, const struct cat_node *node)
{
	static const char from[] = "#/$defs/";
	if (node->type == CAT_STRING && !strncmp(node->string, from, strlen(from)))
		fprintf(out, "\"#/components/schemas/%s\"", node->string + strlen(from));
	else if (node->type == CAT_STRING)
		write_text(out, node->string);
	else if (node->type == CAT_INT)
		fprintf(out, "%lld", (long long)node->integer);
	else
		fputs(node->type == CAT_BOOL ? node->boolean ? "true" : "false" : "null", out);
}

static void write_tree(FILE *out, const struct cat_node *node, int indent)
{
	for (const struct cat_node *child = node->first; child; child = child->next) {
		fprintf(out, "%*s", indent, "");
		if (node->type == CAT_MAP)
			fprintf(out, strpbrk(child->key, "$@") ? "\"%s\":" : "%s:", child->key);
		else
			fputc('-', out);
		if (child->type != CAT_MAP && child->type != CAT_LIST) {
			fputc(' ', out);
			write_scalar(out, child);
			fputc('\n', out);
		} else if (!child->count) {
			fputs(child->type == CAT_MAP ? " {}\n" : " []\n", out);
		} else {
			fputc('\n', out);
			write_tree(out, child, indent + 2);
		}
	}
}

static void write_parameters(FILE *out, const struct sol_method *method)
{
	bool id = strstr(method->api.path, "{id}") != NULL;
	if (!id && !*method->api.parameters)
		return;
	fputs("      parameters:\n", out);
	if (id)
		fputs("        - {name: id, in: path, required: true, schema: {type: string}}\n", out);
	for (const char *p = method->api.parameters; *p;) {
		size_t n = strcspn(p, ",");
		fprintf(out, "        - {name: %.*s, in: query, required: false, schema: {type: string}}\n", (int)n, p);
		p += n;
		p += strspn(p, ", ");
	}
}

static void write_answers(FILE *out, const struct sol_method *method)
{
	fputs("      responses:\n", out);
	for (const char *p = method->api.answers; *p;) {
		unsigned status = (unsigned)strtoul(p, NULL, 10);
		bool problem = status >= 400, body = status < 202 && method->answer;
		const char *reason = MHD_get_reason_phrase_for(status);
		fprintf(out, "        \"%u\":\n          description: %s\n", status, reason);
		if (problem)
			fputs("          content: {application/problem+json: {schema: {$ref: "
			      "\"#/components/schemas/ProblemDetails\"}}}\n",
			      out);
		else if (body)
			fprintf(out, "          content: {application/json: {schema: {title: %s}}}\n", method->answer);
		if (status == 201 || status == 202 || status == 303)
			fputs("          headers: {Location: {schema: {type: string, format: uri}}}\n", out);
		p += strcspn(p, ",");
		p += strspn(p, ", ");
	}
}

static void write_one(FILE *out, const struct sol_method *method)
{
	char verb[16];
	snprintf(verb, sizeof(verb), "%s", method->api.verb);
	for (char *p = verb; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	fprintf(out, "    %s:\n      summary: ", verb);
	write_text(out, method->api.summary);
	fputc('\n', out);
	write_parameters(out, method);
	if (method->schema)
		fprintf(out,
			"      requestBody:\n        required: true\n        content: {%s: {schema: {$ref: "
			"\"#/components/schemas/%s\"}}}\n",
			strcmp(verb, "patch") != 0 ? "application/json" : "application/merge-patch+json",
			method->schema);
	write_answers(out, method);
}

// The methods of a path stand together; the first of them writes all.
static bool is_first(size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(sol_methods[i].interface, sol_methods[at].interface) &&
		    !strcmp(sol_methods[i].api.path, sol_methods[at].api.path))
			return false;
	return true;
}

char *openapi_text(const struct cat_node *schema)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fputs("# SPDX-License-Identifier: BSD-3-Clause\n# Made by `catenad --openapi`; do not edit by hand.\n"
	      "openapi: 3.1.0\ninfo:\n  title: ETSI GS NFV-SOL 003 as catenad serves it\n  version: " CATENA_VERSION
	      "\npaths:\n",
	      out);
	for (unsigned version = 1; version <= 2; version++) {
		for (size_t i = 0; i < sol_method_count; i++) {
			const struct sol_method *first = &sol_methods[i];
			if (!(first->versions & version) || !is_first(i))
				continue;
			fprintf(out, "  /%s/v%u%s:\n", first->interface, version, first->api.path);
			for (size_t k = i; k < sol_method_count; k++)
				if (!strcmp(sol_methods[k].interface, first->interface) &&
				    !strcmp(sol_methods[k].api.path, first->api.path))
					write_one(out, &sol_methods[k]);
		}
	}
	fputs("components:\n  schemas:\n    ProblemDetails:\n      type: object\n      required: [status, detail]\n"
	      "      properties:\n        type: {type: string, format: uri}\n        title: {type: string}\n"
	      "        status: {type: integer}\n        detail: {type: string}\n        problems:\n          type: "
	      "array\n"
	      "          items: {type: object}\n",
	      out);
	const struct cat_node *defs = cat_node_get(schema, "$defs");
	if (defs)
		write_tree(out, defs, 4);
	return fclose(out) == 0 ? text : NULL;
}
