/* Stands in for the toolbox and for schema checks until they are there: no tool is bound. */
#include "base/base.h"
#include "tool/schema.h"
#include "tool/tool.h"

#include <stdlib.h>
#include <string.h>

struct orb_tool *orb_tool_ref(struct orb_tool *tool)
{
    tool->refs++;
    return tool;
}

void orb_tool_unref(struct orb_tool *tool)
{
    if (tool)
        tool->refs--;
}

int orb_schema_validate(const json_t *schema, const json_t *value, struct orb_error *err)
{
    const json_t *required = json_object_get(schema, "required");
    if (!strcmp(orb_json_get_str(schema, "type", ""), "object") && !json_is_object(value))
        return orb_error_set(err, ORB_E_INVALID, "at the top: it is no object");
    for (size_t i = 0; i < json_array_size(required); i++)
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return orb_error_set(err, ORB_E_INVALID, "at the top: '%s' is missing", json_string_value(json_array_get(required, i)));
    return 0;
}

int orb_tool_call_start(struct orb_loop *loop, struct orb_tool *tool, json_t *arguments, orb_tool_cb cb, void *arg, struct orb_tool_call **out,
                        struct orb_error *err)
{
    (void)loop, (void)arguments, (void)cb, (void)arg, (void)out;
    return orb_error_set(err, ORB_E_TOOL, "tool \"%s\": no kind is there to run it", tool->name);
}

void orb_tool_call_cancel(struct orb_tool_call *call)
{
    (void)call;
}

void orb_toolbox_resolve(struct orb_toolbox *toolbox, const json_t *items, orb_toolbox_cb cb, void *arg)
{
    (void)toolbox, (void)items, (void)cb, (void)arg;
}

void orb_toolbox_forget(struct orb_toolbox *toolbox, void *arg)
{
    (void)toolbox, (void)arg;
}
