// SPDX-License-Identifier: BSD-3-Clause
// Who is behind a request, and whether he may. By the unix socket: credentials of the peer (unix(7)); over TCP: the
// client that the token or certificate names.
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api_audit.h"
#include "api_server.h"
#include "cat_cleanup.h"

#define GROUPS_MAX 1024

// Root, whoever the manager runs as, and members of the group, if there is one.
static bool may_use(struct api_request *request)
{
	const struct api *api = request->api;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	snprintf(request->who, sizeof(request->who), "uid %u", peer.uid);
	if (peer.uid == 0 || peer.uid == geteuid() || (api->has_group && peer.gid == api->group))
		return true;
	gid_t groups[GROUPS_MAX];
	length = sizeof(groups);
	if (!api->has_group || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		return false;
	for (size_t i = 0; i < length / sizeof(*groups); i++)
		if (groups[i] == api->group)
			return true;
	return false;
}

// The common name of the certificate that the peer showed, if it is of the authority. False: it is not, or none.
static bool read_certificate(struct api_request *request, char *name, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned status = 1, count = 0;
	gnutls_x509_crt_t certificate = NULL;
	if (!request->api->authority || !info ||
	    gnutls_certificate_verify_peers2(info->tls_session, &status) != GNUTLS_E_SUCCESS || status)
		return false;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(info->tls_session, &count);
	if (!chain || !count || gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS)
		return false;
	bool done = gnutls_x509_crt_import(certificate, chain, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS &&
		    gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) ==
			    GNUTLS_E_SUCCESS;
	gnutls_x509_crt_deinit(certificate);
	return done;
}

static bool in_rate(struct api_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	const void *bytes = NULL;
	unsigned size = 0;
	if (address && address->sa_family == AF_INET6) {
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
		size = 8; // one host may have a whole /64
		inet_ntop(AF_INET6, bytes, request->from, sizeof(request->from));
	} else if (address && address->sa_family == AF_INET) {
		bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
		size = 4;
		inet_ntop(AF_INET, bytes, request->from, sizeof(request->from));
	}
	return bytes && access_rates_take(request->api->rates, bytes, size, cat_now_ms());
}

static bool admit_remote(struct api_request *request)
{
	char name[256];
	if (!in_rate(request)) {
		api_reply_problem(request, 429, "too many requests from this address", NULL);
		api_reply_header(request, "Retry-After", "1");
		return false;
	}
	const char *names[] = {read_certificate(request, name, sizeof(name)) ? name : NULL, NULL};
	request->client = access_find(request->api->access, api_header(request, "Authorization"), names);
	if (request->client) {
		snprintf(request->who, sizeof(request->who), "%s", access_name(request->client));
		return true;
	}
	api_reply_problem(request, 401, "expected a bearer token or a certificate that the manager knows", NULL);
	api_reply_header(request, "WWW-Authenticate", "Bearer realm=\"catena\"");
	return false;
}

bool api_admit(struct api_request *request, const struct api_listener *listener)
{
	request->remote = listener->remote;
	snprintf(request->who, sizeof(request->who), "nobody");
	snprintf(request->from, sizeof(request->from), listener->remote ? "?" : "unix");
	if (listener->remote)
		return admit_remote(request);
	if (may_use(request))
		return true;
	api_reply_problem(request, 403, "only root and members of the manager's group may use this socket", NULL);
	return false;
}

bool api_allowed(const struct api_request *request, enum access_scope scope, const char *service)
{
	return !request->remote || (request->client && access_allows(request->client, scope, service));
}

enum access_scope api_scope(const struct api_method *method)
{
	if (method->scope != ACCESS_NONE)
		return method->scope;
	return !strcmp(method->verb, "GET") ? ACCESS_READ : ACCESS_ADMIN;
}

void api_reply_forbidden(struct api_request *request, enum access_scope scope, const char *service)
{
	char detail[256];
	snprintf(detail, sizeof(detail), "this needs the scope %s%s%s", access_scope_names[scope],
		 service ? " for the service " : "", service ? service : "");
	api_reply_problem(request, 403, detail, NULL);
}

bool api_admit_route(struct api_request *request)
{
	enum access_scope scope = api_scope(request->method);
	const char *service = *request->service ? request->service : NULL;
	bool later = request->method->per_service && !service;
	if (!request->remote || (later ? access_scope(request->client) >= scope : api_allowed(request, scope, service)))
		return true;
	api_reply_forbidden(request, scope, service);
	return false;
}

void api_account(struct api_request *request)
{
	bool refused = request->status == 401 || request->status == 403 || request->status == 429;
	if (!request->url || (!strcmp(request->verb, "GET") && !refused))
		return;
	audit_write(request->api->manager->options->state_dir,
		    &(struct audit){.who = request->who,
				    .from = request->from,
				    .verb = request->verb,
				    .path = request->url,
				    .status = request->answered ? request->status : 0});
}
