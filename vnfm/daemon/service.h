// SPDX-License-Identifier: BSD-3-Clause
// A service that runs, or is on its way up or down.
//
// How it works. Going up, what depends on nothing goes at once and in parallel: the containers start (jobs, one per
// function) while the memory is made (a job) and the dataplane starts; who is early waits at the other's socket. The
// service runs when the dataplane says that every function does. Whatever fails calls service_fail, which stops the
// service. Stopping looks at what there is, not at how far starting came: each part that is there is ended, and when
// the last is gone service_proceed goes on with what `after` says. So a failed `up`, a `down` in its middle and an
// ordinary `down` are the same code.
#ifndef VNFM_SERVICE_H
#define VNFM_SERVICE_H

#include "cat_container.h"
#include "logbook.h"
#include "manager.h"
#include "memory.h"
#include "nic.h"
#include "process.h"
#include "sample.h"
#include "autoscale.h"
#include "settings.h"

#define SERVICE_NAME_MAX 64
#define SERVICE_STEPS_MAX 96
#define SERVICE_UP_MS 30000        // an `up` that takes longer has failed
#define SERVICE_DRAIN_MS 1500      // for what is under way to leave, before `down` goes on
#define SERVICE_CLOSE_MS 2000      // a dataplane that takes longer to close is killed
#define SERVICE_BACKOFF_MIN_MS 100 // doubled at every failure ...
#define SERVICE_BACKOFF_MAX_MS 5000
#define SERVICE_STEADY_MS 30000 // ... and forgotten after so long without one
#define FUNCTION_CPUS_MAX 64

enum service_state {
	SERVICE_STARTING,
	SERVICE_RUNNING,
	SERVICE_UPDATING,
	SERVICE_STOPPING,
	SERVICE_WAITING, // for its next start
	SERVICE_DOWN     // only while its end is told
};
extern const char *const service_state_names[];

// What follows when nothing of the service is left on the host.
enum service_after {
	AFTER_REMOVE,  // forget it
	AFTER_RESTART, // start it again, after `backoff_ms`
	AFTER_PARK     // forget it here; the store keeps it for the next manager
};

enum function_state {
	FUNCTION_DOWN,
	FUNCTION_STARTING,  // a job mounts its image and starts its container
	FUNCTION_ATTACHING, // the container runs; not yet reported running
	FUNCTION_RUNNING,
	FUNCTION_STOPPING, // a job removes the container
	FUNCTION_WAITING,  // for the end of its back-off
	FUNCTION_STANDBY   // attached, and waits for the end of the other one
};
extern const char *const function_state_names[];

struct step {
	const char *name;
	char function[SERVICE_NAME_MAX];
	uint64_t start_us, us; // start: since the beginning of the operation
};

// Who waits for the end of an operation. Functions are called on the loop's thread; done is the last call.
struct watcher {
	struct watcher *next;
	void (*progress)(void *user, const struct cat_node *line); // NULL: not wanted
	// code: 0 or a negative errno with its message.
	void (*done)(void *user, const struct service *service, const struct cat_node *changes,
		     const struct cat_err *result);
	void *user;
};

struct backoff {
	uint32_t ms;
	uint64_t started_ms; // of the last start
};

struct dataplane {
	pid_t pid; // 0: none
	uint64_t start_us;
	int control;
	struct cat_source *control_source, *child, *kill_timer;
	struct log_pipe *log;
	int64_t change; // in the store; 0: none
	bool opened, running;
	bool told;     // everything: memory, plan, configurations
	bool replaces; // one that died, and does not run yet
};

struct api_waiter;

// A function's container. There is room for two: the other one is the warm standby, or the new one of an upgrade.
struct container {
	struct function *function;
	unsigned slot;
	enum function_state state;
	char image[SERVICE_NAME_MAX]; // that it was started with
	bool job;                     // one is under way
	bool mounted;                 // its image
	bool keep_mount;              // removing for a restart with the same image
	bool wanted;                  // runs again when it ends
	bool at_once;                 // and not after its back-off
	bool ending;                  // it was told to end, or its end is expected
	bool served;                  // it had the packets
	pid_t pid;
	struct cat_source *child, *timer;
	struct log_pipe *log;
	int log_fd; // writing end, open while the job starts the container
	int64_t change;
	uint64_t start_us;
	struct backoff backoff;
	// What the job works with; its own while job is set.
	struct cat_container_spec spec;
	char *id, *directory, *root, *cgroup;
	char **argv, **environ;
	struct cat_err job_err;
	int job_result;
	pid_t job_pid;
	uint64_t job_mount_us, job_run_us;
};

// What follows when a function dies, hangs or breaks the rules.
enum on_failure {
	ON_FAILURE_RESTART, // packets wait
	ON_FAILURE_BYPASS,  // packets go round it until it is back
	ON_FAILURE_FAIL     // the service is stopped
};

struct policy {
	bool standby;
	enum on_failure on_failure;
	uint32_t limit; // restarts within window_ms, then it is given up; 0: no limit
	uint32_t window_ms, backoff_ms, hang_ms;
};

struct function {
	struct service *service;
	char name[SERVICE_NAME_MAX], kind[SERVICE_NAME_MAX], image[SERVICE_NAME_MAX];
	struct container container[2];
	unsigned active; // slot of the one that has the packets, or is to have them
	struct policy policy;
	bool upgrading;           // the other one is to have its packets as soon as it is settled
	struct cat_source *watch; // of progress
	uint64_t lost_us;         // when its end was seen, until another one runs
	uint64_t heartbeat[CAT_LANES_MAX], moved_ms[CAT_LANES_MAX];
	pid_t reported[2]; // who the dataplane said runs or stands by, before its container was known to run
	uint32_t restarts, generation; // generation: how many have had its packets
	uint32_t window_restarts;      // since window_start_ms
	uint64_t window_start_ms;
	bool given_up;
	int listen;      // its control socket; the dataplane holds it too
	bool configured; // answered to the configuration under way
	char *control, *runtime_root;
	uint32_t cpus[FUNCTION_CPUS_MAX];
	struct cat_container_mount mount;
};

struct operation {
	bool active;
	const char *name; // "up", "update", "down", "restart"
	uint64_t start_us;
	struct watcher *watchers;
	struct cat_node *changes; // of an update
	struct cat_err error;     // the first failure
};

// Another version of the service file, while it is being applied or to go back to.
struct version {
	char *text;
	struct cat_service *file;
	struct cat_node *plan;
};

struct service {
	struct service *next;
	struct manager *manager;
	char name[SERVICE_NAME_MAX];
	struct version current, previous;
	enum service_state state;
	struct api_waiter *measuring; // who waits for the trial under way, or NULL
	struct api_waiter *auditing;  // who waits for the count of buffers, or NULL
	struct cat_node *measured;    // what came of the last trial, or NULL
	enum service_after after;
	uint32_t lanes, uid;
	char *directory; // RUN/NAME
	struct memory memory;
	uint64_t huge_page_bytes;
	uint32_t huge_node, huge_pages, huge_added, huge_total;
	int64_t huge_change;
	struct settings settings;
	uint32_t ports_down, ports_removed; // by bit, as last told
	struct nics nics;                   // a job's while `job` is set
	struct dataplane dataplane;
	struct function *function;
	uint32_t function_count;
	uint32_t pending; // configurations not yet answered, and lanes not yet moved
	bool scaling;     // lanes are moving
	struct autoscale autoscale;
	bool job;         // preparing or cleaning
	bool clean_all;   // the cleaning job removes the log too
	bool ever_ran;    // since it was put; one that did is retried when it fails
	bool no_huge;     // the kernel refused the huge pages that were planned
	bool draining;    // nothing comes in any more; stopped when what is under way has left
	bool retry_now;   // the next start follows without back-off
	bool go_back;     // with the version before
	struct cat_err job_err;
	struct memory job_memory; // until the job is done
	struct cat_err volume_err;
	uint64_t job_huge_us, job_memory_us, job_nics_us;
	struct backoff backoff;
	struct cat_source *timer; // of starting: too late; of waiting: try again
	struct logbook *log;
	struct sampler *sampler;
	struct operation operation;
	struct step step[SERVICE_STEPS_MAX];
	uint32_t step_count;
	uint64_t up_us; // how long the last `up` took
	int64_t since_ms;
	uint32_t restarts;
	struct cat_err last_error;
};

// Takes text and file over in any case. A new service starts; a running one changes as the difference says. The watcher
// is called once in any case. Returns 0, or a negative errno with the watcher already called: -EBUSY (another
// operation is under way), -ENOSPC, -ENODEV, ...
void service_put(struct manager *manager, const char *name, char *text, struct cat_service *file,
		 struct watcher *watcher);
void service_down(struct service *service, enum service_after after, struct watcher *watcher);
// From the store: as service_put of what is known to the store, kept trying.
int service_load(struct manager *manager, const struct store_service *stored, struct cat_err *err);
// One that is in the store, not started.
int service_create_stored(struct manager *manager, const struct store_service *stored, struct service **ret_service,
			  struct cat_err *err);
int service_open_log(struct service *service, struct cat_err *err);

// adopt.c: services that run on without a manager.
// Takes over what an earlier manager started. False: that is not possible (said in an event), nothing was touched.
bool service_adopt(struct manager *manager, const struct store_service *stored, const struct store_changes *changes);
// Hands to the keeper what a successor needs; again is fine.
int service_keep_memory(struct service *service, struct cat_err *err);
int service_keep_dataplane(struct service *service, struct cat_err *err);
int service_keep_all(struct service *service, struct cat_err *err);

// For the parts. service_fail stops the service; the first error of an operation is the one that is told.
void service_fail(struct service *service, const struct cat_err *err);
// Something changed: goes on if all that was waited for is there.
void service_proceed(struct service *service);
void service_step(struct service *service, const char *name, const char *function, uint64_t start_us, uint64_t us);
void service_event(struct service *service, const char *function, const char *kind, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
struct function *service_function(const struct service *service, const char *name); // NULL: none
void service_start(struct service *service);
void service_stop(struct service *service);
// left: packets that are still with functions.
void service_drained(struct service *service, uint32_t left);
void service_done(struct service *service, const struct cat_err *result);
void service_gone(struct service *service); // nothing is left on the host; may free it
void service_free(struct service *service);
const char *service_status_word(const struct service *service); // "running", "degraded", ...

// service_plan.c: placement, and what the store is told before anything is touched.
int service_plan(struct service *service, struct cat_err *err);
// Writes the plan down again, with what it takes.
int service_note_plan(struct service *service, struct cat_err *err);
int service_build_functions(struct service *service, struct cat_err *err);
void service_free_functions(struct service *service);
// huge: false plans as for a host without huge pages.
int service_make_plan(struct manager *manager, const struct cat_service *file, bool huge, struct cat_node **ret_plan,
		      struct cat_err *err);
// What the plan says of a function; NULL: nothing. Borrowed.
// On how many cores the lanes run, and on which one this lane does (-1: none is known).
uint32_t service_cores(const struct service *service);
int service_lane_core(const struct service *service, uint32_t lane);
struct cat_node *service_plan_of(const struct cat_node *plan, const char *function);
// service_update.c: a changed file over a running service.
// Takes text and file over.
void service_update(struct service *service, char *text, struct cat_service *file);
// Gives every function its configuration again.
// The lanes are on the cores of the current plan, for which it took so long, or (failed->code) they are not.
void service_scaled(struct service *service, uint64_t us, const struct cat_err *failed);
void service_reapply(struct service *service);
void service_configured(struct service *service, struct function *function, const struct cat_err *rejected);

// prepare.c: huge pages and memory, and giving both back with the directory.
void service_prepare(struct service *service);
void service_clean(struct service *service);
// The same huge pages again. change: NULL, or what is noted of them.
int service_adopt_huge(struct service *service, const struct store_change *change, struct cat_err *err);

// lanes.c: one scheduling group for the dataplane and all functions. Leaving removes it once nobody is in it.
void service_join_lanes(const struct service *service, pid_t pid);
void service_leave_lanes(const struct manager *manager, const char *service);

// dataplane.c
// Starts the process, which takes a tenth of a second to get ready; dataplane_open hands it everything.
int dataplane_start(struct service *service, struct cat_err *err);
int dataplane_open(struct service *service, struct cat_err *err);
void dataplane_stop(struct service *service);
// Stops intake; service_drained follows.
int dataplane_drain(struct service *service, struct cat_err *err);
// Asks for a trial of a measurement; service_measured gets the answer.
int dataplane_measure(struct service *service, const struct cat_node *trial, struct cat_err *err);
// body: the dataplane's "measured", or NULL: there will be none.
void service_measured(struct service *service, const struct cat_node *body);
// Asks where all buffers are; service_audited gets the answer.
// Sends the lanes to the cores that the current plan has for them; service_scaled hears of it.
int dataplane_scale(struct service *service, struct cat_err *err);
int dataplane_audit(struct service *service, struct cat_err *err);
void service_audited(struct service *service, const struct cat_node *body);
// Takes over the one that runs: its socket and output from what is held.
int dataplane_adopt(struct service *service, const struct store_change *change, struct cat_fds *held,
		    struct cat_err *err);
// Replaces the one that was taken over if it does not run.
void dataplane_settle(struct service *service);
// Forgets it, and lets it run.
void dataplane_leave(struct service *service);
// Writes down what an adopter needs to know.
int dataplane_note(struct service *service, struct cat_err *err);
int dataplane_configure(struct service *service, const struct function *function, const struct cat_node *config,
			struct cat_err *err);

// function.c
int function_init(struct function *function, struct service *service, const struct cat_node *plan, struct cat_err *err);
void function_finish(struct function *function);
void function_start(struct function *function);
void function_stop(struct function *function); // it is gone for good when function_gone says so
// Ends the active one; the standby or a new one follows at once.
void function_replace(struct function *function);
// The same for one that hangs or broke the rules, by its policy: with back-off, and not for ever. Of the other one, the
// process is killed.
void function_condemn(struct function *function, pid_t pid);
// A new container beside the one that runs, which then hands over. One that does not come up fails the update under
// way, and costs nothing.
void function_upgrade(struct function *function);
// What the plan says of it now. Its containers take it when they start.
int function_take_plan(struct function *function, struct cat_err *err);
// Ends all containers but the one that has the packets; a standby is made again.
void function_clear_queue(struct function *function);
// After a change: a standby that is not wanted any more goes, one that is wanted comes.
void function_settle(struct function *function);
// The dataplane said that its process runs (state FUNCTION_RUNNING) or stands by.
void function_reported(struct function *function, pid_t pid, enum function_state state);
bool function_gone(const struct function *function);
// Of the active one.
enum function_state function_state(const struct function *function);
struct container *function_active(struct function *function);
struct container *function_other(struct function *function);

void backoff_started(struct backoff *backoff);
// How long to wait before the next start: nothing if the one before ran for steady_ms, else min_ms, doubled each time.
uint32_t backoff_next(struct backoff *backoff, uint32_t steady_ms, uint32_t min_ms);

#endif
