// SPDX-License-Identifier: BSD-3-Clause
// Drawing a path.
#ifndef PLAN_DRAW_H
#define PLAN_DRAW_H

#include <stdio.h>

#include "cat_tree.h"

struct canvas {
	FILE *out;
	bool colour;
};

// Styles, as parameters of the SGR sequence (ECMA-48, 8.3.117).
#define PLAIN "0"
#define BOLD "1"
#define DIM "2"
#define GREEN "32"
#define YELLOW "33"
#define CYAN "36"

// The escape sequence of a style, "" without colour.
#define paint(canvas, style) ((canvas)->colour ? "\033[" style "m" : "")

// The path as a chain of boxes; every link and the ports' outer sides say how often a packet is copied there.
// Returns 0 or -ENOMEM.
int path_draw(const struct canvas *canvas, const struct cat_node *plan, const struct cat_node *path);

#endif
