// SPDX-License-Identifier: BSD-3-Clause
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "reject.h"

#define REJECT_RATE_DEFAULT 100
#define REJECT_RATE_MAX 100000
#define LOG_RATE_DEFAULT 100
#define LOG_RATE_MAX 10000

int fw_config_check_keys(const struct cat_node *map, const char *const *known, struct cat_err *err)
{
	char found[80];
	if (!map)
		return 0;
	if (map->type != CAT_MAP)
		return cat_node_error(map, err, "found %s, expected a map",
				      cat_node_describe(map, found, sizeof(found)));
	for (const struct cat_node *child = map->first; child; child = child->next) {
		unsigned i = 0;
		while (known[i] && strcmp(known[i], child->key) != 0)
			i++;
		if (known[i])
			continue;
		char list[256] = "";
		for (i = 0; known[i]; i++)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", known[i]);
		return cat_node_error(child, err, "unknown key, expected one of: %s", list);
	}
	return 0;
}

int fw_config_read_choice(const struct cat_node *map, const char *key, bool required, const char *const *choices,
			  unsigned *ret_choice, struct cat_err *err)
{
	const char *text = NULL;
	int r = cat_node_read_string(map, key, required, &text, err);
	if (r < 0 || !text)
		return r;
	char list[128] = "";
	for (unsigned i = 0; choices[i]; i++) {
		if (strcmp(choices[i], text) == 0) {
			*ret_choice = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"", i ? ", " : "", choices[i]);
	}
	return cat_node_error(cat_node_get(map, key), err, "found \"%s\", expected one of: %s", text, list);
}

static int read_verdict(const struct cat_node *map, const char *key, bool *ret_accept, struct cat_err *err)
{
	static const char *const choices[] = {"drop", "accept", NULL};
	unsigned choice = *ret_accept;
	int r = fw_config_read_choice(map, key, CAT_OPTIONAL, choices, &choice, err);
	if (r == 0)
		*ret_accept = choice;
	return r;
}

static int read_fragments(const struct cat_node *node, struct fw_config *config, struct cat_err *err)
{
	static const char *const choices[] = {"drop", "judge", NULL};
	unsigned choice = config->fragments;
	int r = fw_config_read_choice(node, "fragments", CAT_OPTIONAL, choices, &choice, err);
	if (r == 0)
		config->fragments = choice;
	return r;
}

static int read_timeouts(const struct cat_node *node, struct fw_config *config, struct cat_err *err)
{
	// The defaults are the least that RFC 5382 REQ-5 (TCP) and RFC 5508 REQ-1 (ICMP) allow a NAT, and what RFC 4787
	// REQ-5 recommends (UDP).
	static const struct {
		const char *key;
		int64_t default_s;
	} timer[FW_TIMERS] = {
		[FW_TIMER_TCP_HALF_OPEN] = {"tcp_half_open_s", 240},
		[FW_TIMER_TCP_ESTABLISHED] = {"tcp_established_s", 7440},
		[FW_TIMER_TCP_CLOSING] = {"tcp_closing_s", 240},
		[FW_TIMER_TCP_TIME_WAIT] = {"tcp_time_wait_s", 240},
		[FW_TIMER_TCP_RESET] = {"tcp_reset_s", 10},
		[FW_TIMER_UDP_UNREPLIED] = {"udp_unreplied_s", 120},
		[FW_TIMER_UDP] = {"udp_s", 300},
		[FW_TIMER_ICMP] = {"icmp_s", 60},
		[FW_TIMER_OTHER] = {"other_s", 600},
	};
	const char *keys[FW_TIMERS + 1] = {NULL};
	const struct cat_node *map = NULL;
	for (unsigned i = 0; i < FW_TIMERS; i++)
		keys[i] = timer[i].key;
	int r = cat_node_read_map(node, "timeouts", CAT_OPTIONAL, &map, err);
	if (r < 0 || (r = fw_config_check_keys(map, keys, err)) < 0)
		return r;
	for (unsigned i = 0; i < FW_TIMERS; i++) {
		int64_t seconds = timer[i].default_s;
		r = cat_node_read_int(map, timer[i].key, CAT_OPTIONAL, 1, (int64_t)(FW_TIMEOUT_MAX_MS / 1000), &seconds,
				      err);
		if (r < 0)
			return r;
		config->timeout_ms[i] = (uint32_t)seconds * 1000;
	}
	return 0;
}

struct name_at {
	const char *name;
	const struct cat_node *node;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name_at *)a)->name, ((const struct name_at *)b)->name);
}

// Names stand for rules in counters, so that no two may be alike.
static int check_names(const struct fw_config *config, const struct cat_node *list, struct cat_err *err)
{
	cat_autofree struct name_at *names = calloc(config->rule_count, sizeof(*names));
	if (!names)
		return cat_err_set(err, -ENOMEM, "no memory for %u rules", config->rule_count);
	uint32_t count = 0;
	for (const struct cat_node *item = list->first; item; item = item->next, count++)
		names[count] = (struct name_at){config->rule[count].name, item};
	qsort(names, config->rule_count, sizeof(*names), compare_names);
	for (uint32_t i = 1; i < config->rule_count; i++) {
		if (strcmp(names[i - 1].name, names[i].name) == 0)
			return cat_node_error(cat_node_get(names[i].node, "name"), err,
					      "found \"%s\" a second time, expected a name of its own", names[i].name);
	}
	return 0;
}

static int compare_counters(const void *a, const void *b, void *user)
{
	const struct fw_config *config = user;
	return strcmp(config->counter[*(const uint8_t *)a], config->counter[*(const uint8_t *)b]);
}

static void name_counters(struct fw_config *config)
{
	uint32_t count = config->rule_count < FW_RULE_COUNTERS_MAX ? config->rule_count : FW_RULE_COUNTERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(config->counter_text[i], sizeof(config->counter_text[i]), "rule.%s", config->rule[i].name);
		config->counter[i] = config->counter_text[i];
		config->counter_order[i] = (uint8_t)i;
	}
	config->counter[count] = NULL;
	config->counter_count = count;
	qsort_r(config->counter_order, count, sizeof(config->counter_order[0]), compare_counters, config);
}

// A bucket per lane for each rule with a limit.
static int make_buckets(struct fw_config *config, struct cat_err *err)
{
	for (uint32_t i = 0; i < config->rule_count; i++) {
		if (config->rule[i].limit)
			config->rule[i].limit_at = config->limit_count++;
	}
	if (!config->limit_count)
		return 0;
	config->bucket = calloc((size_t)config->limit_count * CAT_LANES_MAX, sizeof(*config->bucket));
	return config->bucket ? 0 : cat_err_set(err, -ENOMEM, "no memory for %u limits", config->limit_count);
}

static int read_list(const struct cat_node *list, const struct fw_names *names, struct fw_config *config,
		     struct fw_entries *entries, struct cat_err *err)
{
	for (const struct cat_node *item = list ? list->first : NULL; item; item = item->next) {
		struct fw_rule *rule = &config->rule[config->rule_count];
		int r = fw_rule_read(item, config->rule_count, names, rule, entries, err);
		if (r < 0)
			return r;
		config->stateless |= !rule->track;
		config->rule_count++;
	}
	return list ? check_names(config, list, err) : 0;
}

static int read_rules(const struct cat_node *node, struct fw_config *config, struct cat_err *err)
{
	const struct cat_node *list = NULL;
	struct fw_names names = {0};
	int r = fw_names_read(node, &names, err);
	if (r < 0 || (r = cat_node_read_list(node, "rules", CAT_OPTIONAL, &list, err)) < 0)
		return r;
	size_t count = list ? list->count : 0;
	if (count > FW_RULES_MAX)
		return cat_node_error(list, err, "found %zu rules, expected at most %u", count, FW_RULES_MAX);
	cat_autofree struct fw_acl_entry *entry = malloc(FW_ENTRIES_MAX * sizeof(*entry));
	// The last is the one that anti_spoofing makes.
	config->rule = calloc(count + 1, sizeof(*config->rule));
	if (!entry || !config->rule)
		return cat_err_set(err, -ENOMEM, "no memory for %zu rules", count);
	struct fw_entries entries = {.entry = entry};
	config->rule[count] = (struct fw_rule){.action = FW_DROP, .spoofed = true};
	if ((r = read_list(list, &names, config, &entries, err)) < 0 ||
	    (r = fw_spoofing_read(node, (uint32_t)count, &names, &entries, err)) < 0 ||
	    (r = make_buckets(config, err)) < 0)
		return r;
	if (fw_acl_build(&config->acl, entry, entries.count, err) < 0)
		return cat_err_wrap(err, "/rules");
	return 0;
}

static int read_limits(const struct cat_node *node, struct fw_config *config, struct cat_err *err)
{
	static const char *const choices[] = {"keep", "judge", NULL};
	unsigned choice = 0;
	int64_t per_source = 0;
	int64_t connections = UINT32_MAX, rate = REJECT_RATE_DEFAULT, log_rate = LOG_RATE_DEFAULT;
	int r = cat_node_read_int(node, "max_connections", CAT_OPTIONAL, 1, FW_CONNECTIONS_MAX, &connections, err);
	if (r < 0 || (r = cat_node_read_int(node, "reject_rate", CAT_OPTIONAL, 0, REJECT_RATE_MAX, &rate, err)) < 0 ||
	    (r = cat_node_read_int(node, "log_rate", CAT_OPTIONAL, 0, LOG_RATE_MAX, &log_rate, err)) < 0 ||
	    (r = cat_node_read_bool(node, "log_default", CAT_OPTIONAL, &config->log_default, err)) < 0)
		return r;
	if ((r = cat_node_read_int(node, "max_per_source", CAT_OPTIONAL, 1, FW_CONNECTIONS_MAX, &per_source, err)) <
		    0 ||
	    (r = fw_config_read_choice(node, "on_change", CAT_OPTIONAL, choices, &choice, err)) < 0)
		return r;
	config->max_per_source = (uint32_t)per_source;
	config->rejudge = choice == 1;
	config->log_rate = (uint32_t)log_rate;
	config->max_connections = (uint32_t)connections;
	config->reject_rate = (uint32_t)rate;
	return 0;
}

// FNV-1a over what decides whether a connection may be opened, as it is written. 0: no memory.
static uint32_t fingerprint_of(const struct cat_node *config)
{
	static const char *const keys[] = {"default", "rules", "addresses", "services", "zones", "anti_spoofing"};
	uint32_t sum = 2166136261u;
	for (unsigned i = 0; i < CAT_ARRAY_LEN(keys); i++) {
		const struct cat_node *part = cat_node_get(config, keys[i]);
		cat_autofree char *text = part ? cat_node_to_json(part, 0) : NULL;
		if (part && !text)
			return 0;
		// A part that is absent differs from one that is empty.
		sum = (sum ^ i) * 16777619u;
		for (const char *p = text; p && *p; p++)
			sum = (sum ^ (uint8_t)*p) * 16777619u;
	}
	return sum ? sum : 1;
}

int fw_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err)
{
	static const char *const keys[] = {
		"default",   "rules",           "arp",         "neighbour_discovery", "non_ip",
		"timeouts",  "max_connections", "reject_rate", "addresses",           "services",
		"zones",     "anti_spoofing",   "log_default", "max_per_source",      "on_change",
		"fragments", "log_rate",        NULL};
	int r = fw_config_check_keys(node, keys, err);
	if (r < 0)
		return r;
	struct fw_config *config = calloc(1, sizeof(*config));
	if (!config)
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	config->arp = config->neighbour_discovery = config->fragments = true;
	if ((r = read_verdict(node, "default", &config->accept, err)) < 0 ||
	    (r = read_verdict(node, "arp", &config->arp, err)) < 0 ||
	    (r = read_verdict(node, "neighbour_discovery", &config->neighbour_discovery, err)) < 0 ||
	    (r = read_verdict(node, "non_ip", &config->non_ip, err)) < 0 ||
	    (r = read_fragments(node, config, err)) < 0 || (r = read_timeouts(node, config, err)) < 0 ||
	    (r = read_limits(node, config, err)) < 0 || (r = read_rules(node, config, err)) < 0) {
		fw_config_destroy(config);
		return r;
	}
	name_counters(config);
	config->fingerprint = fingerprint_of(node);
	if (!config->fingerprint) {
		fw_config_destroy(config);
		return cat_err_set(err, -ENOMEM, "no memory for the configuration");
	}
	*ret_config = config;
	return 0;
}

void fw_config_destroy(void *config)
{
	struct fw_config *c = config;
	if (!c)
		return;
	fw_acl_free(&c->acl);
	free(c->bucket);
	free(c->rule);
	free(c);
}

const char *const *fw_config_counters(const void *config)
{
	return ((const struct fw_config *)config)->counter;
}
