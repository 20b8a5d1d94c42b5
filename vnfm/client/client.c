// SPDX-License-Identifier: BSD-3-Clause
#include "cat_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cat_cleanup.h"
#include "cat_file.h"

#define HOST "http://catena"
#define BASE HOST "/catena/v1"
#define CONNECT_MS 5000L

struct cat_client {
	CURL *curl;
	char *socket;
};

// What comes in: either collected, or cut into lines.
struct incoming {
	const struct cat_client_request *request;
	CURL *curl;
	char *text;
	size_t size;
	int stopped; // by the line function
	bool overflow;
};

struct cat_client *cat_client_create(const char *socket, struct cat_err *err)
{
	struct cat_client *client = calloc(1, sizeof(*client));
	if (client) {
		client->curl = curl_easy_init();
		client->socket = strdup(socket);
	}
	if (!client || !client->curl || !client->socket) {
		cat_err_set(err, -ENOMEM, "client: no memory");
		cat_client_destroy(client);
		return NULL;
	}
	return client;
}

void cat_client_destroy(struct cat_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	free(client->socket);
	free(client);
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
}

// Appends text with everything but RFC 3986's unreserved characters escaped. "." and ".." would be taken for
// directories.
static char *append_escaped(char *to, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	bool dots = !strcmp(text, ".") || !strcmp(text, "..");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (unreserved(c) && !dots) {
			*to++ = (char)c;
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	*to = 0;
	return to;
}

static char *append(char *path, const char *separator, const char *key, const char *text)
{
	size_t length = path ? strlen(path) : 0;
	char *more = realloc(path, length + strlen(separator) + strlen(key) + 3 * strlen(text) + 2);
	if (!more) {
		free(path);
		return NULL;
	}
	char *end = more + length;
	end += sprintf(end, "%s%s", separator, key);
	if (*key)
		*end++ = '=';
	append_escaped(end, text);
	return more;
}

char *cat_client_path(const char *first, ...)
{
	va_list args;
	va_start(args, first);
	char *path = NULL;
	for (const char *part = first; part; part = va_arg(args, const char *)) {
		path = append(path, "/", "", part);
		if (!path)
			break;
	}
	va_end(args);
	return path;
}

char *cat_client_query(char *path, const char *key, const char *value)
{
	return path ? append(path, strchr(path, '?') ? "&" : "?", key, value) : NULL;
}

static bool give_lines(struct incoming *in)
{
	char *start = in->text, *end;
	size_t left = in->size;
	while (!in->stopped && (end = memchr(start, '\n', left)) != NULL) {
		*end = 0;
		in->stopped = in->request->line(in->request->user, start);
		left -= (size_t)(end + 1 - start);
		start = end + 1;
	}
	memmove(in->text, start, left);
	in->size = left;
	return !in->stopped;
}

static size_t on_data(char *data, size_t unit, size_t count, void *user)
{
	struct incoming *in = user;
	size_t size = unit * count;
	if (in->size + size > CAT_CLIENT_BODY_MAX) {
		in->overflow = true;
		return 0;
	}
	char *more = realloc(in->text, in->size + size + 1);
	if (!more)
		return 0;
	in->text = more;
	memcpy(more + in->size, data, size);
	in->size += size;
	more[in->size] = 0;
	const char *type = NULL;
	curl_easy_getinfo(in->curl, CURLINFO_CONTENT_TYPE, &type);
	if (in->request->line && type && !strcmp(type, "application/jsonl") && !give_lines(in))
		return 0;
	return size;
}

// A unix socket that is not there, and one that nobody listens at, look alike to curl.
static int explain(const struct cat_client *client, CURLcode code, const struct incoming *in, struct cat_err *err)
{
	if (in->stopped)
		return cat_err_set(err, -ECANCELED, "ended");
	if (in->overflow)
		return cat_err_set(err, -EBADMSG, "%s: the answer is larger than %u bytes", client->socket,
				   CAT_CLIENT_BODY_MAX);
	if (code != CURLE_COULDNT_CONNECT)
		return cat_err_set(err, -EPIPE, "%s: the manager went away: %s", client->socket,
				   curl_easy_strerror(code));
	if (access(client->socket, F_OK) == 0 && access(client->socket, W_OK) < 0)
		return cat_err_set(err, -EACCES, "%s: not allowed: use it as root or as a member of the group catena",
				   client->socket);
	return cat_err_set(err, -ENOTCONN,
			   "no manager serves on %s: start catenad, or bring a service up with `catena up`",
			   client->socket);
}

static int set_options(struct cat_client *client, const struct cat_client_request *request, const char *url,
		       struct curl_slist *headers, struct incoming *in)
{
	CURL *curl = client->curl;
	curl_easy_reset(curl);
	if (curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket) ||
	    curl_easy_setopt(curl, CURLOPT_URL, url) || curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->verb) ||
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") || curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) ||
	    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) || curl_easy_setopt(curl, CURLOPT_WRITEDATA, in))
		return -ENOMEM;
	if (request->body && (curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) ||
			      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size)))
		return -ENOMEM;
	return 0;
}

static struct curl_slist *make_headers(const struct cat_client_request *request)
{
	// An empty Expect: a body is sent at once, not after a second of waiting for "100 Continue".
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:"), *more;
	if (request->body) {
		more = curl_slist_append(headers, request->whole ? "Content-Type: application/json"
								 : "Content-Type: application/yaml");
		headers = more ? more : headers;
	}
	if (request->whole) {
		more = curl_slist_append(headers, "Version: 2.0.0");
		headers = more ? more : headers;
	}
	if (request->accept) {
		cat_autofree char *line = cat_format("Accept: %s", request->accept);
		more = line ? curl_slist_append(headers, line) : NULL;
		headers = more ? more : headers;
	}
	return headers;
}

static void read_headers(CURL *curl, struct cat_client_reply *reply)
{
	struct curl_header *header = NULL;
	if (curl_easy_header(curl, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
	    strlen(header->value) < sizeof(reply->location))
		snprintf(reply->location, sizeof(reply->location), "%s", header->value);
	if (curl_easy_header(curl, "Link", 0, CURLH_HEADER, -1, &header) != CURLHE_OK || header->value[0] != '<')
		return;
	size_t length = strcspn(header->value + 1, ">");
	if (strstr(header->value, "rel=\"next\"") && length < sizeof(reply->next))
		snprintf(reply->next, sizeof(reply->next), "%.*s", (int)length, header->value + 1);
}

int cat_client_send(struct cat_client *client, const struct cat_client_request *request,
		    struct cat_client_reply *ret_reply, struct cat_err *err)
{
	struct incoming in = {.request = request, .curl = client->curl};
	cat_autofree char *url = request->path ? cat_format("%s%s", request->whole ? HOST : BASE, request->path) : NULL;
	struct curl_slist *headers = make_headers(request);
	int r = 0;
	if (!url || !headers || set_options(client, request, url, headers, &in) < 0)
		r = cat_err_set(err, -ENOMEM, "client: no memory");
	CURLcode code = r == 0 ? curl_easy_perform(client->curl) : CURLE_OK;
	curl_slist_free_all(headers);
	if (r == 0 && code != CURLE_OK)
		r = explain(client, code, &in, err);
	struct cat_client_reply reply = {0};
	long status = 0;
	if (r == 0) {
		curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
		reply.status = (unsigned)status;
		read_headers(client->curl, &reply);
		if (in.size)
			r = cat_tree_parse_json("answer", in.text, in.size, &reply.body, err);
		if (r < 0)
			r = cat_err_set(err, -EBADMSG, "%s: the answer is no JSON", client->socket);
	}
	free(in.text);
	if (r == 0)
		*ret_reply = reply;
	return r;
}

const char *cat_client_problem(const struct cat_client_reply *reply)
{
	const char *text = "no reason given";
	cat_node_read_string(reply->body, "title", CAT_OPTIONAL, &text, NULL);
	cat_node_read_string(reply->body, "detail", CAT_OPTIONAL, &text, NULL);
	return text;
}
