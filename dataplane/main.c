// SPDX-License-Identifier: BSD-3-Clause
// catena-dataplane: the packets of one service. Started by catenad with the control socket as descriptor 3.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "cat_log.h"
#include "cat_memfd.h"
#include "control.h"
#include "eal.h"

static const char usage[] =
	"usage: catena-dataplane [--memory MIB] [--node N] [--json] [--verbose]\n"
	"\n"
	"Carries the packets of one Catena service. catenad starts it, with a socket as descriptor 3.\n"
	"\n"
	"  --memory MIB  for packet headers and queues of devices (1024)\n"
	"  --node N      the NUMA node where all memory is taken if it has some left; -1: any (-1)\n"
	"  --json        log as JSON lines\n"
	"  --verbose     log more\n"
	"  --help        print this\n"
	"  --version     print the version\n";

static bool number(const char *text, long min, long max, long *ret)
{
	char *end;
	errno = 0;
	*ret = strtol(text, &end, 10);
	return *text && !*end && !errno && *ret >= min && *ret <= max;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t size = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

// Every ring of a large service is a descriptor.
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	enum { OPTION_MEMORY = 256, OPTION_NODE, OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_VERSION };
	static const struct option options[] = {{"memory", required_argument, NULL, OPTION_MEMORY},
						{"node", required_argument, NULL, OPTION_NODE},
						{"json", no_argument, NULL, OPTION_JSON},
						{"verbose", no_argument, NULL, OPTION_VERBOSE},
						{"help", no_argument, NULL, OPTION_HELP},
						{"version", no_argument, NULL, OPTION_VERSION},
						{0}};
	long memory_mib = 1024, node = -1;
	for (int o = getopt_long(argc, argv, "", options, NULL); o != -1;
	     o = getopt_long(argc, argv, "", options, NULL)) {
		switch (o) {
		case OPTION_MEMORY:
			if (number(optarg, EAL_MEMORY_MIB_MIN, EAL_MEMORY_MIB_MAX, &memory_mib))
				break;
			fprintf(stderr, "--memory: found \"%s\", expected %d to %d MiB\n", optarg, EAL_MEMORY_MIB_MIN,
				EAL_MEMORY_MIB_MAX);
			return 2;
		case OPTION_NODE:
			if (number(optarg, -1, CAT_MEMFD_NODES_MAX - 1, &node))
				break;
			fprintf(stderr, "--node: found \"%s\", expected -1 to %d\n", optarg,
				(int)CAT_MEMFD_NODES_MAX - 1);
			return 2;
		case OPTION_JSON:
			cat_log_set_json(true);
			break;
		case OPTION_VERBOSE:
			cat_log_set_level(CAT_LOG_DEBUG);
			break;
		case OPTION_HELP:
			fputs(usage, stdout);
			return 0;
		case OPTION_VERSION:
			puts("catena-dataplane " CATENA_VERSION);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	cat_log_set_component("dataplane");
	if (!is_socket(CAT_CONTROL_FD)) {
		cat_error("descriptor %d is not the manager's socket: catena-dataplane is started by catenad",
			  CAT_CONTROL_FD);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	struct cat_err err = {0};
	struct eal eal = {0};
	int code = 1;
	if (eal_start(&eal, (unsigned)memory_mib, (int)node, &err) < 0)
		cat_error("%s", err.message);
	else
		code = control_run(CAT_CONTROL_FD);
	eal_stop(&eal);
	return code;
}
