/* Members of a tool file. Each fails with ORB_E_CONFIG: the JSON pointer, what is wrong, what it must be; out keeps what
 * it is when the member is not there. Strings hold no NUL. */
#ifndef ORB_TOOL_MEMBER_H
#define ORB_TOOL_MEMBER_H

#include "base/json.h"

int orb_member_text(const json_t *file, const char *name, const char **out, struct orb_error *err) ORB_MUST_CHECK;
int orb_member_int(const json_t *file, const char *name, int64_t lo, int64_t hi, int64_t *out, struct orb_error *err) ORB_MUST_CHECK;
int orb_member_real(const json_t *file, const char *name, double lo, double hi, double *out, struct orb_error *err) ORB_MUST_CHECK;
int orb_member_flag(const json_t *file, const char *name, int *out, struct orb_error *err) ORB_MUST_CHECK;
/* An array of at most max strings; an object of strings. Borrowed. */
int orb_member_texts(const json_t *file, const char *name, size_t max, const json_t **out, struct orb_error *err) ORB_MUST_CHECK;
int orb_member_map(const json_t *file, const char *name, const json_t **out, struct orb_error *err) ORB_MUST_CHECK;
/* Must be there. */
int orb_member_need(const json_t *file, const char *name, const char *what, struct orb_error *err) ORB_MUST_CHECK;

#endif
