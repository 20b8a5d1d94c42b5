// SPDX-License-Identifier: BSD-3-Clause
// Notifications on their way: libcurl on the manager's loop. Each subscription has one request under way, for the
// oldest notification that it has not got; what is refused or not answered is sent again, later each time.
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_log.h"
#include "sol.h"

#define CONNECT_MS 5000L
#define ANSWER_MS 10000L
#define RETRY_MIN_MS 100u // doubled at every failure
#define RETRY_MAX_MS 60000u

struct delivery {
	struct delivery *next;
	struct sol_sender *sender;
	CURL *curl;
	struct curl_slist *headers;
	char *body;
	char subscription[SOL_ID_MAX + 1], notification[SOL_ID_MAX + 1];
	void (*done)(void *user, const char *problem); // of a test
	void *user;
};

// What is known of a subscription that has something to send.
struct receiver {
	struct receiver *next;
	char id[SOL_ID_MAX + 1];
	bool active;
	unsigned tries; // of the oldest notification
	uint64_t next_ms;
};

struct sol_sender {
	struct sol *sol;
	CURLM *multi;
	struct cat_source *timer, *retry;
	struct delivery *deliveries;
	struct receiver *receivers;
	bool posted;
};

static size_t discard(char *data, size_t size, size_t count, void *user)
{
	(void)data;
	(void)user;
	return size * count;
}

static void free_delivery(struct delivery *delivery)
{
	struct sol_sender *sender = delivery->sender;
	for (struct delivery **link = &sender->deliveries; *link; link = &(*link)->next) {
		if (*link == delivery) {
			*link = delivery->next;
			break;
		}
	}
	curl_multi_remove_handle(sender->multi, delivery->curl);
	curl_easy_cleanup(delivery->curl);
	curl_slist_free_all(delivery->headers);
	free(delivery->body);
	free(delivery);
}

static bool authenticate(CURL *curl, const struct cat_node *subscription)
{
	const struct cat_node *how = cat_node_get(subscription, "authentication");
	const struct cat_node *basic = cat_node_get(how, "paramsBasic"), *bearer = cat_node_get(how, "paramsBearer");
	if (basic)
		return !curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) &&
		       !curl_easy_setopt(curl, CURLOPT_USERNAME, doc_text(basic, "userName")) &&
		       !curl_easy_setopt(curl, CURLOPT_PASSWORD, doc_text(basic, "password"));
	return !bearer || (!curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) &&
			   !curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, doc_text(bearer, "token")));
}

static bool set_up(struct delivery *delivery, const struct cat_node *subscription)
{
	CURL *curl = delivery->curl = curl_easy_init();
	const char *const headers[] = {"Content-Type: application/json", "Accept: application/json",
				       doc_flag(subscription, "v1") ? "Version: 1.3.0" : "Version: 2.0.0", "Expect:"};
	for (size_t i = 0; curl && i < CAT_ARRAY_LEN(headers); i++) {
		struct curl_slist *more = curl_slist_append(delivery->headers, headers[i]);
		if (!more)
			return false;
		delivery->headers = more;
	}
	// Nothing but HTTP, and only where the subscriber said.
	return curl && !curl_easy_setopt(curl, CURLOPT_URL, doc_text(subscription, "callbackUri")) &&
	       !curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) && !curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
	       !curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS) && !curl_easy_setopt(curl, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(curl, CURLOPT_HTTPHEADER, delivery->headers) &&
	       !curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard) &&
	       !curl_easy_setopt(curl, CURLOPT_PRIVATE, (char *)delivery) && authenticate(curl, subscription) &&
	       (!delivery->body || (!curl_easy_setopt(curl, CURLOPT_POST, 1L) &&
				    !curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->body)));
}

// Takes body over; NULL: a GET.
static struct delivery *start(struct sol_sender *sender, const struct cat_node *subscription, char *body)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	if (!delivery) {
		free(body);
		return NULL;
	}
	*delivery = (struct delivery){.sender = sender, .body = body, .next = sender->deliveries};
	sender->deliveries = delivery;
	if (!set_up(delivery, subscription) || curl_multi_add_handle(sender->multi, delivery->curl) != CURLM_OK) {
		free_delivery(delivery);
		return NULL;
	}
	return delivery;
}

static struct receiver *receiver_of(struct sol_sender *sender, const char *id)
{
	for (struct receiver *r = sender->receivers; r; r = r->next)
		if (!strcmp(r->id, id))
			return r;
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	if (receiver) {
		snprintf(receiver->id, sizeof(receiver->id), "%s", id);
		receiver->next = sender->receivers;
		sender->receivers = receiver;
	}
	return receiver;
}

static const struct cat_node *subscription_doc(const struct sol *sol, const char *id)
{
	static const enum sol_kind kinds[] = {SOL_LCM_SUBSCRIPTION, SOL_PM_SUBSCRIPTION, SOL_FM_SUBSCRIPTION};
	for (size_t i = 0; i < CAT_ARRAY_LEN(kinds); i++) {
		const struct sol_resource *found = sol_find(sol, kinds[i], id);
		if (found)
			return found->doc;
	}
	return NULL;
}

static void on_retry(void *user);

// Starts what can be started; what waits for its next try sets the timer.
static void dispatch(struct sol_sender *sender)
{
	struct sol *sol = sender->sol;
	uint64_t now = cat_now_ms(), wait = RETRY_MAX_MS;
	bool waits = false;
	for (struct receiver *r = sender->receivers; r; r = r->next)
		r->active = r->active || r->next_ms > now;
	for (struct sol_resource *r = sol->set[SOL_OUTBOX].first, *next; r; r = next) {
		next = r->next;
		const char *id = doc_text(r->doc, "subscription");
		const struct cat_node *subscription = subscription_doc(sol, id);
		struct receiver *receiver = subscription ? receiver_of(sender, id) : NULL;
		if (!subscription)
			sol_remove(sol, r);
		if (!receiver || receiver->active)
			continue;
		// Later ones of the same subscription wait for this one.
		receiver->active = true;
		struct delivery *delivery =
			start(sender, subscription, cat_node_to_json(cat_node_get(r->doc, "body"), 0));
		if (!delivery) {
			receiver->next_ms = now + RETRY_MIN_MS;
			continue;
		}
		snprintf(delivery->subscription, sizeof(delivery->subscription), "%s", id);
		snprintf(delivery->notification, sizeof(delivery->notification), "%s", r->id);
	}
	for (struct receiver *r = sender->receivers; r; r = r->next) {
		if (r->next_ms <= now)
			continue;
		r->active = false;
		waits = true;
		wait = r->next_ms - now < wait ? r->next_ms - now : wait;
	}
	cat_source_remove(sender->retry);
	sender->retry = waits ? cat_loop_add_timer(sol->manager->loop, wait, 0, on_retry, sender, NULL) : NULL;
}

static void on_retry(void *user)
{
	struct sol_sender *sender = user;
	sender->retry = NULL; // removed itself
	dispatch(sender);
}

static void on_post(void *user)
{
	struct sol_sender *sender = user;
	sender->posted = false;
	dispatch(sender);
}

void sender_wake(struct sol_sender *sender)
{
	if (sender && !sender->posted)
		sender->posted = cat_loop_post(sender->sol->manager->loop, on_post, sender) == 0;
}

void sender_forget(struct sol_sender *sender, const char *subscription)
{
	for (struct delivery *d = sender->deliveries, *next; d; d = next) {
		next = d->next;
		if (!d->done && !strcmp(d->subscription, subscription))
			free_delivery(d);
	}
	for (struct receiver **link = &sender->receivers; *link;) {
		struct receiver *receiver = *link;
		if (!strcmp(receiver->id, subscription)) {
			*link = receiver->next;
			free(receiver);
		} else {
			link = &receiver->next;
		}
	}
	sender_wake(sender);
}

static void sent(struct sol_sender *sender, const struct delivery *delivery, bool taken, const char *problem)
{
	struct sol *sol = sender->sol;
	struct receiver *receiver = receiver_of(sender, delivery->subscription);
	struct sol_resource *entry = sol_find(sol, SOL_OUTBOX, delivery->notification);
	if (!receiver)
		return;
	receiver->active = false;
	receiver->next_ms = 0;
	if (!taken && ++receiver->tries < SENDER_TRIES_MAX) {
		uint64_t wait = RETRY_MIN_MS;
		for (unsigned i = 1; i < receiver->tries && wait < RETRY_MAX_MS; i++)
			wait *= 2;
		receiver->next_ms = cat_now_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
		cat_debug("notification %s: %s: again in %llu ms", delivery->notification, problem,
			  (unsigned long long)wait);
		return;
	}
	receiver->tries = 0;
	if (!taken)
		manager_event(sol->manager, NULL, NULL, "lost", "a notification of subscription %s after %u tries: %s",
			      delivery->subscription, SENDER_TRIES_MAX, problem);
	if (entry)
		sol_remove(sol, entry);
}

static void look_for_ended(struct sol_sender *sender)
{
	int left = 0;
	for (CURLMsg *message; (message = curl_multi_info_read(sender->multi, &left)) != NULL;) {
		struct delivery *delivery = NULL;
		long status = 0;
		char problem[256];
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&delivery);
		curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		if (code != CURLE_OK)
			snprintf(problem, sizeof(problem), "the callback URI does not answer: %s",
				 curl_easy_strerror(code));
		else
			snprintf(problem, sizeof(problem), "the callback URI answers %ld, expected 204", status);
		bool taken = code == CURLE_OK && status / 100 == 2;
		if (delivery->done)
			delivery->done(delivery->user, code == CURLE_OK && status == 204 ? NULL : problem);
		else
			sent(sender, delivery, taken, problem);
		free_delivery(delivery);
	}
	dispatch(sender);
}

static void on_socket_ready(void *user, int fd, uint32_t events)
{
	struct sol_sender *sender = user;
	int running = 0, flags = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				 (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	curl_multi_socket_action(sender->multi, fd, flags, &running);
	look_for_ended(sender);
}

static void on_timer(void *user)
{
	struct sol_sender *sender = user;
	int running = 0;
	sender->timer = NULL; // removed itself
	curl_multi_socket_action(sender->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look_for_ended(sender);
}

static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct sol_sender *sender = user;
	(void)multi;
	cat_source_remove(sender->timer);
	sender->timer = timeout_ms < 0 ? NULL
				       : cat_loop_add_timer(sender->sol->manager->loop, (uint64_t)timeout_ms, 0,
							    on_timer, sender, NULL);
	return timeout_ms >= 0 && !sender->timer ? -1 : 0;
}

static int set_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *source)
{
	struct sol_sender *sender = user;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		cat_source_remove(source);
		curl_multi_assign(sender->multi, fd, NULL);
	} else if (source) {
		cat_source_set_events(source, events);
	} else {
		source = cat_loop_add_fd(sender->sol->manager->loop, fd, events, on_socket_ready, sender, NULL);
		if (!source)
			return -1;
		curl_multi_assign(sender->multi, fd, source);
	}
	return 0;
}

int sender_test(struct sol_sender *sender, const struct cat_node *subscription,
		void (*done)(void *user, const char *problem), void *user, struct cat_err *err)
{
	struct delivery *delivery = start(sender, subscription, NULL);
	if (!delivery)
		return cat_err_set(err, -ENOMEM, "no memory");
	delivery->done = done;
	delivery->user = user;
	return 0;
}

struct sol_sender *sender_create(struct sol *sol, struct cat_err *err)
{
	struct sol_sender *sender = calloc(1, sizeof(*sender));
	if (sender && curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
		sender->multi = curl_multi_init();
	if (!sender || !sender->multi) {
		free(sender);
		cat_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	sender->sol = sol;
	curl_multi_setopt(sender->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(sender->multi, CURLMOPT_SOCKETDATA, sender);
	curl_multi_setopt(sender->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(sender->multi, CURLMOPT_TIMERDATA, sender);
	return sender;
}

void sender_destroy(struct sol_sender *sender)
{
	if (!sender)
		return;
	while (sender->deliveries)
		free_delivery(sender->deliveries);
	cat_source_remove(sender->timer);
	sender->timer = NULL;
	curl_multi_cleanup(sender->multi);
	cat_source_remove(sender->timer);
	cat_source_remove(sender->retry);
	while (sender->receivers) {
		struct receiver *next = sender->receivers->next;
		free(sender->receivers);
		sender->receivers = next;
	}
	free(sender);
}
