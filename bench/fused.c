// SPDX-License-Identifier: BSD-3-Clause
// The same functions without what Catena puts between them: library forms called one after the other in one process, on
// one core, with the packets that the dataplane's own ports make and swallow. What a chain of containers reaches is
// compared with this.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cat_abi.h"
#include "cat_cleanup.h"
#include "cat_file.h"
#include "fused_chain.h"

#define ROUNDS_MAX 64u
#define BURSTS_PER_LOOK 64u // at the clock
#define WARM_NS 100000000u  // without a drop, before the first round
#define WARM_MAX_NS UINT64_C(5000000000)
#define CONFIG_BYTES_MAX (64u << 20)

struct options {
	struct fused_options chain;
	char *config[FUSED_FUNCTIONS_MAX]; // ours to free
	uint32_t nulls, seconds, rounds;
	uint32_t packets; // instead of seconds, or 0
	int cpu;
	bool touch, verbose;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Packets per second: as the clock on the wall says, and of the processor's time that this process got.
struct rate {
	double mpps, mpps_cpu;
};

// Sends bursts through all functions for the time that was asked for.
static struct rate run(struct fused_chain *chain, uint32_t seconds)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), start_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t end = start + seconds * UINT64_C(1000000000), packets = 0, now;
	do {
		for (unsigned i = 0; i < BURSTS_PER_LOOK; i++)
			packets += fused_chain_round(chain);
		fused_chain_tick(chain);
		now = clock_ns(CLOCK_MONOTONIC);
	} while (now < end);
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_cpu;
	return (struct rate){(double)packets * 1e3 / (double)(now - start), (double)packets * 1e3 / (double)cpu};
}

static int compare(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;
	return (x->mpps > y->mpps) - (x->mpps < y->mpps);
}

// Until every flow is known and every neighbour has answered.
static void warm_up(struct fused_chain *chain)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), start = now, since = now, dropped = UINT64_MAX;
	while (now - since < WARM_NS && now - start < WARM_MAX_NS) {
		for (unsigned i = 0; i < BURSTS_PER_LOOK; i++)
			fused_chain_round(chain);
		fused_chain_tick(chain);
		now = clock_ns(CLOCK_MONOTONIC);
		// What waits to be sent back has been received once and not sent yet.
		uint64_t all = fused_chain_count(chain).dropped;
		since = all == dropped ? since : now;
		dropped = all;
	}
}

// A number of packets instead of a time, and nothing before: a longer run does the same as a shorter one, and then
// more.
static void run_packets(struct fused_chain *chain, const struct options *o)
{
	uint64_t packets = 0;
	for (uint32_t i = 0; packets < o->packets; i++) {
		packets += fused_chain_round(chain);
		if (i % BURSTS_PER_LOOK == 0)
			fused_chain_tick(chain);
	}
	printf("{\"what\": \"fused\", \"functions\": %u, \"burst\": %u, \"packets\": %llu}\n", o->chain.functions,
	       o->chain.burst, (unsigned long long)packets);
}

static void measure(struct fused_chain *chain, const struct options *o)
{
	struct rate rate[ROUNDS_MAX];
	warm_up(chain);
	struct fused_count before = fused_chain_count(chain);
	for (uint32_t i = 0; i < o->rounds; i++)
		rate[i] = run(chain, o->seconds);
	qsort(rate, o->rounds, sizeof(rate[0]), compare);
	const struct rate *median = &rate[o->rounds / 2];
	struct fused_count count = fused_chain_count(chain);
	count.received -= before.received;
	// Packets that waited to be sent back when counting began may make it less than nothing.
	count.dropped = count.dropped > before.dropped ? count.dropped - before.dropped : 0;
	printf("{\"what\": \"fused\", \"functions\": %u, \"touch\": %s, \"rings\": %s, \"burst\": %u, \"rounds\": %u, "
	       "\"mpps\": %.2f, \"mpps_min\": %.2f, \"mpps_max\": %.2f, \"mpps_cpu\": %.2f, \"received\": %llu, "
	       "\"dropped\": %llu}\n",
	       o->chain.functions, o->touch ? "true" : "false", o->chain.rings ? "true" : "false", o->chain.burst,
	       o->rounds, median->mpps, rate[0].mpps, rate[o->rounds - 1].mpps, median->mpps_cpu,
	       (unsigned long long)count.received, (unsigned long long)count.dropped);
	if (o->verbose)
		fused_chain_print(chain);
}

static int usage(const char *program, int code)
{
	fprintf(code ? stderr : stdout,
		"usage: %s [options]\n"
		"\n"
		"Runs functions fused in one process and prints the median rate of the rounds as JSON; packets that "
		"leave at\n"
		"either end count. mpps_cpu is per second of processor time, for machines with other work to do.\n"
		"\n"
		"  --function KIND[=FILE]  the next function from the left, with its configuration (JSON); null, vcpe, "
		"firewall\n"
		"                          or router\n"
		"  --functions N           short for N times --function null, 1 to %u (3 if there is no other)\n"
		"  --left JSON             the port on the left ({\"driver\": \"gen\"})\n"
		"  --right JSON            the port on the right ({\"driver\": \"null\"})\n"
		"  --burst N               packets that go through the chain together, 1 to %u (256)\n"
		"  --seconds N             of each round (1)\n"
		"  --rounds N              1 to %u (3)\n"
		"  --packets N             instead of a time, and without warming up: to count instructions\n"
		"  --cpu N                 where to run\n"
		"  --state-mib N           state memory of each function (128)\n"
		"  --touch                 null functions read each packet's first cache line\n"
		"  --rings                 with rings, checks, statistics and commits between them\n"
		"  --verbose               print the functions' counters to standard error\n"
		"\n"
		"example:\n"
		"  %s --functions 3 --burst 256 --rounds 5\n",
		program, FUSED_FUNCTIONS_MAX, CAT_BURST_MAX, ROUNDS_MAX, program);
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

// KIND or KIND=FILE.
static bool add_function(struct options *o, const char *text)
{
	if (o->chain.functions == FUSED_FUNCTIONS_MAX)
		return false;
	uint32_t at = o->chain.functions++;
	const char *file = strchr(text, '=');
	struct fused_function *f = &o->chain.function[at];
	f->kind = file ? strndup(text, (size_t)(file - text)) : strdup(text);
	if (!file)
		return f->kind;
	struct cat_err err = {0};
	size_t size;
	if (cat_file_read(AT_FDCWD, file + 1, CONFIG_BYTES_MAX, &o->config[at], &size, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return false;
	}
	f->config = o->config[at];
	return f->kind;
}

static bool take_option(struct options *o, int c, const char *text)
{
	uint32_t cpu = 0;
	switch (c) {
	case 'F':
		return add_function(o, text);
	case 'f':
		return number(text, 1, FUSED_FUNCTIONS_MAX, &o->nulls);
	case 'L':
	case 'P':
		o->chain.port[c == 'P'] = text;
		return true;
	case 'b':
		return number(text, 1, CAT_BURST_MAX, &o->chain.burst);
	case 's':
		return number(text, 1, 3600, &o->seconds);
	case 'r':
		return number(text, 1, ROUNDS_MAX, &o->rounds);
	case 'p':
		return number(text, 1, UINT32_MAX, &o->packets);
	case 'm':
		return number(text, 1, 4096, &o->chain.state_mib);
	case 'c':
		if (!number(text, 0, CPU_SETSIZE - 1, &cpu))
			return false;
		o->cpu = (int)cpu;
		return true;
	case 't':
		return o->touch = true;
	case 'v':
		return o->verbose = true;
	case 'R':
		return o->chain.rings = true;
	default:
		return false;
	}
}

static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{"function", required_argument, NULL, 'F'},
		{"functions", required_argument, NULL, 'f'},
		{"left", required_argument, NULL, 'L'},
		{"right", required_argument, NULL, 'P'},
		{"burst", required_argument, NULL, 'b'},
		{"seconds", required_argument, NULL, 's'},
		{"rounds", required_argument, NULL, 'r'},
		{"packets", required_argument, NULL, 'p'},
		{"cpu", required_argument, NULL, 'c'},
		{"state-mib", required_argument, NULL, 'm'},
		{"touch", no_argument, NULL, 't'},
		{"rings", no_argument, NULL, 'R'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	for (int c; (c = getopt_long(argc, argv, "", table, NULL)) >= 0;) {
		if (c == 'h')
			exit(usage(argv[0], 0));
		if (!take_option(options, c, optarg))
			return -EINVAL;
	}
	if (optind != argc)
		return -EINVAL;
	if (!options->chain.functions && !options->nulls)
		options->nulls = 3;
	for (uint32_t i = 0; i < options->nulls; i++) {
		if (!add_function(options, "null"))
			return -EINVAL;
		if (options->touch)
			options->chain.function[options->chain.functions - 1].config = "{\"touch\": true}";
	}
	return 0;
}

static int pin(int cpu)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

int main(int argc, char **argv)
{
	struct options options = {
		.chain = {.burst = 256, .state_mib = 128, .port = {"{\"driver\": \"gen\"}", "{\"driver\": \"null\"}"}},
		.seconds = 1,
		.rounds = 3,
		.cpu = -1,
	};
	if (read_options(argc, argv, &options) < 0)
		return usage(argv[0], 2);
	if (options.cpu >= 0 && pin(options.cpu) < 0) {
		perror("--cpu");
		return 1;
	}
	struct cat_err err = {0};
	struct fused_chain *chain = fused_chain_create(&options.chain, &err);
	if (chain && options.packets)
		run_packets(chain, &options);
	else if (chain)
		measure(chain, &options);
	else
		fprintf(stderr, "%s\n", err.message);
	fused_chain_destroy(chain);
	for (uint32_t i = 0; i < options.chain.functions; i++) {
		free((char *)options.chain.function[i].kind);
		free(options.config[i]);
	}
	return chain ? 0 : 1;
}
