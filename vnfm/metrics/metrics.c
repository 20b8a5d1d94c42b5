// SPDX-License-Identifier: BSD-3-Clause
#include "metrics.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat_cleanup.h"

#define DROP "drop."
#define GAUGE "gauge."
#define TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

// One family at a time: all its samples stand together.
struct writer {
	FILE *out;
	const char *name; // of the family
	bool counter;
};

static void write_label(FILE *out, const char *key, const char *value, bool first)
{
	fprintf(out, "%s%s=\"", first ? "{" : ",", key);
	for (const char *p = value; *p; p++)
		fprintf(out, *p == '"' || *p == '\\' ? "\\%c" : *p == '\n' ? "\\n" : "%c", *p);
	fputc('"', out);
}

// labels: pairs of key and value, ended by NULL.
static void sample(struct writer *writer, const char *const *labels, double value)
{
	FILE *out = writer->out;
	fprintf(out, "%s%s", writer->name, writer->counter ? "_total" : "");
	for (size_t i = 0; labels[i]; i += 2)
		write_label(out, labels[i], labels[i + 1], i == 0);
	fprintf(out, "%s %.17g\n", labels[0] ? "}" : "", value);
}
#define SAMPLE(writer, value, ...) sample(writer, (const char *const[]){__VA_ARGS__, NULL}, value)

static const char *lane_text(uint32_t lane, char *text)
{
	snprintf(text, 12, "%u", lane);
	return text;
}

static const struct cat_stats_page *page_of(const struct service *service, const char *function)
{
	char name[MEMORY_NAME_MAX];
	if (!function)
		return memory_stats(&service->memory, "stats");
	snprintf(name, sizeof(name), "function/%s/stats", function);
	return memory_stats(&service->memory, name);
}

static double value_of(const struct cat_stats_page *page, uint32_t counter, uint32_t lane)
{
	return (double)atomic_load_explicit(&page->lane[lane].value[counter], memory_order_relaxed);
}

// The pages exist while the service does not prepare or clean them.
static bool readable(const struct service *service)
{
	return service->state == SERVICE_RUNNING || service->state == SERVICE_UPDATING;
}

static void write_info(struct writer *writer, const struct manager *manager)
{
	(void)manager;
	SAMPLE(writer, 1, "version", CATENA_VERSION);
}

static void write_resident(struct writer *writer, const struct manager *manager)
{
	(void)manager;
	unsigned long pages = 0, resident = 0;
	cat_autofile FILE *file = fopen("/proc/self/statm", "re");
	if (file && fscanf(file, "%lu %lu", &pages, &resident) == 2)
		sample(writer, (const char *const[]){NULL}, (double)resident * (double)sysconf(_SC_PAGESIZE));
}

static void write_running(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next)
		SAMPLE(writer, !strcmp(service_status_word(s), "running"), "service", s->name);
}

static void write_lanes(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next)
		SAMPLE(writer, s->lanes, "service", s->name);
}

static void write_restarts(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next)
		SAMPLE(writer, s->restarts, "service", s->name);
}

static void write_function_running(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next)
		for (uint32_t i = 0; i < s->function_count; i++)
			SAMPLE(writer, function_state(&s->function[i]) == FUNCTION_RUNNING, "service", s->name, "function",
			       s->function[i].name, "kind", s->function[i].kind);
}

static void write_function_restarts(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next)
		for (uint32_t i = 0; i < s->function_count; i++)
			SAMPLE(writer, s->function[i].restarts, "service", s->name, "function", s->function[i].name);
}

// One of a function's first counters, which all have, for each lane.
static void write_function(struct writer *writer, const struct manager *manager, uint32_t right, uint32_t left)
{
	for (const struct service *s = manager->services; s; s = s->next) {
		for (uint32_t i = 0; readable(s) && i < s->function_count; i++) {
			const struct cat_stats_page *page = page_of(s, s->function[i].name);
			for (uint32_t lane = 0; stats_count(page) >= CAT_STAT_OWN && lane < s->lanes; lane++) {
				char text[12];
				SAMPLE(writer, value_of(page, right, lane), "service", s->name, "function",
				       s->function[i].name, "lane", lane_text(lane, text), "direction", "right");
				SAMPLE(writer, value_of(page, left, lane), "service", s->name, "function",
				       s->function[i].name, "lane", text, "direction", "left");
			}
		}
	}
}

static void write_function_packets(struct writer *writer, const struct manager *manager)
{
	write_function(writer, manager, CAT_STAT_LEFT_RX_PACKETS, CAT_STAT_RIGHT_RX_PACKETS);
}

static void write_function_bytes(struct writer *writer, const struct manager *manager)
{
	write_function(writer, manager, CAT_STAT_LEFT_RX_BYTES, CAT_STAT_RIGHT_RX_BYTES);
}

static void write_busy(struct writer *writer, const struct manager *manager)
{
	for (const struct service *s = manager->services; s; s = s->next) {
		for (uint32_t i = 0; readable(s) && i < s->function_count; i++) {
			const struct cat_stats_page *page = page_of(s, s->function[i].name);
			for (uint32_t lane = 0; stats_count(page) >= CAT_STAT_OWN && lane < s->lanes; lane++) {
				char text[12];
				SAMPLE(writer, value_of(page, CAT_STAT_BUSY_CYCLES, lane), "service", s->name,
				       "function", s->function[i].name, "lane", lane_text(lane, text));
			}
		}
	}
}

// Counters of a page whose name begins with prefix. A page may name one twice; a family may not. function: NULL for the
// dataplane's page, which is then named so.
static void write_named(struct writer *writer, const struct service *service, const char *function, const char *prefix,
			const char *label)
{
	const struct cat_stats_page *page = page_of(service, function);
	uint32_t count = stats_count(page);
	char name[CAT_STATS_NAME_MAX], other[CAT_STATS_NAME_MAX], text[12];
	for (uint32_t i = 0; i < count; i++) {
		bool again = strncmp(stats_name(page, i, name), prefix, strlen(prefix)) != 0;
		for (uint32_t k = 0; k < i && !again; k++)
			again = !strcmp(name, stats_name(page, k, other));
		for (uint32_t lane = 0; !again && lane < service->lanes; lane++)
			SAMPLE(writer, value_of(page, i, lane), "service", service->name, "function",
			       function ? function : "dataplane", "lane", lane_text(lane, text), label,
			       name + strlen(prefix));
	}
}

static void write_all_named(struct writer *writer, const struct manager *manager, const char *prefix, const char *label)
{
	for (const struct service *s = manager->services; s; s = s->next) {
		if (!readable(s))
			continue;
		write_named(writer, s, NULL, prefix, label);
		for (uint32_t i = 0; i < s->function_count; i++)
			write_named(writer, s, s->function[i].name, prefix, label);
	}
}

static void write_drops(struct writer *writer, const struct manager *manager)
{
	write_all_named(writer, manager, DROP, "reason");
}

static void write_gauges(struct writer *writer, const struct manager *manager)
{
	write_all_named(writer, manager, GAUGE, "name");
}

static void write_port(struct writer *writer, const struct manager *manager, const char *what)
{
	static const char *const directions[] = {"rx", "tx"};
	for (const struct service *s = manager->services; s; s = s->next) {
		const struct cat_node *ports = readable(s) ? cat_node_get(s->current.plan, "ports") : NULL;
		const struct cat_stats_page *page = ports ? page_of(s, NULL) : NULL;
		for (const struct cat_node *port = page ? ports->first : NULL; port; port = port->next) {
			const char *name = doc_text(port, "name");
			for (size_t d = 0; d < CAT_ARRAY_LEN(directions); d++) {
				char counter[CAT_STATS_NAME_MAX + 64], text[12];
				uint32_t index = 0;
				snprintf(counter, sizeof(counter), "port.%s.%s_%s", name, directions[d], what);
				for (uint32_t lane = 0; stats_find(page, counter, &index) && lane < s->lanes; lane++)
					SAMPLE(writer, value_of(page, index, lane), "service", s->name, "port", name,
					       "lane", lane_text(lane, text), "direction", directions[d]);
			}
		}
	}
}

static void write_port_packets(struct writer *writer, const struct manager *manager)
{
	write_port(writer, manager, "packets");
}

static void write_port_bytes(struct writer *writer, const struct manager *manager)
{
	write_port(writer, manager, "bytes");
}

// A link is between two neighbours of a path: "PATH/0" leaves its first port.
struct link {
	const struct service *service;
	const char *path, *before, *after;
	unsigned number;
};
typedef void (*link_fn)(struct writer *writer, const struct link *link, uint32_t lane, bool right);

static void each_link(struct writer *writer, const struct manager *manager, link_fn fn)
{
	for (const struct service *s = manager->services; s; s = s->next) {
		const struct cat_node *paths = readable(s) ? cat_node_get(s->current.plan, "paths") : NULL;
		for (const struct cat_node *path = paths ? paths->first : NULL; path; path = path->next) {
			const struct cat_node *hops = cat_node_get(path, "hops");
			struct link link = {.service = s, .path = doc_text(path, "name")};
			for (const struct cat_node *hop = hops ? hops->first : NULL; hop && hop->next;
			     hop = hop->next, link.number++) {
				link.before = hop->string;
				link.after = hop->next->string;
				for (uint32_t lane = 0; lane < s->lanes; lane++) {
					fn(writer, &link, lane, true);
					fn(writer, &link, lane, false);
				}
			}
		}
	}
}

static void link_sample(struct writer *writer, const struct link *link, uint32_t lane, bool right, double value)
{
	char name[128], text[12];
	snprintf(name, sizeof(name), "%s/%u", link->path, link->number);
	SAMPLE(writer, value, "service", link->service->name, "link", name, "lane", lane_text(lane, text), "direction",
	       right ? "right" : "left");
}

// What arrived at the link's end, or, where that is a port that other paths share, what was sent to it.
static void link_counter(struct writer *writer, const struct link *link, uint32_t lane, bool right, uint32_t offset)
{
	const struct service *s = link->service;
	const char *to = right ? link->after : link->before, *from = right ? link->before : link->after;
	bool arrived = service_function(s, to) != NULL;
	const char *function = arrived ? to : from;
	const struct cat_stats_page *page = service_function(s, function) ? page_of(s, function) : NULL;
	uint32_t counter = arrived ? right ? CAT_STAT_LEFT_RX_PACKETS : CAT_STAT_RIGHT_RX_PACKETS
			   : right ? CAT_STAT_RIGHT_TX_PACKETS
				   : CAT_STAT_LEFT_TX_PACKETS;
	if (stats_count(page) >= CAT_STAT_OWN)
		link_sample(writer, link, lane, right, value_of(page, counter + offset, lane));
}

static void link_packets(struct writer *writer, const struct link *link, uint32_t lane, bool right)
{
	link_counter(writer, link, lane, right, 0);
}

static void link_bytes(struct writer *writer, const struct link *link, uint32_t lane, bool right)
{
	link_counter(writer, link, lane, right, 1);
}

static void link_queue(struct writer *writer, const struct link *link, uint32_t lane, bool right)
{
	const struct cat_ring *ring = memory_ring(&link->service->memory, link->path, link->number, lane, right);
	if (!ring)
		return;
	uint32_t depth = atomic_load_explicit(&ring->prod, memory_order_relaxed) -
			 atomic_load_explicit(&ring->cons, memory_order_relaxed);
	link_sample(writer, link, lane, right, depth <= CAT_RING_SIZE_MAX ? depth : 0);
}

static void write_link_packets(struct writer *writer, const struct manager *manager)
{
	each_link(writer, manager, link_packets);
}

static void write_link_bytes(struct writer *writer, const struct manager *manager)
{
	each_link(writer, manager, link_bytes);
}

static void write_link_queue(struct writer *writer, const struct manager *manager)
{
	each_link(writer, manager, link_queue);
}

static void write_operations(struct writer *writer, const struct manager *manager)
{
	unsigned count[SOL_STATES] = {0};
	for (const struct sol_resource *r = manager->sol ? manager->sol->set[SOL_OCCURRENCE].first : NULL; r;
	     r = r->next)
		count[occurrence_state(r)]++;
	for (int i = 0; i < SOL_STATES; i++)
		SAMPLE(writer, count[i], "state", sol_state_names[i]);
}

static void write_alarms(struct writer *writer, const struct manager *manager)
{
	unsigned active = 0;
	for (const struct sol_resource *r = manager->sol ? manager->sol->set[SOL_ALARM].first : NULL; r; r = r->next)
		active += !*doc_text(r->doc, "alarmClearedTime");
	sample(writer, (const char *const[]){NULL}, active);
}

static const struct family {
	const char *name, *help;
	bool counter;
	void (*write)(struct writer *writer, const struct manager *manager);
} families[] = {
	{"catena_build_info", "The version of the manager.", false, write_info},
	{"catena_manager_resident_memory_bytes", "Memory of the manager.", false, write_resident},
	{"catena_service_running", "Whether the service and all its functions run.", false, write_running},
	{"catena_service_lanes", "Lanes of the service.", false, write_lanes},
	{"catena_service_restarts", "Starts of the service after failures.", true, write_restarts},
	{"catena_function_running", "Whether the function runs.", false, write_function_running},
	{"catena_function_restarts", "Starts of the function after failures.", true, write_function_restarts},
	{"catena_function_packets", "Packets that the function took, on their way to the direction.", true,
	 write_function_packets},
	{"catena_function_bytes", "Bytes that the function took, on their way to the direction.", true,
	 write_function_bytes},
	{"catena_function_busy_cycles", "Ticks of the time stamp counter spent on packets.", true, write_busy},
	{"catena_dropped_packets", "Packets dropped, by the function and its reason.", true, write_drops},
	{"catena_level", "Levels that functions tell of, by name: sessions, free buffers.", false, write_gauges},
	{"catena_link_packets", "Packets over the link, which is PATH/NUMBER.", true, write_link_packets},
	{"catena_link_bytes", "Bytes over the link.", true, write_link_bytes},
	{"catena_link_queue_packets", "Packets that wait in the link's ring.", false, write_link_queue},
	{"catena_port_packets", "Packets received (rx) and sent (tx) at the port.", true, write_port_packets},
	{"catena_port_bytes", "Bytes received (rx) and sent (tx) at the port.", true, write_port_bytes},
	{"catena_operations", "Life-cycle operations that are known, by state.", false, write_operations},
	{"catena_alarms", "Alarms that are not cleared.", false, write_alarms},
};

char *metrics_text(const struct manager *manager, bool open, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);
	if (!out)
		return NULL;
	for (size_t i = 0; i < CAT_ARRAY_LEN(families); i++) {
		const struct family *family = &families[i];
		struct writer writer = {.out = out, .name = family->name, .counter = family->counter};
		// The older format has a counter's type stand with its samples' name.
		const char *ending = family->counter && !open ? "_total" : "";
		fprintf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, ending, family->help, family->name,
			ending, family->counter ? "counter" : "gauge");
		family->write(&writer, manager);
	}
	if (open)
		fputs("# EOF\n", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void get_metrics(struct api_request *request)
{
	const char *accept = api_header(request, "Accept");
	bool open = accept && strstr(accept, "application/openmetrics-text");
	size_t size = 0;
	char *text = metrics_text(api_manager(request->api), open, &size);
	api_reply_text(request, 200, open ? TYPE_OPEN : TYPE_TEXT, text, size);
}

static const struct api_method method = {
	"GET", "/metrics", get_metrics, false, "", "Counters and levels in OpenMetrics text.", "200"};

static enum api_route find(struct api_request *request, const char *verb, const char *path, char *allow,
			   size_t allow_size)
{
	if (strcmp(path, method.path) != 0)
		return API_NO_PATH;
	request->method = &method;
	snprintf(allow, allow_size, "GET");
	return strcmp(verb, "GET") != 0 ? API_NO_METHOD : API_FOUND;
}

const struct api_surface metrics_surface = {.body_max = 0, .find = find};
