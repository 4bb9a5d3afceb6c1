#include "tool/member.h"
#include "base/base.h"

#include <string.h>

static int is_text(const json_t *v)
{
    return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

int orb_member_need(const json_t *file, const char *name, const char *what, struct orb_error *err)
{
    return json_object_get(file, name) ? 0 : orb_error_set(err, ORB_E_CONFIG, "/%s is missing: %s", name, what);
}

int orb_member_text(const json_t *file, const char *name, const char **out, struct orb_error *err)
{
    const json_t *v = json_object_get(file, name);
    if (v && !is_text(v))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be a string", name);
    if (v)
        *out = json_string_value(v);
    return 0;
}

int orb_member_int(const json_t *file, const char *name, int64_t lo, int64_t hi, int64_t *out, struct orb_error *err)
{
    const json_t *v = json_object_get(file, name);
    if (v && (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an integer, %lld to %lld", name, (long long)lo, (long long)hi);
    if (v)
        *out = json_integer_value(v);
    return 0;
}

int orb_member_real(const json_t *file, const char *name, double lo, double hi, double *out, struct orb_error *err)
{
    const json_t *v = json_object_get(file, name);
    if (v && (!json_is_number(v) || !(json_number_value(v) >= lo && json_number_value(v) <= hi)))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be a number, %g to %g", name, lo, hi);
    if (v)
        *out = json_number_value(v);
    return 0;
}

int orb_member_flag(const json_t *file, const char *name, int *out, struct orb_error *err)
{
    const json_t *v = json_object_get(file, name);
    if (v && !json_is_boolean(v))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be true or false", name);
    if (v)
        *out = json_is_true(v);
    return 0;
}

int orb_member_texts(const json_t *file, const char *name, size_t max, const json_t **out, struct orb_error *err)
{
    const json_t *v = json_object_get(file, name), *one;
    size_t i;
    if (v && (!json_is_array(v) || json_array_size(v) > max))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an array of at most %zu strings", name, max);
    json_array_foreach(v, i, one)
        if (!is_text(one))
            return orb_error_set(err, ORB_E_CONFIG, "/%s/%zu: must be a string", name, i);
    if (v)
        *out = v;
    return 0;
}

int orb_member_map(const json_t *file, const char *name, const json_t **out, struct orb_error *err)
{
    json_t *v = json_object_get(file, name), *one;
    const char *key;
    if (v && !json_is_object(v))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an object of strings", name);
    json_object_foreach(v, key, one)
        if (!is_text(one))
            return orb_error_set(err, ORB_E_CONFIG, "/%s/%.60s: must be a string", name, key);
    if (v)
        *out = v;
    return 0;
}
