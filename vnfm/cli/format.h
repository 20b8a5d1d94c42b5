// SPDX-License-Identifier: BSD-3-Clause
// Numbers and tables for people.
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cat_quiet.h"
#include "cat_tree.h"

#define FORMAT_TEXT_MAX 32

// All write to text (FORMAT_TEXT_MAX bytes) and return it.
const char *format_count(uint64_t value, char *text);  // 12345678 as "12,345,678"
const char *format_scaled(double value, char *text);   // three digits and a power of 1000: "12.3k", "0"
const char *format_bytes(uint64_t bytes, char *text);  // powers of 1024: "33.0 MiB"
const char *format_age(int64_t seconds, char *text);   // "3 d 4 h", "5 m 12 s"
const char *format_clock(int64_t time_ms, char *text); // local time "13:05:59.123"
double format_real(const struct cat_node *node);       // of an integer or real; 0 for others and NULL
int64_t format_int(const struct cat_node *map, const char *key);
const char *format_text(const struct cat_node *map, const char *key, const char *absent);

// How a table is drawn.
struct format_style {
	bool colour;      // with ANSI escapes
	bool verbose;     // every counter and step
	unsigned columns; // of the terminal; 0: as many as it takes
};
// What the traffic table takes; with fewer columns it leaves bits per second out.
#define FORMAT_STATUS_COLUMNS 97

// The tables. colour: with ANSI escapes.
void format_services(FILE *out, const struct cat_node *body, int64_t now_ms, bool colour);
void format_status(FILE *out, const struct cat_node *status, int64_t now_ms, const struct format_style *style);
// One line a hop, for files: "13:05:59 branch fw right 12 packets 3/s queue 0 left ...".
void format_status_lines(FILE *out, const struct cat_node *status, int64_t now_ms);
void format_host(FILE *out, const struct cat_node *host);
// What `host check` found.
void format_quiet(FILE *out, const struct cat_quiet *quiet, bool colour);
// "13:05:59.123 fw  message": what the processes' own log lines repeat is left out.
void format_log_line(FILE *out, const struct cat_node *line, bool colour);
void format_event(FILE *out, const struct cat_node *event, bool colour);

#endif
