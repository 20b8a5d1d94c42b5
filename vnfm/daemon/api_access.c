// SPDX-License-Identifier: BSD-3-Clause
#include "api_access.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cat_cleanup.h"
#include "cat_tree.h"

#define DIGEST 32
#define RATES 1024u // addresses that are remembered; who falls into another's place starts with its share

const char *const access_scope_names[] = {"none", "read", "operate", "admin"};

struct access_client {
	const char *name, *certificate; // NULL: has none
	unsigned char digest[DIGEST];   // of the token
	bool has_token;
	enum access_scope scope;
	const struct cat_node *services; // NULL: all
};

struct access {
	struct cat_node *tree; // what the clients' texts are borrowed from
	struct access_client client[ACCESS_CLIENTS_MAX];
	size_t count;
};

static int read_digest(const struct cat_node *map, struct access_client *client, struct cat_err *err)
{
	const char *hex = NULL;
	int r = cat_node_read_string(map, "token_sha256", CAT_OPTIONAL, &hex, err);
	if (r < 0 || !hex)
		return r;
	if (strlen(hex) != 2 * DIGEST || strspn(hex, "0123456789abcdef") != 2 * DIGEST)
		return cat_node_error(cat_node_get(map, "token_sha256"), err,
				      "expected 64 lower-case hexadecimal digits: printf %%s TOKEN | sha256sum");
	for (size_t i = 0; i < DIGEST; i++) {
		const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
		client->digest[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	client->has_token = true;
	return 0;
}

static int read_scope(const struct cat_node *map, struct access_client *client, struct cat_err *err)
{
	const char *scope = "";
	int r = cat_node_read_string(map, "scope", CAT_REQUIRED, &scope, err);
	for (int i = ACCESS_READ; r == 0 && i <= ACCESS_ADMIN; i++)
		if (!strcmp(scope, access_scope_names[i]))
			client->scope = (enum access_scope)i;
	if (r == 0 && !client->scope)
		r = cat_node_error(cat_node_get(map, "scope"), err, "found \"%s\", expected read, operate or admin",
				   scope);
	return r;
}

static int read_client(const struct cat_node *map, struct access_client *client, struct cat_err *err)
{
	static const char *const known[] = {"name", "token_sha256", "certificate", "scope", "services"};
	if (map->type != CAT_MAP)
		return cat_node_error(map, err, "expected a map with name, scope, and token_sha256 or certificate");
	for (const struct cat_node *item = map->first; item; item = item->next) {
		bool found = false;
		for (size_t i = 0; i < CAT_ARRAY_LEN(known); i++)
			found |= !strcmp(known[i], item->key);
		if (!found)
			return cat_node_error(
				item, err, "unknown key, expected name, token_sha256, certificate, scope or services");
	}
	int r = cat_node_read_string(map, "name", CAT_REQUIRED, &client->name, err);
	if (r == 0)
		r = cat_node_read_string(map, "certificate", CAT_OPTIONAL, &client->certificate, err);
	if (r == 0)
		r = read_digest(map, client, err);
	if (r == 0)
		r = read_scope(map, client, err);
	if (r == 0)
		r = cat_node_read_list(map, "services", CAT_OPTIONAL, &client->services, err);
	if (r == 0 && !client->has_token && !client->certificate)
		r = cat_node_error(map, err, "expected token_sha256 or certificate");
	return r;
}

// A file that others can write or read would give everything away.
static int check_mode(const char *path, struct cat_err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return cat_err_errno(err, "%s", path);
	if (st.st_mode & 077)
		return cat_err_set(err, -EPERM,
				   "%s: found mode %03o, expected that only its owner has access: chmod 600", path,
				   st.st_mode & 0777);
	return st.st_size > ACCESS_FILE_MAX
		       ? cat_err_set(err, -E2BIG, "%s: has more than %u bytes", path, ACCESS_FILE_MAX)
		       : 0;
}

struct access *access_load(const char *path, struct cat_err *err)
{
	struct access *access = calloc(1, sizeof(*access));
	const struct cat_node *list = NULL;
	if (!access) {
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	int r = check_mode(path, err);
	if (r == 0)
		r = cat_tree_parse_file(path, &access->tree, err);
	if (r == 0)
		r = cat_node_read_list(access->tree, "clients", CAT_REQUIRED, &list, err);
	if (r == 0 && list->count > ACCESS_CLIENTS_MAX)
		r = cat_node_error(list, err, "found %zu clients, at most %u are possible", list->count,
				   ACCESS_CLIENTS_MAX);
	for (const struct cat_node *map = r == 0 ? list->first : NULL; map && r == 0; map = map->next)
		r = read_client(map, &access->client[access->count++], err);
	if (r == 0)
		return access;
	cat_err_wrap(err, "%s", path);
	access_free(access);
	return NULL;
}

void access_free(struct access *access)
{
	if (access)
		cat_node_free(access->tree);
	free(access);
}

const struct access_client *access_find(const struct access *access, const char *header, const char *const *names)
{
	static const char bearer[] = "Bearer ";
	unsigned char digest[DIGEST];
	const struct access_client *found = NULL;
	bool token = header && !strncasecmp(header, bearer, strlen(bearer)) &&
		     gnutls_hash_fast(GNUTLS_DIG_SHA256, header + strlen(bearer), strlen(header + strlen(bearer)),
				      digest) == 0;
	// Whoever offers a token is judged by it; and in the same time whether it is right or not.
	for (size_t i = 0; token && i < access->count; i++)
		if (access->client[i].has_token && !gnutls_memcmp(access->client[i].digest, digest, DIGEST))
			found = &access->client[i];
	for (size_t i = 0; !header && names && i < access->count; i++)
		for (const char *const *name = names; *name && access->client[i].certificate; name++)
			if (!strcmp(access->client[i].certificate, *name))
				return &access->client[i];
	return found;
}

const char *access_name(const struct access_client *client)
{
	return client->name;
}

enum access_scope access_scope(const struct access_client *client)
{
	return client->scope;
}

bool access_allows(const struct access_client *client, enum access_scope scope, const char *service)
{
	if (client->scope < scope)
		return false;
	for (const struct cat_node *item = client->services ? client->services->first : NULL; item && service;
	     item = item->next)
		if (item->type == CAT_STRING && !strcmp(item->string, service))
			return true;
	return !client->services;
}

struct access_rates {
	struct {
		unsigned char address[16];
		uint64_t at_ms;
		uint64_t tokens; // thousandths of requests
	} slot[RATES];
};

struct access_rates *access_rates_create(void)
{
	return calloc(1, sizeof(struct access_rates));
}

void access_rates_free(struct access_rates *rates)
{
	free(rates);
}

bool access_rates_take(struct access_rates *rates, const void *address, unsigned size, uint64_t now_ms)
{
	unsigned char key[16] = {0};
	uint32_t hash = 2166136261u;
	memcpy(key, address, size < sizeof(key) ? size : sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		hash = (hash ^ key[i]) * 16777619u;
	__typeof__(rates->slot[0]) *slot = &rates->slot[hash % RATES];
	if (memcmp(slot->address, key, sizeof(key)) != 0 || !slot->at_ms) {
		memcpy(slot->address, key, sizeof(key));
		slot->tokens = ACCESS_BURST * 1000u;
		slot->at_ms = now_ms;
	}
	uint64_t gained = (now_ms - slot->at_ms) * ACCESS_RATE;
	slot->tokens = slot->tokens + gained < ACCESS_BURST * 1000u ? slot->tokens + gained : ACCESS_BURST * 1000u;
	slot->at_ms = now_ms;
	if (slot->tokens < 1000)
		return false;
	slot->tokens -= 1000;
	return true;
}
