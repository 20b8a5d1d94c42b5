// SPDX-License-Identifier: BSD-3-Clause
// How it works: every hop becomes a box of three lines of text. Boxes are put into rows as wide as a terminal usually
// is, and each row is written line by line: what is above the boxes, their upper edge, the three lines, their lower
// edge.
#include "plan_draw.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cat_cleanup.h"
#include "cat_topology.h"
#include "service.h"

#define ROW_WIDTH 92
#define LINK_WIDTH 5
#define TEXT_MAX 30 // columns; what is longer loses its middle
#define TEXT_LINES 3
#define BOX_LINES (TEXT_LINES + 2)

struct box {
	char text[TEXT_LINES][TEXT_MAX * 4 + 1]; // name, what it is, where
	int width;                               // columns of the longest text
	int64_t copies;                          // of a port at its outer side
	int64_t link_copies;                     // on the link to the next box
	bool port;
};

struct edge {
	const char *left_top, *right_top, *left_bottom, *right_bottom, *side, *flat, *joint_left, *joint_right;
};
static const struct edge port_edge = {"┏", "┓", "┗", "┛", "┃", "━", "┨", "┠"};
static const struct edge function_edge = {"╭", "╮", "╰", "╯", "│", "─", "┤", "├"};

static int columns(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

// Bytes of the first n characters.
static size_t bytes_of(const char *text, int n)
{
	const char *p = text;
	while (*p && n > 0) {
		p++;
		while (((unsigned char)*p & 0xc0) == 0x80)
			p++;
		n--;
	}
	return (size_t)(p - text);
}

static void set_text(struct box *box, int line, const char *text)
{
	int length = columns(text);
	char *to = box->text[line];
	size_t size = sizeof(box->text[line]);
	if (length <= TEXT_MAX) {
		snprintf(to, size, "%s", text);
	} else {
		int half = (TEXT_MAX - 1) / 2;
		snprintf(to, size, "%.*s…%s", (int)bytes_of(text, half), text,
			 text + bytes_of(text, length - (TEXT_MAX - 1 - half)));
		length = TEXT_MAX;
	}
	box->width = length > box->width ? length : box->width;
}

static const struct cat_node *find_named(const struct cat_node *list, const char *name)
{
	const struct cat_node *n = list->first;
	while (n && strcmp(text_of(n, "name"), name) != 0)
		n = n->next;
	return n;
}

static void fill_port(struct box *box, const struct cat_node *port)
{
	const char *driver = text_of(port, "driver"), *device = text_of(port, "device");
	const struct cat_node *options = cat_node_get(port, "options");
	char text[64];
	box->port = true;
	box->copies = int_of(port, "copies", 0);
	set_text(box, 1, driver);
	if (strcmp(driver, "gen") == 0) {
		int64_t flows = int_of(options, "flows", 0);
		snprintf(text, sizeof(text), "%" PRId64 " B, %" PRId64 " %s", int_of(options, "size", 0), flows,
			 flows == 1 ? "flow" : "flows");
		set_text(box, 2, text);
	} else {
		set_text(box, 2, device);
	}
}

static void fill_function(struct box *box, const struct cat_node *function)
{
	const struct cat_node *cpus = cat_node_get(function, "cpus");
	uint32_t list[CAT_CPUS_MAX], count = 0;
	for (const struct cat_node *n = cpus->first; n && count < CAT_CPUS_MAX; n = n->next) {
		uint32_t at = count++;
		for (; at > 0 && list[at - 1] > n->integer; at--)
			list[at] = list[at - 1];
		list[at] = (uint32_t)n->integer;
	}
	char numbers[256], text[288];
	snprintf(text, sizeof(text), "%s %s", count == 1 ? "core" : "cores",
		 cat_cpu_list_format(list, count, numbers, sizeof(numbers)));
	set_text(box, 1, text_of(function, "kind"));
	set_text(box, 2, text);
}

static size_t fill_boxes(struct box *boxes, const struct cat_node *plan, const struct cat_node *path)
{
	const struct cat_node *link = cat_node_get(path, "links")->first;
	size_t count = 0;
	for (const struct cat_node *n = cat_node_get(path, "hops")->first; n; n = n->next) {
		struct box *box = &boxes[count++];
		const struct cat_node *port = find_named(cat_node_get(plan, "ports"), n->string);
		const struct cat_node *function = find_named(cat_node_get(plan, "functions"), n->string);
		set_text(box, 0, n->string);
		if (port)
			fill_port(box, port);
		else if (function)
			fill_function(box, function);
		if (link) {
			box->link_copies = int_of(link, "copies", 0);
			link = link->next;
		}
	}
	return count;
}

static void repeat(FILE *out, const char *text, int n)
{
	while (n-- > 0)
		fputs(text, out);
}

static void write_copies(const struct canvas *canvas, int64_t copies, int width)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%" PRId64, copies);
	int before = (width - length) / 2;
	fprintf(canvas->out, "%*s%s%s%s%*s", before, "", copies ? paint(canvas, YELLOW) : paint(canvas, GREEN), text,
		paint(canvas, PLAIN), width - length - before, "");
}

static void write_box_line(const struct canvas *canvas, const struct box *box, int line)
{
	const struct edge *edge = box->port ? &port_edge : &function_edge;
	const char *frame = box->port ? paint(canvas, CYAN) : "", *plain = paint(canvas, PLAIN);
	FILE *out = canvas->out;
	fputs(frame, out);
	if (line == 0 || line == BOX_LINES - 1) {
		fputs(line ? edge->left_bottom : edge->left_top, out);
		repeat(out, edge->flat, box->width + 2);
		fprintf(out, "%s%s", line ? edge->right_bottom : edge->right_top, box->port ? plain : "");
		return;
	}
	const char *text = box->text[line - 1];
	bool joint = line == 1;
	fprintf(out, "%s%s ", joint ? edge->joint_left : edge->side, box->port ? plain : "");
	fprintf(out, "%s%s%s%*s ", line == 1 ? paint(canvas, BOLD) : paint(canvas, DIM), text, plain,
		box->width - columns(text), "");
	fprintf(out, "%s%s%s", frame, joint ? edge->joint_right : edge->side, box->port ? plain : "");
}

// What joins a box to the outside or the next: copies in the line above the link.
static void write_link(const struct canvas *canvas, int64_t copies, int line)
{
	if (line == 0)
		write_copies(canvas, copies, LINK_WIDTH);
	else if (line == 1)
		repeat(canvas->out, "─", LINK_WIDTH);
	else
		fprintf(canvas->out, "%*s", LINK_WIDTH, "");
}

static int write_row(const struct canvas *canvas, const struct box *boxes, size_t from, size_t to)
{
	for (int line = 0; line < BOX_LINES; line++) {
		cat_autofree char *text = NULL;
		size_t size;
		struct canvas row = {.out = open_memstream(&text, &size), .colour = canvas->colour};
		if (!row.out)
			return -ENOMEM;
		fputs("  ", row.out);
		// The outer side of the first port, or the link that comes from the row above.
		write_link(&row, from == 0 ? boxes[0].copies : boxes[from - 1].link_copies, line);
		for (size_t i = from; i < to; i++) {
			write_box_line(&row, &boxes[i], line);
			write_link(&row, boxes[i].port && i > 0 ? boxes[i].copies : boxes[i].link_copies, line);
		}
		if (fclose(row.out) != 0)
			return -ENOMEM;
		while (size && text[size - 1] == ' ')
			size--;
		fprintf(canvas->out, "%.*s\n", (int)size, text);
	}
	return 0;
}

static void write_list(FILE *out, const char *words, const struct cat_node *list)
{
	for (const struct cat_node *n = list ? list->first : NULL; n; n = n->next)
		fprintf(out, "%s%s", n == list->first ? words : ", ", n->string);
}

static void write_match(FILE *out, const struct cat_node *path)
{
	const struct cat_node *match = cat_node_get(path, "match"), *protocol = cat_node_get(match, "protocol");
	if (!match || match->type != CAT_MAP) {
		fputs(path == path->parent->first ? "everything" : "what is left", out);
		return;
	}
	const struct cat_node *source = cat_node_get(match, "source"),
			      *destination = cat_node_get(match, "destination");
	if (protocol && protocol->type == CAT_STRING)
		fputs(protocol->string, out);
	else if (protocol)
		fprintf(out, "protocol %" PRId64, protocol->integer);
	else
		fputs("packets", out);
	write_list(out, " from ", source);
	write_list(out, source ? " port " : " from port ", cat_node_get(match, "source_ports"));
	write_list(out, " to ", destination);
	write_list(out, destination ? " port " : " to port ", cat_node_get(match, "destination_ports"));
	if (cat_node_get(match, "vlan"))
		fprintf(out, " in VLAN %" PRId64, int_of(match, "vlan", 0));
}

// Copies of a packet from the outside to the outside.
static int64_t total_copies(const struct box *boxes, size_t count)
{
	int64_t total = boxes[0].copies + boxes[count - 1].copies;
	for (size_t i = 0; i + 1 < count; i++)
		total += boxes[i].link_copies;
	return total;
}

int path_draw(const struct canvas *canvas, const struct cat_node *plan, const struct cat_node *path)
{
	cat_autofree struct box *boxes = calloc(cat_node_get(path, "hops")->count + 1, sizeof(*boxes));
	if (!boxes)
		return -ENOMEM;
	size_t count = fill_boxes(boxes, plan, path);
	int64_t copies = total_copies(boxes, count);
	fprintf(canvas->out, "  %spath%s %s%s%s %stakes ", paint(canvas, DIM), paint(canvas, PLAIN),
		paint(canvas, BOLD), text_of(path, "name"), paint(canvas, PLAIN), paint(canvas, DIM));
	write_match(canvas->out, path);
	fprintf(canvas->out, "; %" PRId64 " %s of a packet%s\n", copies, copies == 1 ? "copy" : "copies",
		paint(canvas, PLAIN));
	for (size_t from = 0; from < count;) {
		int width = 2 + LINK_WIDTH;
		size_t to = from;
		while (to < count && (to == from || width + boxes[to].width + 4 + LINK_WIDTH <= ROW_WIDTH))
			width += boxes[to++].width + 4 + LINK_WIDTH;
		if (write_row(canvas, boxes, from, to) < 0)
			return -ENOMEM;
		from = to;
	}
	fputc('\n', canvas->out);
	return 0;
}
