#include "base/base.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* A new provider is one file and one row here. */
const struct orb_provider *const orb_providers[] = {
    &orb_provider_openai,
    &orb_provider_sim,
    NULL,
};

const struct orb_provider_info *orb_provider_list(void)
{
    static struct orb_provider_info list[ORB_COUNT(orb_providers)];
    for (size_t i = 0; orb_providers[i]; i++)
        list[i] = orb_providers[i]->info;
    return list;
}

static int not_found(const char *name, size_t len, struct orb_error *err)
{
    struct orb_buf names;
    orb_buf_init(&names, 1024);
    for (size_t i = 0; orb_providers[i]; i++)
        orb_buf_printf(&names, "%s'%s'", i ? ", " : "", orb_providers[i]->info.name);
    int rc = orb_error_set(err, ORB_E_MODEL_NOT_FOUND,
                           "Provider '%.*s' not registered. Available: [%s]. Write the model as provider:model",
                           len > 64 ? 64 : (int)len, name, names.err ? "" : names.data);
    orb_buf_done(&names);
    return rc;
}

int orb_provider_find(const char *text, const struct orb_provider **out, const char **model, struct orb_error *err)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? text : "openai";
    size_t len = colon ? (size_t)(colon - text) : strlen(name);
    for (size_t i = 0; orb_providers[i]; i++) {
        const struct orb_provider *p = orb_providers[i];
        if (strlen(p->info.name) == len && memcmp(p->info.name, name, len) == 0) {
            *out = p;
            *model = colon ? colon + 1 : text;
            return 0;
        }
    }
    return not_found(name, len, err);
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

static int check_one(const char *model, struct orb_error *err)
{
    const struct orb_provider *provider;
    const char *name;
    int rc = orb_provider_find(model, &provider, &name, err);
    return rc ? rc : orb_provider_check(provider, name, err);
}

/* One, or a chain of them: "a:x | b:y". */
int orb_model_check(const char *model, struct orb_error *err)
{
    char *copy = orb_strdup(model), *rest = copy, *one;
    int rc = strchr(model, '|') ? 0 : check_one(model, err);
    while (!rc && strchr(model, '|') && (one = strsep(&rest, "|"))) {
        one += strspn(one, " \t");
        size_t n = strlen(one);
        while (n && strchr(" \t", one[n - 1]))
            one[--n] = '\0';
        rc = n ? check_one(one, err) : orb_error_set(err, ORB_E_MODEL_INVALID, "the chain of models '%.100s' has an empty member; write \"a:x | b:y\"", model);
    }
    free(copy);
    return rc;
}
