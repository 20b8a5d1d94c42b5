// SPDX-License-Identifier: BSD-3-Clause
// Who may do what over TCP: clients by bearer token (RFC 6750) or certificate, each with a scope and its services. Who
// comes by the unix socket may do everything: the socket's own check let him in.
#ifndef VNFM_API_ACCESS_H
#define VNFM_API_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cat_err.h"

#define ACCESS_CLIENTS_MAX 256u
#define ACCESS_FILE_MAX (1u << 20)
#define ACCESS_RATE 50u   // requests a second of one address ...
#define ACCESS_BURST 200u // ... after so many at once

enum access_scope { ACCESS_NONE, ACCESS_READ, ACCESS_OPERATE, ACCESS_ADMIN };
extern const char *const access_scope_names[];

struct access;
struct access_client; // one line of the file

// Reads the clients from a YAML or JSON file that only its owner may read (docs/access.md). NULL: err says why.
struct access *access_load(const char *path, struct cat_err *err);
void access_free(struct access *access);
// NULL: nobody. header: the Authorization header or NULL; names: of the verified certificate, ended by NULL, or NULL.
const struct access_client *access_find(const struct access *access, const char *header, const char *const *names);
const char *access_name(const struct access_client *client);
// Whether the client has the scope, for that service (NULL: for all services).
bool access_allows(const struct access_client *client, enum access_scope scope, const char *service);
enum access_scope access_scope(const struct access_client *client);

// Takes one of the address' requests. False: it has had its share. now_ms: CLOCK_MONOTONIC.
struct access_rates;
struct access_rates *access_rates_create(void); // NULL: no memory
void access_rates_free(struct access_rates *rates);
bool access_rates_take(struct access_rates *rates, const void *address, unsigned size, uint64_t now_ms);

#endif
