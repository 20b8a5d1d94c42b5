// SPDX-License-Identifier: BSD-3-Clause
// The descriptor as ETSI GS NFV-SOL 001 has it: one VDU, an OS container; connection points left and right; flavours,
// levels and the scaling aspect of lanes; configurable properties of the kind's schema.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csar.h"
#include "descriptor.h"

static const char *text_of(const struct cat_node *map, const char *key, const char *absent)
{
	const struct cat_node *node = cat_node_get(map, key);
	return node && node->type == CAT_STRING ? node->string : absent;
}

static void write_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p >= ' ')
			fprintf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
	fputs("\"\n", out);
}

// JSON schema's word for a type as TOSCA's.
static const char *type_word(const struct cat_node *property)
{
	static const char *const words[][2] = {{"object", "map"},
					       {"array", "list"},
					       {"integer", "integer"},
					       {"number", "float"},
					       {"boolean", "boolean"}};
	const char *type = text_of(property, "type", "string");
	for (size_t i = 0; i < CAT_ARRAY_LEN(words); i++)
		if (!strcmp(words[i][0], type))
			return words[i][1];
	return "string";
}

static void write_properties(FILE *out, const char *kind, const struct cat_node *schema)
{
	const struct cat_node *properties = cat_node_get(schema, "properties");
	fprintf(out,
		"data_types:\n  catena.datatypes.%s.ConfigurableProperties:\n"
		"    derived_from: tosca.datatypes.nfv.VnfConfigurableProperties\n",
		kind);
	if (properties && properties->count)
		fputs("    properties:\n", out);
	for (const struct cat_node *p = properties ? properties->first : NULL; p; p = p->next) {
		const char *type = type_word(p);
		fprintf(out, "      %s:\n        type: %s\n        required: false\n", p->key, type);
		if (!strcmp(type, "map") || !strcmp(type, "list"))
			fputs("        entry_schema: {type: string}\n", out);
		fputs("        description: ", out);
		write_quoted(out, text_of(p, "description", ""));
	}
}

static void write_flavours(FILE *out, const struct cat_node *descriptor)
{
	const struct cat_node *flavours = cat_node_get(descriptor, "flavours");
	const struct cat_node *levels = cat_node_get(descriptor, "instantiation_levels");
	fputs("  policies:\n    - lanes:\n        type: tosca.policies.nfv.ScalingAspects\n        properties:\n       "
	      "   aspects:\n"
	      "            " DESCRIPTOR_ASPECT
	      ": {name: lanes, description: cores that work for the service, max_scale_level: 15}\n"
	      "    - levels:\n        type: tosca.policies.nfv.InstantiationLevels\n        properties:\n          "
	      "levels:\n",
	      out);
	if (!levels || !levels->count)
		fputs("            default: {description: one lane, scale_info: {" DESCRIPTOR_ASPECT
		      ": {scale_level: 0}}}\n",
		      out);
	for (const struct cat_node *level = levels ? levels->first : NULL; level; level = level->next) {
		const struct cat_node *lanes = cat_node_get(level, DESCRIPTOR_ASPECT);
		long long count = lanes && lanes->type == CAT_INT ? (long long)lanes->integer : 1;
		fprintf(out,
			"            %s: {description: %lld lanes, scale_info: {" DESCRIPTOR_ASPECT
			": {scale_level: %lld}}}\n",
			level->key, count, count - 1);
	}
	fputs("    - flavours:\n        type: catena.policies.Flavours\n        properties:\n", out);
	if (!flavours || !flavours->count)
		fputs("          default: {}\n", out);
	for (const struct cat_node *flavour = flavours ? flavours->first : NULL; flavour; flavour = flavour->next)
		fprintf(out, "          %s: {memory: \"%s\", state: \"%s\"}\n", flavour->key,
			text_of(flavour, "memory", ""), text_of(flavour, "state", ""));
}

static void write_nodes(FILE *out, const char *kind, const char *description)
{
	static const char *const sides[] = {"left", "right"};
	fprintf(out,
		"    %s_vdu:\n      type: tosca.nodes.nfv.Vdu.OsContainerDeployableUnit\n      properties:\n        "
		"name: %s\n"
		"        description: ",
		kind, kind);
	write_quoted(out, description);
	fprintf(out,
		"        vdu_profile: {min_number_of_instances: 1, max_number_of_instances: 1}\n"
		"      requirements:\n        - container: %s_container\n"
		"    %s_container:\n      type: tosca.nodes.nfv.Vdu.OsContainer\n      properties:\n        name: %s\n"
		"        description: ",
		kind, kind, kind);
	write_quoted(out, description);
	fputs("      artifacts:\n        sw_image:\n          type: tosca.artifacts.nfv.SwImage\n"
	      "          file: ../Files/image/index.json\n",
	      out);
	for (size_t i = 0; i < CAT_ARRAY_LEN(sides); i++)
		fprintf(out,
			"    %s:\n      type: tosca.nodes.nfv.VduCp\n      properties:\n        layer_protocols: "
			"[ethernet]\n"
			"        description: the %s end of the function\n      requirements:\n        - "
			"virtual_binding: %s_vdu\n",
			sides[i], sides[i], kind);
}

char *csar_vnfd(const char *kind, const char *vnfd_id, const char *provider, const char *product, const char *software,
		const char *version, const struct cat_node *descriptor, const struct cat_node *schema)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *description = text_of(descriptor, "description", kind);
	if (!out)
		return NULL;
	fputs("tosca_definitions_version: tosca_simple_yaml_1_3\ndescription: ", out);
	write_quoted(out, description);
	fputs("imports:\n  - etsi_nfv_sol001_vnfd_types.yaml\n", out);
	write_properties(out, kind, schema);
	fprintf(out,
		"topology_template:\n  substitution_mappings:\n    node_type: catena.nodes.%s\n    requirements:\n"
		"      left: [left, external_virtual_link]\n      right: [right, external_virtual_link]\n  "
		"node_templates:\n"
		"    %s:\n      type: catena.nodes.%s\n      properties:\n        descriptor_id: %s\n        "
		"provider: ",
		kind, kind, kind, vnfd_id);
	write_quoted(out, provider);
	fputs("        product_name: ", out);
	write_quoted(out, product);
	fputs("        software_version: ", out);
	write_quoted(out, software);
	fputs("        descriptor_version: ", out);
	write_quoted(out, version);
	fputs("        flavour_id: default\n        flavour_description: \"\"\n        vnfm_info: [catena]\n", out);
	write_nodes(out, kind, description);
	write_flavours(out, descriptor);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
