/* Model strings: one model, or a chain of them, "a:x | b:y". */
#include "base/base.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

static int add(struct orb_models *m, char *one, struct orb_error *err)
{
    one += strspn(one, " \t");
    size_t len = strlen(one);
    while (len && strchr(" \t", one[len - 1]))
        one[--len] = '\0';
    if (len > ORB_MODEL_BYTES_MAX)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "'%.60s...': a model string is at most %d bytes long", one, ORB_MODEL_BYTES_MAX);
    if (m->count == ORB_MODELS_MAX)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "the chain of models is over %d long", ORB_MODELS_MAX);
    m->at[m->count++] = one;
    return 0;
}

int orb_models_read(const char *text, struct orb_models *out, struct orb_error *err)
{
    struct orb_models m = { .copy = orb_strdup(text) };
    char *rest = m.copy, *one;
    int rc = 0;
    while (!rc && (one = strsep(&rest, "|")))
        rc = add(&m, one, err);
    for (size_t i = 0; !rc && m.count > 1 && i < m.count; i++)
        if (!*m.at[i])
            rc = orb_error_set(err, ORB_E_MODEL_INVALID, "the chain of models '%.100s' has an empty member; write \"a:x | b:y\"", text);
    if (rc)
        orb_models_done(&m);
    else
        *out = m;
    return rc;
}

void orb_models_done(struct orb_models *models)
{
    free(models->copy);
    *models = (struct orb_models){ 0 };
}

static int check_one(const char *model, struct orb_error *err)
{
    const struct orb_provider *provider;
    const char *name;
    int rc = orb_provider_find(model, &provider, &name, err);
    return rc ? rc : orb_provider_check(provider, name, err);
}

int orb_model_check(const char *model, struct orb_error *err)
{
    struct orb_models models;
    int rc = orb_models_read(model, &models, err);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < models.count; i++)
        rc = check_one(models.at[i], err);
    orb_models_done(&models);
    return rc;
}
