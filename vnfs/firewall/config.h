// SPDX-License-Identifier: BSD-3-Clause
// The checked configuration of a firewall, with its rules compiled.
#ifndef FIREWALL_CONFIG_H
#define FIREWALL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "acl.h"
#include "cat_err.h"
#include "cat_tree.h"
#include "counters.h"

#define FW_RULES_MAX 16384u
#define FW_ENTRIES_MAX 65536u  // rules with their lists expanded
#define FW_LIST_MAX 1024u      // items of one list of a rule
#define FW_NAME_MAX 40u        // of a rule
#define FW_LIMIT_MAX 100000000 // packets per second
#define FW_CONNECTIONS_MAX (1u << 24)
#define FW_TIMEOUT_MAX_MS UINT64_C(604800000) // a week

enum fw_action { FW_ACCEPT, FW_DROP, FW_REJECT };

// What a connection waits for; the index of its timeout.
enum fw_timer {
	FW_TIMER_TCP_HALF_OPEN,
	FW_TIMER_TCP_ESTABLISHED,
	FW_TIMER_TCP_CLOSING,
	FW_TIMER_TCP_TIME_WAIT,
	FW_TIMER_TCP_RESET,
	FW_TIMER_UDP_UNREPLIED,
	FW_TIMER_UDP,
	FW_TIMER_ICMP,
	FW_TIMER_OTHER,
	FW_TIMERS
};

struct fw_rule {
	uint8_t action; // enum fw_action
	bool track, log;
	bool spoofed;      // the rule that anti_spoofing makes: has no name and no counter
	uint32_t limit;    // packets it decides on per second, of all lanes; 0: no limit
	uint32_t limit_at; // its place among those with a limit
	char name[FW_NAME_MAX + 1];
};

struct fw_config {
	struct fw_acl acl;
	struct fw_rule *rule;
	uint32_t rule_count;
	// Per lane one for each rule with a limit. writer: that lane's worker.
	struct fw_bucket *bucket;
	uint32_t limit_count;
	bool log_default;                      // log what no rule matches
	uint32_t log_rate;                     // lines per second and lane
	bool stateless;                        // at least one rule has `track: false`
	bool accept;                           // what no rule matches
	bool arp, neighbour_discovery, non_ip; // pass
	bool fragments;                        // are judged; else they are dropped
	uint32_t max_per_source;               // connections of one source address, of all lanes; 0: no limit
	bool rejudge;                          // connections that the rules no longer let in end with their next packet
	uint32_t fingerprint;                  // of all that decides what is let in; the same in every process
	uint32_t max_connections;              // of all lanes; UINT32_MAX: as many as state memory holds
	uint32_t reject_rate;                  // packets per second and lane
	uint32_t timeout_ms[FW_TIMERS];
	// "rule.NAME" of the first rules, and NULL.
	const char *counter[FW_RULE_COUNTERS_MAX + 1];
	char counter_text[FW_RULE_COUNTERS_MAX][CAT_STATS_NAME_MAX];
	uint8_t counter_order[FW_RULE_COUNTERS_MAX]; // by name, so that another configuration's can be compared with it
	uint32_t counter_count;
};
static_assert(sizeof("rule.") + FW_NAME_MAX <= CAT_STATS_NAME_MAX, "a rule's counter has a name that fits");

// As config_create, config_destroy and counter_names of cat_vnf_ops.
int fw_config_create(const struct cat_node *node, void **ret_config, struct cat_err *err);
void fw_config_destroy(void *config);
const char *const *fw_config_counters(const void *config);

// Prefixes of both families; as a rule's source or destination, none stand for everything.
struct fw_prefixes {
	struct cat_prefix prefix[FW_LIST_MAX];
	uint32_t count;
};

// What rules call by name; maps of the configuration, NULL where there are none.
struct fw_names {
	const struct cat_node *addresses, *services, *zones;
};

// Checks all of them, used or not.
int fw_names_read(const struct cat_node *config, struct fw_names *ret_names, struct cat_err *err);
// A prefix, a group, or a list of both; none if the key is absent.
int fw_prefixes_read(const struct cat_node *map, const char *key, const struct fw_names *names,
		     struct fw_prefixes *ret_list, struct cat_err *err);
// Narrows a rule to what its zone under `key` ("from_zone", "to_zone") holds.
int fw_zone_apply(const struct cat_node *rule, const char *key, const struct fw_names *names, uint8_t *sides,
		  struct fw_prefixes *list, struct cat_err *err);

// The entries made of the rules so far.
struct fw_entries {
	struct fw_acl_entry *entry; // of FW_ENTRIES_MAX
	uint32_t count;
};

// Reads one rule and adds its entries.
int fw_rule_read(const struct cat_node *node, uint32_t number, const struct fw_names *names, struct fw_rule *rule,
		 struct fw_entries *entries, struct cat_err *err);
int fw_service_check(const struct cat_node *service, struct cat_err *err);
// Adds entries for `rule`, before all others, that match sources on the side where they do not belong (RFC 2827).
int fw_spoofing_read(const struct cat_node *config, uint32_t rule, const struct fw_names *names,
		     struct fw_entries *entries, struct cat_err *err);

// Refuses what is not a map, and keys that are not in the NULL-terminated list.
int fw_config_check_keys(const struct cat_node *map, const char *const *known, struct cat_err *err);
// Reads a word of a NULL-terminated list; *ret_choice is its position.
int fw_config_read_choice(const struct cat_node *map, const char *key, bool required, const char *const *choices,
			  unsigned *ret_choice, struct cat_err *err);

#endif
