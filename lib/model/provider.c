#include "base/base.h"
#include "model/files.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* A new provider is one file and one row here. */
static const struct orb_provider *const rows[] = {
    &orb_provider_openai,
    &orb_provider_responses,
    &orb_provider_azure,
    &orb_provider_anthropic,
    &orb_provider_gemini,
    &orb_provider_vertex,
    &orb_provider_sim,
};

const struct orb_provider *orb_provider_at(size_t i)
{
    size_t count = 0;
    if (i < ORB_COUNT(rows))
        return rows[i];
    i -= ORB_COUNT(rows);
    while (orb_provider_compatible[count].info.name)
        if (count++ == i)
            return &orb_provider_compatible[i];
    return orb_provider_file_at(i - count);
}

const struct orb_provider_info *orb_provider_list(void)
{
    static struct orb_provider_info list[ORB_COUNT(rows) + ORB_COMPATIBLE_MAX + ORB_PROVIDER_FILES_MAX + 1];
    const struct orb_provider *p;
    size_t count = 0;
    for (; (p = orb_provider_at(count)); count++) {
        ORB_ASSERT(count + 1 < ORB_COUNT(list));
        list[count] = p->info;
    }
    list[count] = (struct orb_provider_info){ 0 };
    return list;
}

const struct orb_provider *orb_provider_named(const char *name, size_t len)
{
    const struct orb_provider *p;
    for (size_t i = 0; (p = orb_provider_at(i)); i++)
        if (strlen(p->info.name) == len && memcmp(p->info.name, name, len) == 0)
            return p;
    return NULL;
}

static int not_found(const char *name, size_t len, struct orb_error *err)
{
    struct orb_buf names;
    const struct orb_provider *p;
    orb_buf_init(&names, 8192);
    for (size_t i = 0; (p = orb_provider_at(i)); i++)
        orb_buf_printf(&names, "%s'%s'", i ? ", " : "", p->info.name);
    int rc = orb_error_set(err, ORB_E_MODEL_NOT_FOUND,
                           "Provider '%.*s' not registered. Available: [%.300s]. Write the model as provider:model",
                           len > 64 ? 64 : (int)len, name, names.err ? "" : names.data);
    orb_buf_done(&names);
    return rc;
}

int orb_provider_find(const char *text, const struct orb_provider **out, const char **model, struct orb_error *err)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? text : "openai";
    size_t len = colon ? (size_t)(colon - text) : strlen(name);
    const struct orb_provider *p = orb_provider_named(name, len);
    if (!p)
        return not_found(name, len, err);
    *out = p;
    *model = colon ? colon + 1 : text;
    return 0;
}

int orb_provider_check(const struct orb_provider *provider, const char *model, struct orb_error *err)
{
    const char *name = provider->info.name;
    if (provider->check)
        return provider->check(model, err);
    if (!*model)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "%s: the model's name is missing; write %s:MODEL", name, name);
    if (strlen(model) > 256)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "%s: the model's name is over 256 bytes", name);
    for (const char *p = model; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return orb_error_set(err, ORB_E_MODEL_INVALID, "%s: the model's name '%.60s' holds a blank", name, model);
    return 0;
}
