/* Plans and the flow DSL: what the Python package reads in the same way, what it
 * rejects in the same words, and the keys of ours. */
#include "agent/plan.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct orb_error err;

static struct orb_plan *read_plan(const char *text)
{
    json_error_t where;
    json_t *config = json_loads(text, JSON_ALLOW_NUL, &where);
    struct orb_plan *plan = NULL;
    if (!config)
        fail_msg("%s: %s", text, where.text);
    memset(&err, 0, sizeof err);
    if (orb_plan_read(config, &plan, &err))
        plan = NULL;
    json_decref(config);
    return plan;
}

static struct orb_plan *good(const char *text)
{
    struct orb_plan *plan = read_plan(text);
    if (!plan)
        fail_msg("%s: %s", text, err.text);
    return plan;
}

/* ---- agents ----------------------------------------------------------- */

static void an_agent_and_its_defaults(void **state)
{
    (void)state;
    struct orb_plan *plan = good("{\"name\": \"a\"}");
    const struct orb_agent *a = plan->root->agent;
    assert_int_equal(plan->root->type, ORB_NODE_AGENT);
    assert_int_equal(plan->agent_count, 1);
    assert_string_equal(a->name, "a");
    assert_int_equal(a->models.count, 1);
    assert_string_equal(a->models.at[0], "openai:gpt-4o");
    assert_string_equal(a->instructions, "");
    assert_int_equal(a->max_steps, 10);
    assert_int_equal(a->max_tokens, 0);
    assert_true(a->temperature > 0.999 && a->temperature < 1.001);
    assert_null(a->tools);
    assert_string_equal(a->output_name, "answer");
    assert_int_equal(a->output_retries, 2);
    assert_int_equal(plan->tool_concurrency, 8);
    orb_plan_free(plan);
}

static void all_keys_of_an_agent(void **state)
{
    (void)state;
    struct orb_plan *plan = good("{\"name\": \"a\", \"model\": \"x:y |z:w \", \"instructions\": \"be\", \"max_steps\": 1000, \"temperature\": 0, \"max_tokens\": 5,"
                                 "\"tools\": [\"m.f\", {\"__mcp_tool__\": true}], \"handoffs\": [{\"name\": \"b\", \"handoffs\": [{\"name\": \"c\"}]}],"
                                 "\"output_type\": \"m.T\", \"unknown\": 1, \"output_schema\": {\"type\": \"object\"}, \"output_name\": \"city\", \"output_retries\": 0,"
                                 "\"model_options\": {\"reasoning_effort\": \"low\", \"top_p\": 1, \"stop\": [\"x\"], \"tool_choice\": \"auto\","
                                 " \"parallel_tool_calls\": false, \"cache\": true}, \"max_cost\": 0.5, \"max_tokens_total\": 9, \"tool_concurrency\": 1}");
    const struct orb_agent *a = plan->root->agent;
    assert_int_equal(plan->agent_count, 3);
    assert_int_equal(a->models.count, 2);
    assert_string_equal(a->models.at[0], "x:y");
    assert_string_equal(a->models.at[1], "z:w");
    assert_int_equal(json_array_size(a->tools), 2);
    assert_int_equal(a->handoff_count, 1);
    assert_string_equal(plan->agents[a->handoffs[0]]->name, "b");
    assert_int_equal(a->output_retries, 0);
    assert_int_equal(json_object_size(a->options), 6);
    assert_int_equal(plan->max_tokens_total, 9);
    assert_int_equal(plan->tool_concurrency, 1);
    orb_plan_free(plan);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct { const char *config; int code; const char *text; } wrong[] = {
        { "{}", ORB_E_AGENT, "agent_config: the agent has no 'name': add one, for example \"name\": \"assistant\"" },
        { "{\"name\": 1}", ORB_E_AGENT, "agent_config: 'name' must be a string" },
        { "{\"name\": \"\"}", ORB_E_AGENT, "agent_config: 'name' is empty" },
        { "{\"name\": \"a\", \"model\": null}", ORB_E_AGENT, "agent_config: 'model' must be a string" },
        { "{\"name\": \"a\", \"model\": \"a\\u0000b\"}", ORB_E_AGENT, "agent_config: 'model' must be a string without NUL characters" },
        { "{\"name\": \"a\", \"max_steps\": 0}", ORB_E_AGENT, "max_steps must be >= 1, got 0" },
        { "{\"name\": \"a\", \"max_steps\": 1001}", ORB_E_AGENT, "max_steps must be <= 1000, got 1001" },
        { "{\"name\": \"a\", \"max_steps\": 1.5}", ORB_E_AGENT, "agent_config: 'max_steps' must be a whole number" },
        { "{\"name\": \"a\", \"temperature\": \"1\"}", ORB_E_AGENT, "agent_config: 'temperature' must be a number" },
        { "{\"name\": \"a\", \"max_tokens\": 0}", ORB_E_AGENT, "agent_config: 'max_tokens' must be null or a whole number above 0" },
        { "{\"name\": \"a\", \"tools\": {}}", ORB_E_AGENT, "agent_config: 'tools' must be an array of at most 128 tools" },
        { "{\"name\": \"a\", \"tools\": [1]}", ORB_E_AGENT, "agent_config: tools/0 is neither a path nor an object" },
        { "{\"name\": \"a\", \"handoffs\": 1}", ORB_E_AGENT, "agent_config: 'handoffs' must be an array of agents" },
        { "{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}, {\"name\": \"b\"}]}", ORB_E_AGENT, "Duplicate handoff agent 'b' on agent 'a'" },
        { "{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\", \"model\": 1}]}", ORB_E_AGENT, "agent_config/handoffs/0: 'model' must be a string" },
        { "{\"name\": \"a\", \"model_options\": {\"temp\": 1}}", ORB_E_AGENT,
          "agent_config: model_options has no 'temp'; there are reasoning_effort, top_p, stop, tool_choice, parallel_tool_calls and cache" },
        { "{\"name\": \"a\", \"model_options\": {\"top_p\": 2}}", ORB_E_AGENT, "agent_config: 'model_options/top_p' must be a number from 0 to 1" },
        { "{\"name\": \"a\", \"model_options\": {\"stop\": []}}", ORB_E_AGENT, "agent_config: 'model_options/stop' must be an array of 1 to 16 strings" },
        { "{\"name\": \"a\", \"output_schema\": []}", ORB_E_AGENT, "agent_config: 'output_schema' must be a JSON Schema (an object)" },
        { "{\"name\": \"a\", \"output_name\": \"a b\"}", ORB_E_AGENT, "agent_config: 'output_name' must be 1 to 64 of the characters A-Z a-z 0-9 _ -" },
        { "{\"name\": \"a\", \"max_cost\": 0}", ORB_E_AGENT, "agent_config: 'max_cost' must be a number of dollars above 0" },
        { "{\"agents\": []}", ORB_E_SWARM, "Swarm requires at least one agent" },
        { "{\"agents\": 1}", ORB_E_AGENT, "agent_config: 'agents' must be an array" },
        { "{\"agents\": [1]}", ORB_E_AGENT, "agent_config/agents/0: an agent is an object with at least a 'name'" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", ORB_E_SWARM, "Duplicate agent name 'a' in swarm" },
        { "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"zzz\"}", ORB_E_SWARM, "Unsupported swarm mode: 'zzz'" },
        { "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"team\"}", ORB_E_SWARM, "Team mode requires at least two agents (lead + workers)" },
        { "{\"agents\": [{\"name\": \"a\"}], \"flow\": \"b\"}", ORB_E_SWARM, "Flow references unknown agent 'b'" },
        { "{\"agents\": [{\"name\": \"a\"}], \"flow\": 1}", ORB_E_AGENT, "agent_config: 'flow' must be a string or null" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"agents\": [], \"group\": \"parallel\"}]}", ORB_E_SWARM, "ParallelGroup requires at least one agent" },
        { "{\"agents\": [{\"name\": \"a\"}], \"group\": \"round\"}", ORB_E_AGENT, "agent_config: 'group' must be parallel or serial" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"agents\": [{\"name\": \"b\"}]}], \"mode\": \"handoff\"}", ORB_E_SWARM,
          "agent_config/agents/1: members of a handoff swarm must be agents: 'swarm(b...)' is a swarm or group" },
        { "{\"agents\": [{\"agents\": [{\"name\": \"b\"}]}, {\"name\": \"a\"}], \"mode\": \"team\"}", ORB_E_SWARM,
          "agent_config: the lead of a team must be an agent, not a swarm or group" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"\", \"agents\": [{\"name\": \"b\"}]}]}", ORB_E_AGENT, "agent_config/agents/1: 'name' is empty" },
        { "{\"name\": \"a\", \"model\": \"sim:a | \"}", ORB_E_AGENT,
          "agent_config: 'model': the chain of models 'sim:a | ' has an empty member; write \"a:x | b:y\"" },
        { "{\"name\": \"a\", \"model\": \"a|a|a|a|a|a|a|a|a|a|a|a|a|a|a|a|a\"}", ORB_E_AGENT, "agent_config: 'model': the chain of models is over 16 long" },
        /* one tool for two agents */
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"b c\"}, {\"name\": \"b_c\"}], \"mode\": \"team\"}", ORB_E_AGENT,
          "agent_config: 'b c' and 'b_c' would both be called by the tool delegate_to_b_c: rename one of them" },
        { "{\"name\": \"a\", \"handoffs\": [{\"name\": \"b.c\"}, {\"name\": \"b,c\"}]}", ORB_E_AGENT,
          "agent_config: 'b.c' and 'b,c' would both be called by the tool transfer_to_b_c: rename one of them" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct orb_plan *plan = read_plan(wrong[i].config);
        if (plan)
            fail_msg("%s is accepted", wrong[i].config);
        assert_string_equal(err.text, wrong[i].text);
        assert_int_equal(err.code, wrong[i].code);
    }
}

/* ---- swarms ------------------------------------------------------------ */

static void nesting_and_counts_are_bounded(void **state)
{
    (void)state;
    json_t *agent = json_pack("{s:s}", "name", "x");
    for (int i = 0; i < 40; i++)
        agent = json_pack("{s:s, s:[o]}", "name", "x", "handoffs", agent);
    struct orb_plan *plan;
    assert_int_equal(orb_plan_read(agent, &plan, &err), ORB_E_SWARM);
    assert_non_null(strstr(err.text, "nested deeper than 16"));
    json_decref(agent);
    json_t *many = json_array();
    for (int i = 0; i <= ORB_AGENTS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        json_array_append_new(many, json_pack("{s:s}", "name", name));
    }
    json_t *swarm = json_pack("{s:o}", "agents", many);
    assert_int_equal(orb_plan_read(swarm, &plan, &err), ORB_E_SWARM);
    assert_string_equal(err.text, "agent_config: it has over 256 agents");
    json_decref(swarm);
    /* a name goes with every event */
    char name[258] = "";
    memset(name, 'n', 257);
    json_t *named = json_pack("{s:s}", "name", name);
    assert_int_equal(orb_plan_read(named, &plan, &err), ORB_E_AGENT);
    assert_string_equal(err.text, "agent_config: 'name' is over 256 bytes");
    json_decref(named);
    /* a chain as long as a task can be is not gone through model by model */
    char *models = malloc(800001);
    for (int i = 0; i < 800000; i++)
        models[i] = i % 2 ? '|' : 'a';
    models[800000] = '\0';
    json_t *chained = json_pack("{s:s, s:s}", "name", "a", "model", models);
    assert_int_equal(orb_plan_read(chained, &plan, &err), ORB_E_AGENT);
    json_decref(chained);
    free(models);
}

static void on_mistake(void *arg, const char *pointer, const char *text)
{
    orb_buf_printf(arg, "%s: %s\n", pointer, text);
}

/* All of them, each where it is. */
static void all_mistakes_are_told(void **state)
{
    (void)state;
    struct orb_buf told;
    orb_buf_init(&told, 65536);
    json_t *config = json_loads("{\"mode\": \"handoff\", \"max_cost\": \"1\", \"agents\": [{\"name\": \"a\", \"max_steps\": 0, \"temperature\": \"warm\", \"tools\": [\"\", \"b\", 1],"
                                "\"model_options\": {\"a/b\": 1, \"cache\": 1}, \"output_schema\": {\"type\": \"objekt\", \"properties\": {\"x/y\": {\"minLength\": -1}}, \"anyOf\": [7, {\"$ref\": \"#/$defs/z\"}]}},"
                                "{\"agents\": [{\"name\": \"b\"}]}, {\"group\": \"serial\", \"agents\": [{\"name\": 5}]}, 7], \"separator\": 1, \"flow\": \"z\"}", 0, NULL);
    assert_non_null(config);
    orb_plan_check(config, on_mistake, &told);
    assert_string_equal(told.data,
        "/max_cost: 'max_cost' must be a number of dollars above 0\n"
        "/agents/0/max_steps: max_steps must be >= 1, got 0\n"
        "/agents/0/temperature: 'temperature' must be a number\n"
        "/agents/0/model_options/a~1b: model_options has no 'a/b'; there are reasoning_effort, top_p, stop, tool_choice, parallel_tool_calls and cache\n"
        "/agents/0/model_options/cache: 'model_options/cache' must be true or false\n"
        "/agents/0/tools/0: tools/0 is neither a path nor an object\n"
        "/agents/0/tools/2: tools/2 is neither a path nor an object\n"
        "/agents/0/output_schema/type: output_schema: /type: must be object, array, string, number, integer, boolean or null, or an array of those\n"
        "/agents/0/output_schema/properties/x~1y/minLength: output_schema: /properties/x~1y/minLength: must be an integer, 0 or more\n"
        "/agents/0/output_schema/anyOf/0: output_schema: /anyOf/0: must be a schema: an object, true or false\n"
        "/agents/0/output_schema/anyOf/1/$ref: output_schema: /anyOf/1/$ref: '#/$defs/z' leads nowhere; write #/$defs/NAME with a NAME that $defs of the top has\n"
        "/agents/1: members of a handoff swarm must be agents: 'swarm(b...)' is a swarm or group\n"
        "/agents/2/agents/0/name: 'name' must be a string\n"
        "/agents/2: members of a handoff swarm must be agents: '' is a swarm or group\n"
        "/agents/3: an agent is an object with at least a 'name'\n"
        "/separator: 'separator' must be a string\n");
    json_decref(config);
    orb_buf_done(&told);
}

static void swarms_groups_and_handoffs(void **state)
{
    (void)state;
    struct orb_plan *plan = good("{\"agents\": [{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}, {\"name\": \"z\"}]}, {\"name\": \"b\"}], \"mode\": \"handoff\", \"max_handoffs\": 2}");
    assert_int_equal(plan->root->type, ORB_NODE_HANDOFF);
    assert_string_equal(plan->root->name, "swarm(a...)");
    assert_int_equal(plan->root->max_handoffs, 2);
    const struct orb_agent *a = plan->root->members[0]->agent;
    assert_ptr_equal(plan->agents[a->handoffs[0]], plan->root->members[1]->agent); /* the member, not the copy */
    assert_string_equal(plan->agents[a->handoffs[1]]->name, "z");
    orb_plan_free(plan);
    plan = good("{\"agents\": [{\"name\": \"a\"}, {\"group\": \"parallel\", \"name\": \"g\", \"separator\": \"-\", \"agents\": [{\"name\": \"b\"}, {\"name\": \"c\"}]},"
                " {\"name\": \"s\", \"agents\": [{\"name\": \"d\"}], \"mode\": \"workflow\"}], \"flow\": \"s >> (a | g)\"}");
    assert_int_equal(plan->root->order_count, 3);
    assert_int_equal(plan->root->order[0], 2);
    assert_int_equal(plan->root->order[1], 0);
    assert_int_equal(plan->root->order[2], 1);
    assert_string_equal(plan->root->members[1]->separator, "-");
    assert_int_equal(plan->root->members[1]->type, ORB_NODE_PARALLEL);
    assert_int_equal(plan->agent_count, 4);
    orb_plan_free(plan);
}

/* ---- the flow ---------------------------------------------------------- */

static const char *const names[] = { "a", "b", "c", "d", "a | b", "(a|b) x", "\xc3\xa4" };
static const char *const small[] = { "a", "b", "c", "d", "e", "f" };

/* The order as letters of their places, stages behind a slash; or the error. */
static const char *flow_of(const char *text, const char *const *list, size_t list_count, int is_sorted)
{
    static char out[512];
    int *order, *stages;
    size_t count, stage_count, n = 0;
    if (orb_flow_read(text, list, list_count, is_sorted, &order, &count, &stages, &stage_count, &err))
        return err.text;
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%d", order[i]);
    out[n++] = '/';
    for (size_t i = 0; i < stage_count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%d", stages[i]);
    free(order);
    free(stages);
    return out;
}

static const char *flow(const char *text, int is_sorted)
{
    return flow_of(text, names, COUNT(names), is_sorted);
}

static void flows(void **state)
{
    (void)state;
    static const struct { const char *text; int is_sorted; const char *want; } table[] = {
        { "a", 1, "0/1" },
        { " a>>b >> c ", 1, "012/111" },
        { "d >> (c|a|b)", 1, "3012/13" },
        { "d >> (c|a|b)", 0, "3201/13" },
        { "(b | a) >> (d | c)", 1, "0123/22" },
        { "a >> b >> a", 1, "Cycle in flow DSL: Cycle detected in graph" },
        { "a >> a", 1, "Cycle in flow DSL: Cycle detected in graph" },
        { "a >> b >> a", 0, "Cycle in flow DSL: Cycle detected in graph" },
        { "a >> (b | a)", 0, "Cycle in flow DSL: Cycle detected in graph" },
        { "(a|a) >> b", 1, "01/11" },
        { "(b|a|b) >> c", 0, "102/21" },
        { "a | b", 1, "4/1" },
        { "(a|b) x", 1, "5/1" },
        { "\xc3\xa4 >> a", 1, "60/11" },
        { "(\xc3\xa4|a)", 1, "06/2" },
        { "", 1, "Invalid flow DSL: Empty flow DSL" },
        { " \t", 1, "Invalid flow DSL: Empty flow DSL" },
        { "a >>", 1, "Invalid flow DSL: Malformed flow DSL: 'a >>'" },
        { ">> a", 1, "Invalid flow DSL: Malformed flow DSL: '>> a'" },
        { "a >> >> b", 1, "Invalid flow DSL: Malformed flow DSL: 'a >> >> b'" },
        { "(a||b)", 1, "Invalid flow DSL: Empty member in parallel group: '(a||b)'" },
        { "()", 1, "Invalid flow DSL: Empty member in parallel group: '()'" },
        { "(a|)", 1, "Invalid flow DSL: Empty member in parallel group: '(a|)'" },
        { "z", 1, "Flow references unknown agent 'z'" },
        { "a >> z >> a", 1, "Flow references unknown agent 'z'" },
        { "z >> y >>", 1, "Invalid flow DSL: Malformed flow DSL: 'z >> y >>'" },
        { "z >> (a||b)", 0, "Invalid flow DSL: Empty member in parallel group: '(a||b)'" },
        { "(a) | b", 1, "Flow references unknown agent '(a) | b'" },
        { "a > b", 1, "Flow references unknown agent 'a > b'" },
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (strcmp(flow(table[i].text, table[i].is_sorted), table[i].want))
            fail_msg("'%s' gives %s, not %s", table[i].text, flow(table[i].text, table[i].is_sorted), table[i].want);
}

static void a_flow_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(200001);
    assert_non_null(text);
    for (int i = 0; i < 200000; i += 4)
        memcpy(text + i, "a >>", 4);
    text[200000] = '\0';
    assert_non_null(strstr(flow(text, 1), "over 65536 bytes"));
    text[65535] = '\0';
    memcpy(text + 65532, "  b", 3);
    assert_string_equal(flow(text, 1), "Cycle in flow DSL: Cycle detected in graph");
    free(text);
}

/* ---- the order, as the package finds it -------------------------------- */

#define NODES 6

/* A flow of random stages, as text and as the edges between all members of a stage and all of the next. */
static void make_flow(unsigned *seed, char text[256], int edges[NODES][NODES], int is_named[NODES])
{
    int before[8], n_before = 0;
    size_t len = 0;
    int stages = 1 + (int)(rand_r(seed) % 3);
    memset(edges, 0, NODES * sizeof *edges);
    memset(is_named, 0, NODES * sizeof *is_named);
    for (int s = 0; s < stages; s++) {
        int now[8], n = 1 + (int)(rand_r(seed) % 3);
        len += (size_t)snprintf(text + len, 256 - len, "%s(", s ? " >> " : "");
        for (int i = 0; i < n; i++) {
            now[i] = (int)(rand_r(seed) % NODES);
            is_named[now[i]] = 1;
            len += (size_t)snprintf(text + len, 256 - len, "%s%s", i ? "|" : "", small[now[i]]);
            for (int k = 0; k < n_before; k++)
                edges[before[k]][now[i]] = 1;
        }
        len += (size_t)snprintf(text + len, 256 - len, ")");
        memcpy(before, now, sizeof before);
        n_before = n;
    }
}

/* Kahn's algorithm with a queue; first ones and successors by name. The nodes are in the order of their names. */
static const char *by_kahn(int edges[NODES][NODES], const int is_named[NODES])
{
    static char out[NODES + 1];
    int waits[NODES] = { 0 }, queue[NODES], first = 0, last = 0, named = 0;
    for (int i = 0; i < NODES; i++)
        for (int k = 0; k < NODES; k++)
            waits[k] += edges[i][k];
    for (int i = 0; i < NODES; i++) {
        named += is_named[i];
        if (is_named[i] && !waits[i])
            queue[last++] = i;
    }
    for (; first < last; first++)
        for (int k = 0; k < NODES; k++)
            if (edges[queue[first]][k] && !--waits[k])
                queue[last++] = k;
    for (int i = 0; i < last; i++)
        out[i] = (char)('0' + queue[i]);
    out[last] = '\0';
    return last < named ? "Cycle in flow DSL: Cycle detected in graph" : out;
}

static void the_order_is_topological(void **state)
{
    (void)state;
    unsigned seed = 7;
    int cycles = 0;
    for (int i = 0; i < 5000; i++) {
        char text[256], got[64];
        int edges[NODES][NODES], is_named[NODES];
        make_flow(&seed, text, edges, is_named);
        const char *want = by_kahn(edges, is_named);
        snprintf(got, sizeof got, "%.*s", (int)strcspn(flow_of(text, small, NODES, 1), "/"), flow_of(text, small, NODES, 1));
        if (strcmp(got, want) != 0)
            fail_msg("'%s' gives %s, not %s", text, got, want);
        cycles += *want == 'C';
    }
    assert_true(cycles > 500 && cycles < 4500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_and_its_defaults), cmocka_unit_test(all_keys_of_an_agent), cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(nesting_and_counts_are_bounded), cmocka_unit_test(all_mistakes_are_told), cmocka_unit_test(swarms_groups_and_handoffs), cmocka_unit_test(flows),
        cmocka_unit_test(a_flow_is_bounded), cmocka_unit_test(the_order_is_topological),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
