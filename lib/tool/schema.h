/* A documented subset of JSON Schema (docs/tools.md): type (one or several), enum, const, properties, required,
 * additionalProperties, minProperties, maxProperties, items, prefixItems, minItems, maxItems, uniqueItems, minLength, maxLength,
 * pattern (pattern.h), minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, anyOf, oneOf, allOf, not,
 * $defs and local $ref ("#", "#/$defs/x", "#/definitions/x"), nullable; description, title, default, examples, format and the like
 * are for the reader. */
#ifndef ORB_TOOL_SCHEMA_H
#define ORB_TOOL_SCHEMA_H

#include "base/json.h"

#define ORB_SCHEMA_DEPTH_MAX 128
#define ORB_SCHEMA_STEPS_MAX 100000 /* of one check: a bomb of nested anyOf and $ref ends with an error */

/* Is this a schema of the subset? ORB_E_INVALID with the JSON pointer and what is not known or wrong. */
int orb_schema_check(const json_t *schema, struct orb_error *err) ORB_MUST_CHECK;
/* All that is wrong with it: where (a JSON pointer, "" = the whole), and the words that orb_schema_check would have for it. */
typedef void (*orb_schema_mistake_fn)(void *arg, const char *pointer, const char *text);
void orb_schema_check_all(const json_t *schema, orb_schema_mistake_fn fn, void *arg);
/* Does the value fit? Members of the schema that are not of the subset count as not there: a schema of somebody else's tool
 * (MCP) need not have been checked. ORB_E_INVALID: err tells the JSON pointer of the value, what it is and what was wanted, in words for
 * the model. ORB_E_TOO_LARGE when it takes too many steps. */
int orb_schema_validate(const json_t *schema, const json_t *value, struct orb_error *err) ORB_MUST_CHECK;
/* Adds /name to a JSON pointer; what does not fit is left out. */
void orb_pointer_add(char *pointer, size_t cap, const char *name);

#endif
