/* What schema.c and schema_check.c share. */
#ifndef ORB_TOOL_SCHEMA_INNER_H
#define ORB_TOOL_SCHEMA_INNER_H

#include "tool/schema.h"

/* What a local $ref names, NULL = nothing, or not of the subset. */
const json_t *orb_schema_target(const json_t *root, const char *ref);

#endif
