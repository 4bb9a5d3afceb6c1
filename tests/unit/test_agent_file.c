/* Agent files: text in, agent_config and findings out. The Python package's YAML and its
 * error texts, Markdown's front matter, places, and bounds. */
#include <orbiter/agent.h>

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { J = ORB_AGENT_JSON, Y = ORB_AGENT_YAML, M = ORB_AGENT_MARKDOWN };

static struct orb_buf found; /* a line for each finding: "1:2 text", a warning with ? in front */

static void on_finding(void *arg, const struct orb_finding *f)
{
    (void)arg;
    orb_buf_printf(&found, "%s%d:%d %s\n", f->is_warning ? "?" : "", f->line, f->column, f->text);
}

static const char *env(const char *name)
{
    return !strcmp(name, "NAME") ? "value" : !strcmp(name, "REF") ? "${NAME}" : NULL;
}

static const char *agent; /* FILE#NAME */
static int is_swarm, is_parallel;

/* The config, to be freed, or NULL. */
static char *read_file(int format, const char *text, size_t len)
{
    char *config = NULL;
    const struct orb_agent_file file = { .name = "dir/helper.txt", .text = text, .len = len, .format = (enum orb_agent_format)format,
                                         .agent = agent, .is_swarm = is_swarm, .is_parallel = is_parallel, .env = env, .cb = on_finding };
    orb_buf_done(&found);
    orb_buf_init(&found, 65536);
    orb_buf_str(&found, "");
    int rc = orb_agent_file_read(&file, &config);
    assert_true(rc == 0 || rc == ORB_E_INVALID);
    assert_int_equal(rc == 0, config != NULL);
    return config;
}

struct row {
    int format;
    const char *text, *want; /* the config, or what is found */
};

static void check_rows(const struct row *rows, size_t count, int is_config)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        char *config = read_file(rows[i].format, rows[i].text, strlen(rows[i].text));
        const char *got = is_config ? config : found.data;
        if (!got || strcmp(got, rows[i].want) != 0) {
            print_error("%s\n  gives  %s\n  wanted %s\n  found  %s\n", rows[i].text, got ? got : "nothing", rows[i].want, found.data);
            wrong++;
        }
        free(config);
    }
    assert_int_equal(wrong, 0);
}

#define REST ", \"max_steps\": 10, \"temperature\": 1.0, \"max_tokens\": null"
#define PLAIN(name) "{\"name\": \"" name "\", \"model\": \"sim:\", \"instructions\": \"\"" REST "}"
#define SWARM "\"flow\": null, \"mode\": \"workflow\", \"max_handoffs\": 10"

static void what_is_made(void **state)
{
    static const struct row rows[] = {
        { J, "{\"name\": \"a\", \"model\": \"sim:\"}", "{\"name\": \"a\", \"model\": \"sim:\"}" },
        { J, "\xef\xbb\xbf{\"name\": \"\\u00e4\", \"tools\": [\"a.b\", {}], \"temperature\": 1e0}", "{\"name\": \"\\u00e4\", \"tools\": [\"a.b\", {}], \"temperature\": 1.0}" },
        /* YAML: one agent, with a key of agents or without; several are a swarm in the order of declaration */
        { Y, "name: a\nmodel: 'sim:'", PLAIN("a") },
        { Y, "{name: a, model: 'sim:'}", PLAIN("a") },
        { Y, "agents:\n  a: {model: 'sim:'}", PLAIN("a") },
        { Y, "agents:\n  a: {model: 'sim:'}\nmax_cost: 2", "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"\"" REST ", \"max_cost\": 2}" },
        { Y, "agents: {a: , b:  {type: builtin, model: 'sim:'}}",
          "{\"agents\": [{\"name\": \"a\", \"model\": \"openai:gpt-4o\", \"instructions\": \"\"" REST "}, " PLAIN("b") "], " SWARM "}" },
        { Y, "agents: {a: {model: 'sim:'}}\nswarm:", "{\"agents\": [" PLAIN("a") "], " SWARM "}" },
        { Y, "agents: {b: {model: 'sim:'}, a: {model: 'sim:'}}\nswarm: {type: team, flow: a >> b, max_handoffs: 3, parallel: no}",
          "{\"agents\": [" PLAIN("b") ", " PLAIN("a") "], \"flow\": \"a >> b\", \"mode\": \"team\", \"max_handoffs\": 3, \"parallel\": false}" },
        { Y, "agents: {b: {model: 'sim:'}, a: {model: 'sim:'}}\nswarm: {order: [a, b]}", "{\"agents\": [" PLAIN("a") ", " PLAIN("b") "], " SWARM "}" },
        { Y, "agents: [{name: a, model: 'sim:'}]\nmode: workflow", "{\"agents\": [" PLAIN("a") "], " SWARM "}" },
        /* system_prompt wins */
        { Y, "agents: {a: {model: 'sim:', instructions: x, system_prompt: y}}", "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"y\"" REST "}" },
        /* groups and swarms inside */
        { Y, "agents: {g: {group: serial, agents: {a: {model: 'sim:'}}}, s: {agents: {b: {model: 'sim:'}}, swarm: {type: workflow}}}",
          "{\"agents\": [{\"agents\": [" PLAIN("a") "], \"name\": \"g\", \"group\": \"serial\"}, {\"agents\": [" PLAIN("b") "], " SWARM ", \"name\": \"s\"}], " SWARM "}" },
        /* edges and handoffs: the target without its own, so that cycles end */
        { Y, "agents: {a: {model: 'sim:'}, b: {model: 'sim:', handoffs: [a]}}\nswarm: {type: handoff, edges: [[a, b]]}",
          "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"\"" REST ", \"handoffs\": [" PLAIN("b") "]}, "
          "{\"name\": \"b\", \"model\": \"sim:\", \"instructions\": \"\"" REST ", \"handoffs\": [" PLAIN("a") "]}], \"flow\": null, \"mode\": \"handoff\", \"max_handoffs\": 10}" },
        /* scalars, anchors and merged maps */
        { Y, "name: a\nmodel: 'sim:'\nmax_steps: +7\ntemperature: -.5e0\nmax_tokens: ~\ntools: [a.b, 'no']\nmodel_options: {cache: off, top_p: 1e-1, stop: [!!str 1]}",
          "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"\", \"max_steps\": 7, \"temperature\": -0.5, \"max_tokens\": null, \"tools\": [\"a.b\", \"no\"], "
          "\"model_options\": {\"cache\": false, \"top_p\": 0.1, \"stop\": [\"1\"]}}" },
        { Y, "vars: {base: &d {model: 'sim:', max_steps: 3}, more: &m {model: x}}\nagents: {a: {<<: [*d, *m], max_steps: 10}}", PLAIN("a") },
        /* variables: exactly one keeps its type; what is in vars is not looked into; tools' own stay for the worker */
        { Y, "vars: {n: 3, m: '${NAME}', yes_: true}\nname: a\nmodel: 'sim:'\nmax_steps: ${vars.n}\ninstructions: '${NAME}, ${vars.n} ${vars.m} ${vars.yes_} ${REF} ${'\ntools: [{env: '${NAME}'}]",
          "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"value, 3 ${NAME} True ${NAME} ${\", \"max_steps\": 3, \"temperature\": 1.0, \"max_tokens\": null, \"tools\": [{\"env\": \"${NAME}\"}]}" },
        { Y, "vars: {o: {top_p: 0.5}}\nname: a\nmodel: 'sim:'\nmodel_options: '${vars.o}'",
          "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"\"" REST ", \"model_options\": {\"top_p\": 0.5}}" },
        /* Markdown */
        { M, "---\nmodel: sim:\n---\n", PLAIN("helper") },
        { M, "---\r\nName: a\r\nMODEL: sim:\r\nmax_steps: 4\r\n---\r\n\r\n# Hi\r\n", "{\"name\": \"a\", \"model\": \"sim:\", \"instructions\": \"# Hi\", \"max_steps\": 4, \"temperature\": 1.0, \"max_tokens\": null}" },
        { M, "---\n# of mine\nmodel: sim:\ninstructions: Say: no # 1\n\n---\nnot this", "{\"name\": \"helper\", \"model\": \"sim:\", \"instructions\": \"Say: no # 1\"" REST "}" },
        { M, "---\nmodel: sim:\nname: \"x\"\ninstructions: |\n  One.\n\n  Two.\ntools:\n- a.b\n-  c.d # why\nmax_tokens:5\n---\n",
          "{\"name\": \"x\", \"model\": \"sim:\", \"instructions\": \"One.\\n\\nTwo.\\n\", \"max_steps\": 10, \"temperature\": 1.0, \"max_tokens\": 5, \"tools\": [\"a.b\", \"c.d\"]}" },
        { M, "Be brief.\n---\nx", "{\"name\": \"helper\", \"model\": \"openai:gpt-4o\", \"instructions\": \"Be brief.\\n---\\nx\"" REST "}" },
    };
    (void)state;
    check_rows(rows, COUNT(rows), 1);
}

/* Every text of the Python package, and ours; all mistakes of a file, by place. */
static void what_is_found(void **state)
{
    static const struct row rows[] = {
        { Y, "- a", "1:1 Expected YAML dict, got list\n" },
        { Y, "", "1:1 Expected YAML dict, got NoneType\n" },
        { Y, "5", "1:1 Expected YAML dict, got int\n" },
        { Y, "1.5", "1:1 Expected YAML dict, got float\n" },
        { Y, "on", "1:1 Expected YAML dict, got bool\n" },
        { Y, "a b", "1:1 Expected YAML dict, got str\n" },
        { Y, "swarm: {}", "1:1 No 'agents' section in YAML\n" },
        { Y, "agents: {a: , b: }\nswarm:\n  order: [b, a, n]", "3:17 Swarm order references unknown agent 'n'\n" },
        { Y, "agents: {a: , b: }\nswarm: {order: [b, b, 1]}", "2:20 'b' is in the order twice\n2:23 'order' must be a list of agents' names\n" },
        { Y, "agents: {a: , b: }\nswarm: {order: [b]}", "?1:10 'a' is not in the swarm's order: it is left out\n" },
        { Y, "agents: {a: , b: }\nswarm:\n  edges:\n  - [a, x]\n  - [y, b]\n  - [a]\n  - 1",
          "4:5 Handoff edge references unknown agent: a → x\n5:5 Handoff edge references unknown agent: y → b\n6:5 an edge is a list of two names, [from, to]\n"
          "7:5 an edge is a list of two names, [from, to]\n" },
        { Y, "agents:\n  a: {handoffs: [b]}", "2:18 Handoff edge references unknown agent: a → b\n" },
        { Y, "agents: {a: {handoffs: [s]}, s: {agents: {x: }}}", "1:25 Handoff edge to 's', which is a swarm or group: only agents can take over\n" },
        { Y, "agents: {a: {type: other}}", "?1:14 only the type 'builtin' is known here: the agent is made as one\n" },
        { Y, "agents: {a: {name: b}}", "1:14 the agent 'a' calls itself 'b': remove this 'name'\n" },
        { Y, "agents: 1", "1:1 'agents' must be a map of names to agents\n1:1 Swarm requires at least one agent\n" },
        { Y, "agents: {a: [1]}", "1:1 Swarm requires at least one agent\n1:10 an agent must be a map of its keys, not list\n" },
        { Y, "agents: {a: }\nswarm: 1", "2:1 'swarm' must be a map, for example with the keys type and flow\n" },
        { Y, "agents: {a: }\nflow: a\nswarm: {flow: a}", "3:9 'flow' is there twice, in 'swarm' and beside it: remove one of them\n" },
        { Y, "vars: 1\nagents: {a: }", "1:1 'vars' must be a map of names to values\n" },
        { Y, "vars: {l: [1]}\nname: a\ninstructions: ${vars.x} ${NONE} and ${vars.l}",
          "?3:15 ${vars.x} is not in 'vars' of this file: it stays as it is written\n?3:15 ${NONE} is not set in the environment: it stays as it is written\n"
          "?3:15 ${vars.l} is a list: only a string that is nothing else can take it\n" },
        /* YAML that cannot be read */
        { Y, "agents:\n  a: {model: x", "3:1 YAML: did not find expected ',' or '}', while parsing a flow mapping (which began in line 2)\n" },
        { Y, "name: a\n\tmodel: x", "2:1 YAML: found a tab character that violates indentation, while scanning a plain scalar (which began in line 1)\n" },
        { Y, "name: a\n---\nname: b", "2:1 a second document begins here: one file is one document, with all agents under 'agents'\n" },
        { Y, "name: ä\nname: b", "2:1 'name' is there twice: remove one of them\n" },
        { Y, "name: !py/object x", "1:7 the tag '!py/object' means nothing here: remove it\n" },
        { Y, "name: *x", "1:7 there is no &x before this *x\n" },
        { Y, "a: &x [*x]", "1:8 *x is part of what it stands for: it would have no end\n" },
        { Y, "? [a]\n: b", "1:3 a key must be plain text\n" },
        { Y, "<<: 1", "1:5 << takes a map or a list of maps, for example <<: *defaults\n" },
        { Y, "name: \"a\\0\"", "1:7 this text holds a NUL character: take it out\n" },
        { Y, "ä: \x01", "1:4 YAML: control characters are not allowed\n" },
        /* agent_config, in all formats */
        { Y, "agents:\n  a:\n    max_steps: 010\n    temprature: 1\n    model: nobody:x\nswarm:\n  flow: a >> c\n",
          "3:5 'max_steps' must be a whole number\n?4:5 nothing reads 'temprature' here: is 'temperature' meant?\n"
          "?5:5 'model': Provider 'nobody' not registered. Available: ['openai', 'responses', 'azure', 'anthropic', 'gemini', 'vertex', 'sim', 'ollama', 'openrouter', 'vllm', 'llamacpp']. Write the model as provider:model. Only a worker that knows more providers can run it\n"
          "7:3 Flow references unknown agent 'c'\n" },
        { J, "{\"name\": 1}", "1:2 'name' must be a string\n" },
        { J, "{\"name\": \"\\u00e4\u00e4\", \"model\": \"sim:tokens=x | openai:\"}",
          "1:21 'model': sim: tokens='x' is not a whole number within 0..1000000\n1:21 'model': openai: the model's name is missing; write openai:MODEL\n" },
        { J, "{\"agents\": [{\"name\": \"a\"},\n {\"name\": \"a\"}],\n \"flow\": \"a >>\", \"max_cost\": -1, \"mode\": \"zzz\"}",
          "2:2 Duplicate agent name 'a' in swarm\n3:2 Invalid flow DSL: Malformed flow DSL: 'a >>'\n3:18 'max_cost' must be a number of dollars above 0\n3:34 Unsupported swarm mode: 'zzz'\n" },
        { J, "{\"agents\": [{\"name\": \"a\", \"max_cost\": 1}],\n \"flow\": \"a >>\"}",
          "?1:27 'max_cost' counts for the whole task: put it at the top, here nothing reads it\n2:2 Invalid flow DSL: Malformed flow DSL: 'a >>'\n" },
        { J, "{\"agents\": [{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}, {\"name\": \"b\"}]}],\n \"mode\": \"handoff\"}",
          "?1:40 'b' is not a member of this swarm: put it under 'agents', too, or control never passes to it\n"
          "?1:55 'b' is not a member of this swarm: put it under 'agents', too, or control never passes to it\n1:55 Duplicate handoff agent 'b' on agent 'a'\n" },
        { J, "{\"agents\": [{\"name\": \"a\",\n \"handoffs\": [{\"name\": \"b\"}]}, {\"name\": \"b\"},\n {\"name\": \"c\"}], \"flow\": \"a >> b\"}",
          "?2:2 only in mode 'handoff' control passes: here nothing reads 'handoffs'\n?3:2 'c' is not in the flow: it is left out\n" },
        { J, "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:|nobody:x|sim:\"}, {\"agents\": [{\"name\": \"b\"}]}], \"flow\": \"swarm(b...)\"}",
          "?1:27 'model': Provider 'nobody' not registered. Available: ['openai', 'responses', 'azure', 'anthropic', 'gemini', 'vertex', 'sim', 'ollama', 'openrouter', 'vllm', 'llamacpp']. Write the model as provider:model. Only a worker that knows more providers can run it\n" },
        { J, "{\"name\": \"a\", \"output_schema\": {\"type\": \"object\",\n \"properties\": {\"x/y\": {\"type\": \"strin\"}}}}",
          "2:25 output_schema: /properties/x~1y/type: must be object, array, string, number, integer, boolean or null, or an array of those\n" },
        { J, "{\"name\": \"a\", \"name\": \"b\", \"model_options\": {\"top\": 1,\n\"top_p\": 7}}",
          "1:15 'name' is there twice: remove one of them\n"
          "1:46 model_options has no 'top'; there are reasoning_effort, top_p, stop, tool_choice, parallel_tool_calls and cache\n"
          "2:1 'model_options/top_p' must be a number from 0 to 1\n" },
        { J, "{\"name\": \"a\",\n oops}", "2:2 a member's name in quotes was expected here\n" },
        { J, "[]", "1:1 it must hold a JSON object\n" },
        { J, " \n", "0:0 it is empty: it must hold an agent or a swarm\n" },
        { J, "{\"name\": \"\xff\"}", "0:0 it is not UTF-8 text: convert it first\n" },
        { M, "---\ntemperature: warm\nmax_steps: 1.5\nmodel: sim:\n---\n", "2:1 Invalid temperature in dir/helper.txt: warm\n3:1 'max_steps' must be a whole number\n" },
        { M, "---\nmax_tokens: 'x'\n---\n", "2:1 Invalid max_tokens in dir/helper.txt: 'x'\n" },
        { M, "---\nname: a\n", "1:1 the front matter has no end: a second line of --- is missing\n" },
        { M, "---\n  x: 1\nname\nmodel: sim:\nModel: sim:\ntools:\n  - {\n---\n",
          "2:1 the front matter must begin with 'key: value', without blanks before it\n3:1 a line of the front matter must be 'key: value', for example 'model: openai:gpt-4o'\n"
          "5:1 'model' is there twice: remove one of them\n8:1 YAML: did not find expected node content, while parsing a flow node (which began in line 8)\n" },
    };
    (void)state;
    check_rows(rows, COUNT(rows), 0);
}

static void a_part_or_a_swarm(void **state)
{
    static const char text[] = "max_cost: 1\nagents: {a: {model: 'sim:'}, g: {group: serial, agents: {b: {model: 'sim:'}}}}";
    static const struct row parts[] = {
        { Y, text, "{\"name\": \"b\", \"model\": \"sim:\", \"instructions\": \"\"" REST ", \"max_cost\": 1}" },
        { J, "{\"name\": \"b\"}", "{\"name\": \"b\"}" },
        { J, "{\"agents\": [{\"name\": \"a\", \"max_steps\": 0}, {\"name\": \"b\"}]}", "{\"name\": \"b\"}" },
    }, none[] = {
        { Y, text, "0:0 there is no agent 'z' in it; there is 'a', 'g'\n" }, { J, "{\"name\": \"b\"}", "0:0 there is no agent 'z' in it; there is 'b'\n" },
    }, swarms[] = {
        { J, "{\"agents\": [{\"name\": \"a\"}]}", "{\"agents\": [{\"name\": \"a\"}], \"parallel\": true}" },
        { J, "{\"agents\": [{\"name\": \"a\"}], \"parallel\": false}", "{\"agents\": [{\"name\": \"a\"}], \"parallel\": false}" },
        { J, "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"handoff\"}", "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"handoff\"}" },
        /* also those inside */
        { J, "{\"agents\": [{\"name\": \"a\"}, {\"group\": \"serial\", \"name\": \"g\", \"agents\": [{\"agents\": [{\"name\": \"b\"}]}, {\"agents\": [{\"name\": \"c\"}], \"parallel\": false}]}], \"mode\": \"team\"}",
          "{\"agents\": [{\"name\": \"a\"}, {\"group\": \"serial\", \"name\": \"g\", \"agents\": [{\"agents\": [{\"name\": \"b\"}], \"parallel\": true}, {\"agents\": [{\"name\": \"c\"}], \"parallel\": false}]}], \"mode\": \"team\"}" },
    }, one[] = { { J, "{\"name\": \"a\"}", "{\"name\": \"a\"}" } },
       no_swarms[] = { { J, "{\"name\": \"a\"}", "0:0 it holds one agent and no swarm: give --agent, or put it under 'agents'\n" } };
    (void)state;
    agent = "b";
    check_rows(parts, COUNT(parts), 1);
    agent = "z";
    check_rows(none, COUNT(none), 0);
    agent = NULL;
    is_parallel = 1;
    check_rows(swarms, COUNT(swarms), 1);
    check_rows(one, COUNT(one), 1);
    is_swarm = 1;
    check_rows(swarms, COUNT(swarms), 1);
    check_rows(no_swarms, COUNT(no_swarms), 0);
    is_swarm = is_parallel = 0;
}

static void formats(void **state)
{
    static const struct { const char *name, *text; enum orb_agent_format format; } rows[] = {
        { "a.json", "name: x", ORB_AGENT_JSON }, { "a.YML", "{}", ORB_AGENT_YAML }, { "a.yaml", "", ORB_AGENT_YAML }, { "a.md", "{}", ORB_AGENT_MARKDOWN },
        { "a", " \n{}", ORB_AGENT_JSON }, { "a", "name: x", ORB_AGENT_YAML }, { "a.txt", "---\nname: x\n---\nDo.", ORB_AGENT_MARKDOWN },
        { "a", "---\nname: x\n", ORB_AGENT_YAML }, { "a", "---\nname: x\n---", ORB_AGENT_YAML }, { "a", "", ORB_AGENT_JSON },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (orb_agent_format_of(rows[i].name, rows[i].text, strlen(rows[i].text)) != rows[i].format)
            fail_msg("%s: %s", rows[i].name, rows[i].text);
}

/* ---- bounds ----------------------------------------------------------- */

static void refused(int format, struct orb_buf *text, const char *want)
{
    char *config = read_file(format, text->data, text->len);
    assert_null(config);
    if (!strstr(found.data, want))
        fail_msg("found %s\nwanted %s", found.data, want);
    orb_buf_done(text);
}

static struct orb_buf *repeat(const char *before, const char *what, int times, const char *after)
{
    static struct orb_buf b;
    orb_buf_init(&b, 4 * 1024 * 1024);
    orb_buf_str(&b, before);
    for (int i = 0; i < times; i++)
        orb_buf_printf(&b, what, i);
    orb_buf_str(&b, after);
    assert_int_equal(b.err, 0);
    return &b;
}

static void bombs_end_at_the_bounds(void **state)
{
    struct orb_buf b;
    (void)state;
    /* ten of ten of ten ... */
    orb_buf_init(&b, 65536);
    orb_buf_str(&b, "a0: &a0 x\n");
    for (int i = 1; i < 20; i++)
        orb_buf_printf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refused(Y, &b, "it has over 20000 values, with those that aliases and variables repeat: make it smaller\n");
    /* few values, much text */
    orb_buf_init(&b, 4 * 1024 * 1024);
    orb_buf_printf(&b, "t: &t '%0*d'\nl: [", 500000, 1);
    for (int i = 0; i < 100; i++)
        orb_buf_str(&b, "*t, ");
    orb_buf_str(&b, "]\n");
    refused(Y, &b, "it has over 2097152 bytes of text, with what aliases and variables repeat: make it smaller\n");
    /* the same by variables */
    orb_buf_init(&b, 4 * 1024 * 1024);
    orb_buf_printf(&b, "vars: {t: '%0*d'}\nname: a\ninstructions: ", 500000, 1);
    for (int i = 0; i < 10; i++)
        orb_buf_str(&b, "x${vars.t}");
    refused(Y, &b, "3:15 with its variables this text is over 1048576 bytes: make it shorter\n");
    refused(Y, repeat("a: ", "[", 100000, ""), "1:67 it is nested deeper than 64\n");
    refused(J, repeat("{\"name\": ", "[", 100000, ""), "nested deeper than the limit of 64\n");
    refused(J, repeat("{\"name\": [", "1,", 30000, "1]}"), "more values than the limit of 20000\n");
    refused(Y, repeat("a: [", "&a%d 1, ", 1200, "]"), "anchors: at most 1000, with names of at most 256 bytes\n");
    refused(J, repeat("{\"name\": \"", "xxxxxxxxxx", 105000, "\"}"), "0:0 it is larger than 1048576 bytes: make it smaller\n");
    refused(J, repeat("{\"agents\": [", "{\"name\": \"a%d\"},", 256, "{\"name\": \"z\"}]}"), "it has over 256 agents\n");
}

static void findings_are_bounded(void **state)
{
    size_t lines = 0;
    (void)state;
    struct orb_buf *b = repeat("{\"name\": \"a\"", ", \"x%d\": 1", 1000, "}");
    char *config = read_file(J, b->data, b->len);
    assert_non_null(config); /* they were warnings */
    free(config);
    orb_buf_done(b);
    for (const char *p = found.data; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, ORB_FINDINGS_MAX);
    assert_non_null(strstr(found.data, " there is more: mend the rest first\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made), cmocka_unit_test(what_is_found), cmocka_unit_test(a_part_or_a_swarm), cmocka_unit_test(formats),
        cmocka_unit_test(bombs_end_at_the_bounds), cmocka_unit_test(findings_are_bounded),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    orb_buf_done(&found);
    return rc;
}
