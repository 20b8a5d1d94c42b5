// SPDX-License-Identifier: BSD-3-Clause
// The dataplane dies under load, and another takes over with the functions left running.
#include <errno.h>
#include <sys/wait.h>

#include "fault.h"

#define KILLS_PER_SERVICE 10u

static int functions_live(const struct fault *fault, struct cat_err *err)
{
	for (unsigned i = 0; i < FAULT_FUNCTIONS; i++)
		if (waitpid(fault->pid[i], NULL, WNOHANG) != 0)
			return cat_err_set(err, -ECHILD, "function %s did not outlive the dataplane", fault_name(i));
	return 0;
}

static int one_kill(struct fault *fault, struct tally *tally, struct cat_err *err)
{
	fault_pause(fault, 20, 80);
	uint64_t out = rig_counter(fault->rig, NULL, "port.right.tx_packets"), start = fault_now_ns();
	int r = rig_replace_dataplane(fault->rig, fault->dataplane, fault->plan, err);
	for (unsigned i = 0; r == 0 && i < FAULT_FUNCTIONS; i++)
		r = rig_configure(fault->rig, fault_name(i), "{}", err);
	if (r < 0)
		return r;
	// A few may have left between the reading and the kill: a burst more says that it goes on.
	uint64_t now =
		rig_counter_wait(fault->rig, NULL, "port.right.tx_packets", out + FAULT_RATE / 500, FAULT_TIMEOUT_MS);
	if (now < out + FAULT_RATE / 500)
		return cat_err_set(err, -ETIMEDOUT, "no packets after the dataplane was killed");
	tally_blocked(tally, fault_now_ns() - start);
	tally->runs++;
	return functions_live(fault, err);
}

// What the dead dataplanes had in their hands.
static void count_lost(struct fault *fault, struct tally *tally)
{
	uint64_t in = rig_counter(fault->rig, NULL, "port.left.rx_packets"),
		 out = rig_counter(fault->rig, NULL, "port.right.tx_packets");
	tally->lost += in > out ? in - out : 0;
}

int scenario_dataplane(struct fault *fault, struct tally *tally, uint32_t runs, struct cat_err *err)
{
	while (tally->runs < runs) {
		int r = fault_start(fault, "{\"driver\": \"gen\", \"options\": {\"rate\": 1000000, \"flows\": 100}}",
				    "{\"driver\": \"null\"}", err);
		for (unsigned i = 0; r == 0 && i < KILLS_PER_SERVICE && tally->runs < runs; i++)
			r = one_kill(fault, tally, err);
		if (r == 0 && rig_send(fault->rig, "drain", err) < 0)
			r = err->code;
		cat_autonode struct cat_node *drained =
			r == 0 ? rig_wait(fault->rig, "drained", NULL, FAULT_TIMEOUT_MS) : NULL;
		if (r == 0 && !drained)
			r = cat_err_set(err, -ETIMEDOUT, "it does not drain");
		if (r == 0)
			r = fault_audit(fault, tally, err);
		if (r < 0)
			return r;
		count_lost(fault, tally);
		fault_stop(fault);
	}
	return 0;
}
