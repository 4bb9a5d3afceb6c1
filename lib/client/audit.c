/* The audit stream, newest first, read page by page until there are as many as were asked for. */
#include "client/client.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000

enum text { ID, WHO, FROM, ACTION, TARGET, WAS, BECAME, TEXTS };
static const char *const fields[TEXTS] = { [WHO] = "who", [FROM] = "from", [ACTION] = "action", [TARGET] = "target", [WAS] = "was", [BECAME] = "became" };

struct row {
    char *text[TEXTS];
    double at;
};

struct reading {
    struct orb_client *client;
    orb_audit_cb cb;
    void *arg;
    char *wanted[TEXTS];   /* NULL = any */
    struct row *rows;
    size_t nrows, limit;
    int page;              /* entries that were asked for */
    char last_id[64];
};

static void reading_free(struct reading *r)
{
    for (size_t i = 0; i < r->nrows; i++)
        for (size_t t = 0; t < TEXTS; t++)
            free(r->rows[i].text[t]);
    for (size_t t = 0; t < TEXTS; t++)
        free(r->wanted[t]);
    free(r->rows);
    free(r);
}

static void reading_done(struct reading *r, const struct orb_error *err)
{
    struct orb_audit_info *infos = r->nrows && !err ? orb_alloc(r->nrows * sizeof *infos) : NULL;
    for (size_t i = 0; infos && i < r->nrows; i++) {
        char *const *t = r->rows[i].text;
        infos[i] = (struct orb_audit_info){ .id = t[ID], .at = r->rows[i].at, .who = t[WHO], .from = t[FROM], .action = t[ACTION],
                                            .target = t[TARGET], .was = t[WAS], .became = t[BECAME] };
    }
    r->cb(r->arg, infos, infos ? r->nrows : 0, err);
    free(infos);
    reading_free(r);
}

static void take(struct reading *r, const char *id, const struct orb_reply *values)
{
    for (size_t t = WHO; t < TEXTS; t++)
        if (r->wanted[t] && strcmp(r->wanted[t], orb_reply_str(orb_reply_field(values, fields[t]), NULL)) != 0)
            return;
    struct row *row = &r->rows[r->nrows++];
    row->text[ID] = orb_strdup(id);
    for (size_t t = WHO; t < TEXTS; t++)
        row->text[t] = orb_strdup(orb_reply_str(orb_reply_field(values, fields[t]), NULL));
    row->at = orb_reply_real(orb_reply_field(values, "at"));
}

static int ask_page(struct reading *r);

static void on_page(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct reading *r = arg;
    struct orb_error why;
    size_t n = orb_reply_count(reply);
    for (size_t i = 0; i < n && r->nrows < r->limit; i++) {
        const struct orb_reply *entry = orb_reply_at(reply, i);
        snprintf(r->last_id, sizeof r->last_id, "%s", orb_reply_str(orb_reply_at(entry, 0), NULL));
        take(r, r->last_id, orb_reply_at(entry, 1));
    }
    if (!err && n >= (size_t)r->page && r->nrows < r->limit) {
        int rc = ask_page(r);
        if (!rc)
            return;
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        err = &why;
    }
    reading_done(r, err);
}

static int ask_page(struct reading *r)
{
    char before[72];
    struct orb_buf b;
    int is_filtered = r->wanted[WHO] || r->wanted[ACTION] || r->wanted[TARGET];
    size_t missing = r->limit - r->nrows;
    r->page = is_filtered || missing > PAGE ? PAGE : (int)missing;
    snprintf(before, sizeof before, *r->last_id ? "(%s" : "+", r->last_id);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, "XREVRANGE");
    orb_store_key_arg(r->client->store, &b, "orbiter:audit", "");
    orb_cmd_str(&b, before);
    orb_cmd_str(&b, "-");
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, r->page);
    return orb_client_send(r->client, &b, 1, on_page, r);
}

int orb_fleet_audit(struct orb_client *client, const struct orb_audit_filter *filter, orb_audit_cb cb, void *arg, struct orb_error *err)
{
    if (filter->limit < 1 || filter->limit > 10000)
        return orb_error_set(err, ORB_E_USAGE, "limit %d: use 1 to 10,000", filter->limit);
    struct reading *r = orb_alloc(sizeof *r);
    r->client = client;
    r->cb = cb;
    r->arg = arg;
    r->limit = (size_t)filter->limit;
    r->rows = orb_alloc(r->limit * sizeof *r->rows);
    r->wanted[WHO] = filter->who ? orb_strdup(filter->who) : NULL;
    r->wanted[ACTION] = filter->action ? orb_strdup(filter->action) : NULL;
    r->wanted[TARGET] = filter->target ? orb_strdup(filter->target) : NULL;
    int rc = ask_page(r);
    if (!rc)
        return 0;
    reading_free(r);
    return orb_error_set(err, rc, "%s", orb_error_text(rc));
}
