// SPDX-License-Identifier: BSD-3-Clause
// The same functions without what Catena puts between them: null functions called one after the other in one process,
// on one core, with the packets that the generator port makes. What a chain of containers reaches is compared with
// this.
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_lane_local.h"
#include "cat_parse.h"
#include "null.h"

#define FUNCTIONS_MAX 16u
#define FRAME 64u
#define ROUNDS_MAX 64u

struct options {
	uint32_t functions, burst, seconds, rounds;
	int cpu;
	bool touch, rings;
};

struct chain {
	const struct options *options;
	struct cat_lane_local *lane[FUNCTIONS_MAX];
	uint8_t frame[FRAME];
	struct cat_desc parsed; // what the frame's descriptors have in common
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Ethernet, IPv4 198.18.0.1 to 198.18.0.2 (RFC 2544's addresses), UDP.
static void make_frame(struct chain *chain)
{
	static const uint8_t head[] = {0x02, 0, 0,   0,  0, 2, 0x02, 0,    0,  0,  0, 1,  0x08, 0,
				       0x45, 0, 0,   46, 0, 0, 0,    0,    64, 17, 0, 0,  198,  18,
				       0,    1, 198, 18, 0, 2, 0xff, 0xfe, 0,  9,  0, 26, 0,    0};
	memcpy(chain->frame, head, sizeof(head));
	chain->parsed = (struct cat_desc){.off = CAT_HEADROOM, .len = 60};
	cat_parse(&chain->parsed, chain->frame);
}

// Makes n packets: a free buffer, a line of data, a descriptor.
static void generate(const struct chain *chain, struct cat_desc *desc, uint32_t n)
{
	const struct cat_lane *lane = cat_lane_local_lane(chain->lane[0]);
	if (cat_lane_local_take(chain->lane[0], desc, n) < 0)
		abort(); // everything was given back
	for (uint32_t i = 0; i < n; i++) {
		uint32_t buf = desc[i].buf;
		desc[i] = chain->parsed;
		desc[i].buf = buf;
		memcpy(cat_data(lane, &desc[i]), chain->frame, FRAME);
	}
}

// Calls the functions on one burst. Returns the packets that came through.
static uint32_t one_burst(const struct chain *chain)
{
	struct cat_desc desc[CAT_BURST_MAX], *out = desc;
	generate(chain, desc, chain->options->burst);
	struct cat_burst burst = {.side = CAT_LEFT, .count = chain->options->burst, .desc = desc};
	for (uint32_t f = 0; f < chain->options->functions; f++) {
		burst.count = cat_lane_local_run(chain->lane[f], &burst, CAT_RIGHT, &out);
		burst.desc = out;
	}
	cat_lane_local_give(chain->lane[0], burst.desc, burst.count);
	return burst.count;
}

static uint32_t one_burst_by_rings(const struct chain *chain)
{
	struct cat_desc desc[CAT_BURST_MAX];
	uint32_t functions = chain->options->functions;
	generate(chain, desc, chain->options->burst);
	if (cat_lane_local_offer(chain->lane[0], CAT_LEFT, desc, chain->options->burst) < 0)
		abort(); // it was emptied
	for (uint32_t f = 0; f < functions; f++)
		cat_lane_local_burst(chain->lane[f], CAT_LEFT);
	uint32_t n = cat_lane_local_collect(chain->lane[functions - 1], CAT_RIGHT, desc, CAT_BURST_MAX);
	cat_lane_local_give(chain->lane[0], desc, n);
	return n;
}

// Packets per second: as the clock on the wall says, and of the processor's time that this process got.
struct rate {
	double mpps, mpps_cpu;
};

// Sends bursts through all functions for the time that was asked for.
static struct rate run(const struct chain *chain)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), start_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t end = start + chain->options->seconds * UINT64_C(1000000000), packets = 0, now;
	do {
		for (unsigned i = 0; i < 64; i++)
			packets += chain->options->rings ? one_burst_by_rings(chain) : one_burst(chain);
		now = clock_ns(CLOCK_MONOTONIC);
	} while (now < end);
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_cpu;
	return (struct rate){(double)packets * 1e3 / (double)(now - start), (double)packets * 1e3 / (double)cpu};
}

static int create(struct chain *chain, struct cat_err *err)
{
	struct cat_lane_local_options options = {.buffers = 8192, .huge_pages = true};
	for (uint32_t f = 0; f < chain->options->functions; f++) {
		const char *config = chain->options->touch ? "{\"touch\": true}" : NULL;
		chain->lane[f] = cat_lane_local_create(&null_ops, config, &options, err);
		if (!chain->lane[f])
			return err->code;
		options.region_of = chain->lane[0];
		if (chain->options->rings && f && cat_lane_local_link(chain->lane[f - 1], chain->lane[f]) < 0)
			return cat_err_set(err, -EINVAL, "two lanes cannot be joined");
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;
	return (x->mpps > y->mpps) - (x->mpps < y->mpps);
}

static void measure(const struct chain *chain)
{
	struct rate rate[ROUNDS_MAX];
	const struct options *o = chain->options;
	for (uint32_t i = 0; i < o->rounds; i++)
		rate[i] = run(chain);
	qsort(rate, o->rounds, sizeof(rate[0]), compare);
	const struct rate *median = &rate[o->rounds / 2];
	printf("{\"what\": \"fused\", \"functions\": %u, \"touch\": %s, \"rings\": %s, \"burst\": %u, \"frame\": %u, "
	       "\"rounds\": %u, "
	       "\"mpps\": %.2f, \"mpps_min\": %.2f, \"mpps_max\": %.2f, \"mpps_cpu\": %.2f}\n",
	       o->functions, o->touch ? "true" : "false", o->rings ? "true" : "false", o->burst, FRAME, o->rounds,
	       median->mpps, rate[0].mpps, rate[o->rounds - 1].mpps, median->mpps_cpu);
}

static int usage(const char *program, int code)
{
	fprintf(code ? stderr : stdout,
		"usage: %s [--functions N] [--burst N] [--seconds N] [--rounds N] [--cpu N] [--touch] [--rings]\n"
		"\n"
		"Runs N null functions (3) fused in one process and prints the median rate of the rounds as JSON;\n"
		"mpps_cpu is per second of processor time, for machines with other work to do.\n"
		"\n"
		"  --functions N  1 to %u\n"
		"  --burst N      packets that go through the chain together, 1 to %u (256)\n"
		"  --seconds N    of each round (1)\n"
		"  --rounds N     1 to %u (3)\n"
		"  --cpu N        where to run\n"
		"  --touch        each function reads each packet's first cache line\n"
		"  --rings        with rings, checks, statistics and commits between them\n"
		"\n"
		"example:\n"
		"  %s --functions 3 --burst 256 --rounds 5\n",
		program, FUNCTIONS_MAX, CAT_BURST_MAX, ROUNDS_MAX, program);
	return code;
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (*text == '\0' || *end != '\0' || value < min || value > max)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{"functions", required_argument, NULL, 'f'},
		{"burst", required_argument, NULL, 'b'},
		{"seconds", required_argument, NULL, 's'},
		{"rounds", required_argument, NULL, 'r'},
		{"cpu", required_argument, NULL, 'c'},
		{"touch", no_argument, NULL, 't'},
		{"rings", no_argument, NULL, 'R'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	uint32_t cpu = 0;
	for (int c; (c = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
		bool good = true;
		if (c == 'f')
			good = number(optarg, 1, FUNCTIONS_MAX, &options->functions);
		else if (c == 'b')
			good = number(optarg, 1, CAT_BURST_MAX, &options->burst);
		else if (c == 's')
			good = number(optarg, 1, 3600, &options->seconds);
		else if (c == 'r')
			good = number(optarg, 1, ROUNDS_MAX, &options->rounds);
		else if (c == 'c' && (good = number(optarg, 0, CPU_SETSIZE - 1, &cpu)))
			options->cpu = (int)cpu;
		else if (c == 't')
			options->touch = true;
		else if (c == 'R')
			options->rings = true;
		else if (c == 'h')
			exit(usage(argv[0], 0));
		else if (c != 'c')
			good = false;
		if (!good)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = {.functions = 3, .burst = 256, .seconds = 1, .rounds = 3, .cpu = -1};
	if (read_options(argc, argv, &options) < 0)
		return usage(argv[0], 2);
	if (options.cpu >= 0) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(options.cpu, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0) {
			perror("--cpu");
			return 1;
		}
	}
	struct chain chain = {.options = &options};
	make_frame(&chain);
	struct cat_err err = {0};
	bool created = create(&chain, &err) == 0;
	if (created)
		measure(&chain);
	else
		fprintf(stderr, "%s\n", err.message);
	for (uint32_t f = 0; f < options.functions; f++)
		cat_lane_local_destroy(chain.lane[f]);
	return created ? 0 : 1;
}
