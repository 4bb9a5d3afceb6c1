/* {name} in texts of a tool file, filled from a call's arguments. */
#ifndef ORB_TOOL_TEMPLATE_H
#define ORB_TOOL_TEMPLATE_H

#include "base/json.h"

/* The next {name} of s, NULL = none; what stands in braces but is no name is text. */
const char *orb_template_next(const char *s, size_t *name_len);
/* Every placeholder names a property of the parameters. ORB_E_CONFIG with member as the pointer. */
int orb_template_check(const char *s, const char *member, const json_t *parameters, struct orb_error *err) ORB_MUST_CHECK;
/* The same for the strings in a JSON value. */
int orb_template_check_value(const json_t *value, const char *member, const json_t *parameters, struct orb_error *err) ORB_MUST_CHECK;
/* Appends s with the arguments percent-encoded; an argument that is not there is empty. */
void orb_template_encode(const char *s, const json_t *arguments, struct orb_buf *out);
/* A string that is one {name} becomes the argument as it is (NULL when it is not there), others have theirs as text.
 * A new reference. Members and items that become NULL are left out. *is_too_large is set when a string would be over 4 MiB. */
json_t *orb_template_value(const json_t *value, const json_t *arguments, int *is_too_large);

/* The value a JSON pointer leads to, borrowed, or NULL. */
const json_t *orb_pointer_get(const json_t *value, const char *pointer);

#endif
