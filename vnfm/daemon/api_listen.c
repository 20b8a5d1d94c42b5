// SPDX-License-Identifier: BSD-3-Clause
// Where the API is served: a unix socket, and TLS over TCP where the operator asks for it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api_server.h"
#include "cat_cleanup.h"
#include "cat_file.h"
#include "cat_log.h"

#define LISTEN_BACKLOG 64
#define CONNECTION_MEMORY (32u << 10)
#define REMOTE_PER_ADDRESS 16u
#define PEM_MAX (1u << 20)
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static void on_log(void *user, const char *format, va_list args)
{
	(void)user;
	char line[512];
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	cat_debug("http: %s", line);
}

static int bind_local(struct api *api, struct cat_err *err)
{
	const char *path = api->manager->options->socket;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return cat_err_set(err, -ENAMETOOLONG,
				   "%s: found %zu bytes, a socket's path has at most %zu: give --socket or a "
				   "shorter --run-dir",
				   path, strlen(path), sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	int fd = api->local.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cat_err_errno(err, "%s", path);
	unlink(path);
	mode_t mode = api->has_group ? 0660 : 0600;
	// Nobody gets in between bind and chmod: the mode is the descriptor's.
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (api->has_group && chown(path, (uid_t)-1, api->group) < 0) || chmod(path, mode) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return cat_err_errno(err, "%s: listening", path);
	return 0;
}

static int watch(struct api_listener *listener, const struct api_handlers *handlers, const char *where,
		 struct cat_err *err)
{
	const union MHD_DaemonInfo *info =
		listener->daemon ? MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info)
		return cat_err_set(err, -EIO, "%s: the HTTP server does not start%s", where,
				   listener->remote ? ": see that certificate and key are PEM and belong together"
						    : "");
	listener->source = cat_loop_add_fd(listener->api->manager->loop, info->epoll_fd, EPOLLIN, handlers->ready,
					   listener->api, err);
	return listener->source ? 0 : err->code;
}

int api_listen_local(struct api *api, const struct api_handlers *handlers, struct cat_err *err)
{
	struct api_listener *listener = &api->local;
	const struct group *group = getgrnam(api->manager->options->group);
	api->has_group = group;
	api->group = group ? group->gr_gid : 0;
	int r = bind_local(api, err);
	if (r < 0)
		return r;
	listener->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handlers->request,
		listener, MHD_OPTION_EXTERNAL_LOGGER, on_log, api, MHD_OPTION_LISTEN_SOCKET, listener->fd,
		MHD_OPTION_NOTIFY_COMPLETED, handlers->completed, api, MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, API_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	return watch(listener, handlers, api->manager->options->socket, err);
}

// "ADDRESS:PORT" or "[ADDRESS]:PORT".
static int parse_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size,
			 struct cat_err *err)
{
	char host[64] = "", *end = NULL;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : sizeof(host);
	unsigned long port = colon && colon[1] ? strtoul(colon + 1, &end, 10) : 0;
	bool bracket = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	if (length < sizeof(host))
		memcpy(host, text + bracket, length - 2 * bracket);
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
	struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
	memset(ret_address, 0, sizeof(*ret_address));
	if (port && port <= 65535 && !*end && inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*ret_size = sizeof(*four);
	} else if (port && port <= 65535 && !*end && bracket && inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*ret_size = sizeof(*six);
	} else {
		return cat_err_set(err, -EINVAL, "--listen: found \"%s\", expected ADDRESS:PORT or [ADDRESS]:PORT",
				   text);
	}
	return 0;
}

static int bind_remote(struct api *api, struct cat_err *err)
{
	const char *text = api->manager->options->listen;
	struct sockaddr_storage address;
	socklen_t size = 0;
	int one = 1, r = parse_address(text, &address, &size, err);
	if (r < 0)
		return r;
	int fd = api->remote.fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return cat_err_errno(err, "%s: listening", text);
	return 0;
}

static int read_pem(const char *option, const char *path, char **ret_text, struct cat_err *err)
{
	size_t size = 0;
	if (!path)
		return cat_err_set(err, -EINVAL, "--listen needs --%s: without TLS nothing is served over TCP", option);
	return cat_file_read(AT_FDCWD, path, PEM_MAX, ret_text, &size, err);
}

int api_listen_remote(struct api *api, const struct api_handlers *handlers, struct cat_err *err)
{
	const struct options *options = api->manager->options;
	struct api_listener *listener = &api->remote;
	if (!options->listen)
		return 0;
	int r = read_pem("tls-certificate", options->tls_certificate, &api->certificate, err);
	if (r == 0)
		r = read_pem("tls-key", options->tls_key, &api->key, err);
	if (r == 0 && options->tls_clients)
		r = read_pem("tls-clients", options->tls_clients, &api->authority, err);
	if (r == 0 && !options->access)
		r = cat_err_set(err, -EINVAL, "--listen needs --access: nobody may do anything over TCP without it");
	if (r == 0 && !(api->access = access_load(options->access, err)))
		r = err->code;
	if (r == 0 && !(api->rates = access_rates_create()))
		r = cat_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = bind_remote(api, err);
	if (r < 0)
		return r;
	struct MHD_OptionItem trust[] = {
		{api->authority ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, api->authority},
		{MHD_OPTION_END, 0, NULL}};
	listener->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		handlers->request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log, api, MHD_OPTION_LISTEN_SOCKET,
		listener->fd, MHD_OPTION_NOTIFY_COMPLETED, handlers->completed, api, MHD_OPTION_HTTPS_MEM_CERT,
		api->certificate, MHD_OPTION_HTTPS_MEM_KEY, api->key, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
		MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		REMOTE_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, API_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_ARRAY, trust, MHD_OPTION_END);
	r = watch(listener, handlers, options->listen, err);
	if (r == 0)
		cat_info("serves on %s with TLS", options->listen);
	return r;
}

void api_listen_end(struct api *api)
{
	struct api_listener *const listeners[] = {&api->local, &api->remote};
	for (size_t i = 0; i < CAT_ARRAY_LEN(listeners); i++) {
		cat_source_remove(listeners[i]->source);
		if (listeners[i]->daemon)
			MHD_stop_daemon(listeners[i]->daemon); // closes the socket
		else if (listeners[i]->fd >= 0)
			close(listeners[i]->fd);
	}
	if (api->local.fd >= 0)
		unlink(api->manager->options->socket);
	access_free(api->access);
	access_rates_free(api->rates);
	free(api->certificate);
	free(api->key);
	free(api->authority);
}
