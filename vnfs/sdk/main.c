// SPDX-License-Identifier: BSD-3-Clause
// cat_vnf_main: options, and the process from its start to its end.
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_control.h"
#include "cat_eal.h"
#include "cat_file.h"
#include "cat_log.h"
#include "config.h"
#include "process.h"

static void print_help(const char *program, const char *kind)
{
	printf("usage: %s [--socket PATH]\n"
	       "       %s --check FILE\n"
	       "\n"
	       "The network function \"%s\". Catena starts it in a container; by hand it is of use to check "
	       "configurations.\n"
	       "\n"
	       "  --socket PATH  where the dataplane listens (%s)\n"
	       "  --check FILE   read a configuration (JSON, or YAML; - is standard input), print what is wrong with "
	       "it as\n"
	       "                 JSON {message, pointer}, and exit with 0 if nothing is, else 1\n"
	       "  --verbose      log what happens in detail\n"
	       "  --version      print the version\n"
	       "  --help         print this\n"
	       "\n"
	       "examples:\n"
	       "  echo '{}' | %s --check -\n"
	       "  %s --check my-config.yaml && echo sound\n",
	       program, program, kind, CAT_CONTROL_PATH, program, program);
}

static int read_config_file(const char *path, struct cat_node **ret_tree, struct cat_err *err)
{
	if (strcmp(path, "-") != 0)
		return cat_tree_parse_file(path, ret_tree, err);
	cat_autofree char *text = NULL;
	size_t size;
	int result = cat_file_read(AT_FDCWD, "/dev/stdin", CAT_CONFIG_SIZE_MAX, &text, &size, err);
	return result < 0 ? result : cat_tree_parse_json("standard input", text, size, ret_tree, err);
}

static int start_eal(const struct cat_vnf_ops *ops, struct cat_err *err)
{
	return ops->eal ? ops->eal->start(ops->kind, ops->eal_memory_mb, err) : 0;
}

static int check(const struct cat_vnf_ops *ops, const char *path)
{
	struct cat_err err = {0};
	cat_autonode struct cat_node *tree = NULL;
	void *config;
	int result = read_config_file(path, &tree, &err);
	if (result == 0)
		result = start_eal(ops, &err);
	if (result == 0)
		result = ops->config_create(tree && tree->type == CAT_NULL ? NULL : tree, &config, &err);
	if (result == 0) {
		ops->config_destroy(config);
		return 0;
	}
	cat_autonode struct cat_node *problem = control_problem(&err);
	cat_autofree char *text = cat_node_to_json(problem, 0);
	printf("%s\n", text ? text : "{\"message\": \"no memory\"}");
	return 1;
}

static void on_signal(void *user, int signo)
{
	struct cat_vnf *vnf = user;
	cat_info("ending (%s)", strsignal(signo));
	cat_loop_quit(vnf->loop, 0);
}

static int start(struct cat_vnf *vnf, struct cat_err *err)
{
	vnf->loop = cat_loop_create(err);
	if (!vnf->loop)
		return err->code;
	// A process that is the first of its namespace gets no signal that it does not handle.
	if (!cat_loop_add_signal(vnf->loop, SIGTERM, on_signal, vnf, err) ||
	    !cat_loop_add_signal(vnf->loop, SIGINT, on_signal, vnf, err))
		return err->code;
	int result = start_eal(vnf->ops, err);
	return result < 0 ? result : control_open(vnf, err);
}

static int run(const struct cat_vnf_ops *ops, const char *socket_path)
{
	struct cat_vnf *vnf = calloc(1, sizeof(*vnf));
	if (!vnf) {
		cat_error("no memory");
		return 1;
	}
	vnf->ops = ops;
	vnf->socket_path = socket_path;
	vnf->sock = -1;
	pthread_mutex_init(&vnf->tap_lock, NULL);
	for (unsigned i = 0; i < CAT_CHANNELS_MAX; i++)
		vnf->taps[i].fd = -1;

	struct cat_err err = {0};
	int code = 1;
	if (start(vnf, &err) < 0)
		cat_error("%s", err.message);
	else if (!vnf->failed)
		code = cat_loop_run(vnf->loop);

	for (uint32_t i = 0; vnf->workers && i < vnf->attachment.lanes; i++)
		worker_stop(&vnf->workers[i]);
	if (vnf->started && ops->control_stop)
		ops->control_stop(vnf);
	daemons_stop(vnf);
	taps_close(vnf);
	cat_source_remove(vnf->swap_timer);
	prefault_stop(vnf);
	swap_finish(vnf);
	attach_release(vnf);
	control_close(vnf);
	cat_loop_destroy(vnf->loop);
	pthread_mutex_destroy(&vnf->tap_lock);
	bool failed = vnf->failed || code != 0;
	free(vnf);
	return failed;
}

struct cat_loop *cat_vnf_loop(struct cat_vnf *vnf)
{
	return vnf->loop;
}

struct cat_lane *cat_vnf_lane(const struct cat_vnf *vnf, uint32_t id)
{
	return id < vnf->lanes_created ? &vnf->workers[id].engine.lane : NULL;
}

void cat_vnf_set_user(struct cat_vnf *vnf, void *user)
{
	vnf->user = user;
}

void *cat_vnf_user(const struct cat_vnf *vnf)
{
	return vnf->user;
}

int cat_vnf_main(int argc, char **argv, const struct cat_vnf_ops *ops)
{
	static const struct option options[] = {
		{"check", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},     {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},        {0},
	};
	const char *socket_path = CAT_CONTROL_PATH, *program = argc > 0 ? argv[0] : ops->kind;
	cat_log_set_component(ops->kind);
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		switch (c) {
		case 'c':
			return check(ops, optarg);
		case 's':
			socket_path = optarg;
			break;
		case 'v':
			cat_log_set_level(CAT_LOG_DEBUG);
			break;
		case 'V':
			printf("%s %s\n", ops->kind, CATENA_VERSION);
			return 0;
		case 'h':
			print_help(program, ops->kind);
			return 0;
		default:
			fprintf(stderr, "%s --help tells what is accepted\n", program);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: found \"%s\", expected options only; --help tells which\n", program, argv[optind]);
		return 2;
	}
	if (ops->abi != CAT_VNF_ABI) {
		cat_error("made for version %u of the VNF interface, this is %u", ops->abi, CAT_VNF_ABI);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	return run(ops, socket_path);
}
