// SPDX-License-Identifier: BSD-3-Clause
// A function dies under load, at random, and another process takes its place. Every packet has a number: at most the
// one that it had under way may be missing, and none comes twice.
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "cat_tree.h"
#include "fault.h"

#define TRIAL_MS 100
#define SETTLE_MS 300

static int64_t number(const struct cat_node *map, const char *key)
{
	const struct cat_node *n = cat_node_get(map, key);
	return n && n->type == CAT_INT ? n->integer : 0;
}

static int begin_trial(struct fault *fault, struct cat_err *err)
{
	cat_autonode struct cat_node *body = cat_node_new_map();
	cat_node_add_string(body, "type", "measure");
	cat_node_add_int(body, "length_ms", TRIAL_MS);
	cat_node_add_int(body, "settle_ms", SETTLE_MS);
	struct cat_node *ports = cat_node_add_list(body, "ports"), *left = cat_node_add_map(ports, NULL);
	cat_node_add_string(left, "port", "left");
	cat_node_add_int(left, "rate", FAULT_RATE);
	cat_node_add_int(left, "count", (int64_t)FAULT_RATE * TRIAL_MS / 1000);
	cat_node_add_string(cat_node_add_map(ports, NULL), "port", "right");
	return rig_send_body(fault->rig, body, err);
}

static int replace(struct fault *fault, unsigned victim, struct cat_err *err)
{
	kill(fault->pid[victim], SIGKILL);
	waitpid(fault->pid[victim], NULL, 0);
	fault->pid[victim] = rig_start(fault->rig, fault_name(victim), fault->function, err);
	return fault->pid[victim] < 0 ? (int)fault->pid[victim] : 0;
}

static int take_result(struct fault *fault, struct tally *tally, uint64_t out, uint64_t torn, struct cat_err *err)
{
	cat_autonode struct cat_node *body = rig_wait(fault->rig, "measured", NULL, FAULT_TIMEOUT_MS);
	const struct cat_node *ports = body ? cat_node_get(body, "ports") : NULL;
	if (!body)
		return cat_err_set(err, -ETIMEDOUT, "a trial does not end");
	if (!ports) {
		const struct cat_node *message = cat_node_get(body, "message");
		return cat_err_set(err, -EIO, "a trial was refused: %s", message ? message->string : "?");
	}
	const struct cat_node *left = cat_node_at(ports, 0), *right = cat_node_at(ports, 1);
	uint64_t sent = (uint64_t)number(left, "sent");
	torn = fault_torn(fault) - torn;
	// On a busy machine the new process may come later than the trial's end; what waits for it is not lost.
	uint64_t got =
		rig_counter_wait(fault->rig, NULL, "port.right.tx_packets", out + sent - torn, FAULT_TIMEOUT_MS) - out;
	uint64_t lost = sent > got ? sent - got : 0;
	tally->lost += lost;
	tally->unexplained += lost > torn ? lost - torn : 0;
	tally->duplicated += (uint64_t)number(right, "duplicates") + (got > sent ? got - sent : 0);
	tally->reordered += (uint64_t)number(right, "reordered");
	// The packet that waited longest.
	tally_blocked(tally, (uint64_t)number(cat_node_get(right, "latency"), "max_ns"));
	return 0;
}

int scenario_functions(struct fault *fault, struct tally *tally, uint32_t runs, struct cat_err *err)
{
	int r = fault_start(fault,
			    "{\"driver\": \"gen\", \"options\": {\"sequence\": true, \"count\": 1, \"flows\": 100}}",
			    "{\"driver\": \"gen\", \"options\": {\"sequence\": true, \"send\": false}}", err);
	// What the generator sends before any trial.
	if (r == 0 && rig_counter_wait(fault->rig, NULL, "port.right.tx_packets", 1, FAULT_TIMEOUT_MS) != 1)
		r = cat_err_set(err, -EIO, "expected one packet before the first trial");
	while (r == 0 && tally->runs < runs) {
		uint64_t out = rig_counter(fault->rig, NULL, "port.right.tx_packets"), torn = fault_torn(fault);
		unsigned victim = (unsigned)rand_r(&fault->seed) % FAULT_FUNCTIONS;
		r = begin_trial(fault, err);
		if (r < 0)
			break;
		fault_pause(fault, 5, TRIAL_MS - 20);
		r = replace(fault, victim, err);
		if (r == 0)
			r = take_result(fault, tally, out, torn, err);
		if (r == 0)
			r = fault_await_running(fault, err);
		if (r == 0)
			r = fault_audit(fault, tally, err);
		tally->runs += r == 0;
	}
	return r;
}
