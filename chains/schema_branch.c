// SPDX-License-Identifier: BSD-3-Clause
// oneOf and anyOf. A value that fits no branch gets the problems of the branch that was meant, not "matches none".
#include <errno.h>
#include <string.h>

#include "schema_check.h"

// How well a branch of oneOf or anyOf suits the value, before it is looked into.
enum fit {
	FIT_NOT,   // another type
	FIT_OTHER, // a key says that another branch is meant
	FIT_OPEN,  // nothing says
	FIT_MEANT, // a key says that this branch is meant
};

static enum fit branch_fit(struct checker *checker, const struct cat_node *branch, const struct cat_node *node)
{
	const struct cat_node *type = schema_keyword(checker->root, branch, "type");
	if (type && !schema_type_matches(type, node))
		return FIT_NOT;
	if (node->type != CAT_MAP)
		return FIT_OPEN;
	const struct cat_node *properties = schema_keyword(checker->root, branch, "properties");
	enum fit fit = FIT_OPEN;
	for (const struct cat_node *n = properties ? properties->first : NULL; n; n = n->next) {
		const struct cat_node *value = cat_node_get(node, n->key);
		const struct cat_node *constant = schema_keyword(checker->root, n, "const");
		const struct cat_node *list = schema_keyword(checker->root, n, "enum");
		if (!value || (!constant && !list))
			continue;
		if (constant ? !cat_node_equal(constant, value) : !checker_in_enum(list, value))
			return FIT_OTHER;
		fit = FIT_MEANT;
	}
	return fit;
}

// No branch took the value. Says what is wrong with a map or list in the branch that was meant: the one whose constants
// match, else the only one of its type, else the one with the fewest problems in it. Otherwise names all that would do.
static int report_branches(struct checker *checker, const struct cat_node *schema, const struct cat_node *branches,
			   const struct cat_node *node, struct cat_problems *problems)
{
	enum fit best_fit = FIT_NOT;
	struct cat_problems best = {0};
	size_t candidates = 0;
	int r = 0;
	for (const struct cat_node *n = branches->first; n && r == 0; n = n->next) {
		enum fit fit = branch_fit(checker, n, node);
		if (fit == FIT_NOT || fit < best_fit)
			continue;
		struct cat_problems found = {0};
		r = checker_check(checker, n, node, &found);
		if (fit > best_fit || found.count < best.count) {
			struct cat_problems worse = best;
			best = found;
			found = worse;
		}
		candidates = fit > best_fit ? 1 : candidates + 1;
		best_fit = fit;
		cat_problems_free(&found);
	}
	// Of a scalar there is no more to say than what all branches want.
	bool inside = candidates >= 1 && (node->type == CAT_MAP || node->type == CAT_LIST);
	if (r == 0 && inside)
		r = problems_move(problems, &best);
	else if (r == 0)
		r = checker_add_unexpected(checker, schema, node, problems);
	cat_problems_free(&best);
	return r;
}

// A map's key by which all branches are told apart, if the value has it with something that no branch knows: all that
// is accepted there is named, instead of the problems of a branch that was hardly meant.
static int report_unknown_constant(struct checker *checker, const struct cat_node *branches,
				   const struct cat_node *node, struct cat_problems *problems, bool *ret_done)
{
	for (const struct cat_node *value = node->type == CAT_MAP ? node->first : NULL; value; value = value->next) {
		const char *words[65] = {0};
		size_t count = 0, with = 0, of_type = 0;
		bool known = false;
		for (const struct cat_node *n = branches->first; n; n = n->next) {
			const struct cat_node *type = schema_keyword(checker->root, n, "type");
			if (type && !schema_type_matches(type, node))
				continue;
			of_type++;
			const struct cat_node *properties = schema_keyword(checker->root, n, "properties");
			const struct cat_node *property = cat_node_get(properties, value->key);
			size_t added = property ? checker_words(checker, property, words + count,
								CAT_ARRAY_LEN(words) - 1 - count, 0)
						: 0;
			with += added > 0;
			for (size_t i = count; i < count + added; i++)
				known |= value->type == CAT_STRING && strcmp(words[i], value->string) == 0;
			count += added;
		}
		if (of_type < 2 || with < of_type || known)
			continue;
		*ret_done = true;
		cat_autofree char *text = NULL;
		size_t size;
		char found[96];
		FILE *out = open_memstream(&text, &size);
		if (!out)
			return -ENOMEM;
		write_choices(out, words, count);
		const char *meant = value->type == CAT_STRING ? cat_suggest(value->string, words) : NULL;
		if (meant)
			fprintf(out, "; did you mean \"%s\"?", meant);
		if (fclose(out) != 0)
			return -ENOMEM;
		return cat_problems_add(problems, value, false, "found %s, expected %s",
					cat_node_describe(value, found, sizeof(found)), text);
	}
	return 0;
}

int checker_branches(struct checker *checker, const struct cat_node *schema, const char *keyword,
		     const struct cat_node *node, struct cat_problems *problems)
{
	const struct cat_node *branches = cat_node_get(schema, keyword);
	if (!branches)
		return 0;
	size_t taken = 0;
	for (const struct cat_node *n = branches->first; n; n = n->next) {
		if (branch_fit(checker, n, node) < FIT_OPEN)
			continue;
		struct cat_problems found = {0};
		int r = checker_check(checker, n, node, &found);
		taken += found.count == 0 && found.more == 0;
		cat_problems_free(&found);
		if (r < 0)
			return r;
	}
	if (taken == 1 || (taken > 1 && strcmp(keyword, "anyOf") == 0))
		return 0;
	if (taken > 1)
		return cat_problems_add(problems, node, false, "can be read in %zu ways that exclude each other",
					taken);
	bool done = false;
	int r = report_unknown_constant(checker, branches, node, problems, &done);
	return r < 0 || done ? r : report_branches(checker, schema, branches, node, problems);
}
