#include "base/base.h"
#include "tool/tool.h"

/* A new kind is one file and one row here. */
const struct orb_tool_kind *const orb_tool_kinds[] = {
    &orb_tool_kind_builtin,
    &orb_tool_kind_delegate,
    &orb_tool_kind_exec,
    &orb_tool_kind_http,
    &orb_tool_kind_mcp,
    &orb_tool_kind_python,
    NULL,
};

const struct orb_tool_kind_info *orb_tool_kind_list(void)
{
    static struct orb_tool_kind_info list[ORB_COUNT(orb_tool_kinds)];
    for (size_t i = 0; orb_tool_kinds[i]; i++)
        list[i] = (struct orb_tool_kind_info){ orb_tool_kinds[i]->name, orb_tool_kinds[i]->help,
                                               orb_tool_kinds[i]->members ? orb_tool_kinds[i]->members : "" };
    return list;
}
