// SPDX-License-Identifier: BSD-3-Clause
// The headline figure: packets a second through `null` functions in processes of their own on one core, generated and
// swallowed in the dataplane.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rig.h"

#define FUNCTIONS_MAX 16u
#define RUNS_MAX 100u

struct options {
	const char *dataplane, *function, *poll;
	unsigned functions, runs, seconds;
	uint32_t ring, burst, size, flows;
	int cpu;
	uint64_t page_bytes;
	bool verbose, sequence;
};

static const char usage[] = "usage: passthrough --dataplane PROGRAM --function PROGRAM [options]\n"
			    "\n"
			    "Measures packets a second through a chain of null functions on one core.\n"
			    "\n"
			    "  --functions N   length of the chain (3; 0: port to port)\n"
			    "  --cpu N         the core (1, or 0 where there is no other)\n"
			    "  --ring N        slots of each ring (4096)\n"
			    "  --burst N       packets in a burst (1024)\n"
			    "  --size N        bytes of a frame with its check sequence (64)\n"
			    "  --flows N       flows of the generator (1)\n"
			    "  --sequence      number, time and check every packet\n"
			    "  --runs N        measurements (5)\n"
			    "  --seconds N     seconds of each (2)\n"
			    "  --huge          2 MiB pages for the region\n"
			    "  --verbose       print all counters at the end\n";

static int read_options(int argc, char **argv, struct options *o)
{
	enum {
		DATAPLANE,
		FUNCTION,
		FUNCTIONS,
		CPU,
		RING,
		BURST,
		SIZE,
		FLOWS,
		RUNS,
		SECONDS,
		HUGE,
		VERBOSE,
		SEQUENCE,
		HELP
	};
	static const struct option options[] = {{"dataplane", 1, NULL, DATAPLANE},
						{"function", 1, NULL, FUNCTION},
						{"functions", 1, NULL, FUNCTIONS},
						{"cpu", 1, NULL, CPU},
						{"ring", 1, NULL, RING},
						{"burst", 1, NULL, BURST},
						{"size", 1, NULL, SIZE},
						{"flows", 1, NULL, FLOWS},
						{"runs", 1, NULL, RUNS},
						{"seconds", 1, NULL, SECONDS},
						{"huge", 0, NULL, HUGE},
						{"verbose", 0, NULL, VERBOSE},
						{"sequence", 0, NULL, SEQUENCE},
						{"help", 0, NULL, HELP},
						{0}};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		unsigned long v = optarg ? strtoul(optarg, NULL, 10) : 0;
		switch (c) {
		case DATAPLANE:
			o->dataplane = optarg;
			break;
		case FUNCTION:
			o->function = optarg;
			break;
		case FUNCTIONS:
			o->functions = v < FUNCTIONS_MAX ? (unsigned)v : FUNCTIONS_MAX;
			break;
		case CPU:
			o->cpu = (int)v;
			break;
		case RING:
			o->ring = (uint32_t)v;
			break;
		case BURST:
			o->burst = (uint32_t)v;
			break;
		case SIZE:
			o->size = (uint32_t)v;
			break;
		case FLOWS:
			o->flows = (uint32_t)v;
			break;
		case RUNS:
			o->runs = v < RUNS_MAX ? (unsigned)v : RUNS_MAX;
			break;
		case SECONDS:
			o->seconds = (unsigned)v;
			break;
		case HUGE:
			o->page_bytes = 2u << 20;
			break;
		case SEQUENCE:
			o->sequence = true;
			break;
		case VERBOSE:
			o->verbose = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return o->dataplane && (o->function || !o->functions) && optind == argc && o->runs && o->seconds ? 0 : -EINVAL;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct rig *start_chain(const struct options *o, struct cat_err *err)
{
	const char *kinds[FUNCTIONS_MAX];
	char generator[128];
	for (unsigned i = 0; i < FUNCTIONS_MAX; i++)
		kinds[i] = "null";
	snprintf(generator, sizeof(generator),
		 "{\"driver\": \"gen\", \"options\": {\"size\": %u, \"flows\": %u, \"sequence\": %s}}", o->size,
		 o->flows, o->sequence ? "true" : "false");
	struct rig_plan shape = {
		.left = generator,
		.right = o->sequence ? "{\"driver\": \"gen\", \"options\": {\"send\": false, \"sequence\": true}}"
				     : "{\"driver\": \"null\"}",
		.kinds = kinds,
		.count = o->functions,
		.cpus = &o->cpu,
		.lanes = 1,
		.ring = o->ring,
		.burst = o->burst,
		.page_bytes = o->page_bytes,
	};
	cat_autonode struct cat_node *plan = rig_plan_make(&shape, err);
	struct rig *rig = plan ? rig_create(o->dataplane, plan, err) : NULL;
	for (unsigned i = 0; rig && i < o->functions; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%u", i);
		if (rig_configure(rig, name, "{}", err) < 0 || rig_start(rig, name, o->function, err) < 0) {
			rig_destroy(rig);
			return NULL;
		}
	}
	cat_autonode struct cat_node *running = rig ? rig_wait(rig, "running", NULL, 10000) : NULL;
	if (rig && !running) {
		cat_err_set(err, -ETIMEDOUT, "the functions did not run within 10 s");
		rig_destroy(rig);
		return NULL;
	}
	return rig;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

// A machine that has other work to do lends the chain a part of the core only; packets per second of core time
// tell what the chain costs all the same.
static void measure(const struct rig *rig, const struct options *o)
{
	double mpps[RUNS_MAX], per_core[RUNS_MAX];
	struct timespec pause = {.tv_sec = o->seconds};
	for (unsigned i = 0; i < o->runs; i++) {
		uint64_t before = rig_counter(rig, NULL, "port.right.tx_packets");
		double start = now(), cpu = rig_cpu_seconds(rig);
		nanosleep(&pause, NULL);
		double packets = (double)(rig_counter(rig, NULL, "port.right.tx_packets") - before);
		mpps[i] = packets / (now() - start) / 1e6;
		per_core[i] = packets / (rig_cpu_seconds(rig) - cpu) / 1e6;
		printf("run %u: %.2f Mpps, %.2f per second of core time\n", i + 1, mpps[i], per_core[i]);
	}
	qsort(mpps, o->runs, sizeof(mpps[0]), compare);
	qsort(per_core, o->runs, sizeof(per_core[0]), compare);
	printf("%u functions, %u bytes, ring %u, burst %u: median %.2f Mpps (%.2f to %.2f), %.2f per second of core "
	       "time\n",
	       o->functions, o->size, o->ring, o->burst, mpps[o->runs / 2], mpps[0], mpps[o->runs - 1],
	       per_core[o->runs / 2]);
}

int main(int argc, char **argv)
{
	struct options o = {
		.functions = 3, .ring = 4096, .burst = 1024, .size = 64, .flows = 1, .runs = 5, .seconds = 2};
	o.cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	if (read_options(argc, argv, &o) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	struct cat_err err = {0};
	struct rig *rig = start_chain(&o, &err);
	if (!rig) {
		fprintf(stderr, "passthrough: %s\n", err.message);
		return 1;
	}
	measure(rig, &o);
	if (o.verbose)
		rig_print_counters(rig);
	rig_destroy(rig);
	return 0;
}
