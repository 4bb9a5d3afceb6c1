/* Command lines by tables: parsing, suggestions, secrets, help and manuals. */
#include <orbiter/options.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
    int is_loud, count;
    double seconds;
    const char *name;
    char *secret;
    struct orb_option_list tags;
};

#define AT(field) offsetof(struct values, field)
static const struct orb_option rows[] = {
    {"loud", 'l', ORB_OPTION_FLAG, AT(is_loud), NULL, "be loud", 0, 0},
    {"count", 'c', ORB_OPTION_INT, AT(count), "N", "how many", 1, 10},
    {"seconds", 0, ORB_OPTION_REAL, AT(seconds), "SEC", "how long", 0, 5},
    {"name", 'n', ORB_OPTION_TEXT, AT(name), "NAME", ".a help that begins like a request \\ of roff", 0, 0},
    {"secret", 0, ORB_OPTION_SECRET, AT(secret), "WORD", "not to be seen", 0, 0},
    {"tag", 0, ORB_OPTION_LIST, AT(tags), "TAG", "may be repeated", 0, 0},
    {"hidden", 0, ORB_OPTION_FLAG, AT(is_loud), NULL, "", 0, 0},
    {0},
};

enum { WORDS_MAX = 16, WORD_SIZE = 64 };
static char words[WORDS_MAX][WORD_SIZE]; /* writable, as argv is */
static char *argv[WORDS_MAX + 1];
static struct values values;
static const struct orb_option_set sets[] = {{rows, &values}, {0}};
static struct orb_error err;

/* Parses the words of line; returns the code and leaves the operands in argv. */
static int parse(const char *line, int stop_at_operand, int *argc)
{
    char copy[512], *save = NULL;
    snprintf(copy, sizeof copy, "%s", line);
    *argc = 0;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_in_range(*argc, 0, WORDS_MAX - 1);
        snprintf(words[*argc], WORD_SIZE, "%s", word);
        argv[*argc] = words[*argc];
        ++*argc;
    }
    err = (struct orb_error){0};
    return orb_options_parse(sets, stop_at_operand, argc, argv, &err);
}

static int start(void **state)
{
    (void)state;
    values = (struct values){.count = 7};
    return 0;
}

static int done(void **state)
{
    (void)state;
    orb_options_done(sets);
    return 0;
}

static void mixed(void **state)
{
    int argc;
    (void)state;
    assert_int_equal(parse("one --count=3 - -ln x --seconds 2.5 two -- --loud", 0, &argc), 0);
    assert_int_equal(argc, 4);
    assert_string_equal(argv[0], "one");
    assert_string_equal(argv[1], "-");
    assert_string_equal(argv[2], "two");
    assert_string_equal(argv[3], "--loud");
    assert_int_equal(values.count, 3);
    assert_int_equal(values.is_loud, 1);
    assert_string_equal(values.name, "x");
    assert_true(values.seconds > 2.4 && values.seconds < 2.6);
}

static void joined_letter(void **state)
{
    int argc;
    (void)state;
    assert_int_equal(parse("-c5 -lnx", 0, &argc), 0);
    assert_int_equal(argc, 0);
    assert_int_equal(values.count, 5);
    assert_string_equal(values.name, "x");
}

static void stops(void **state)
{
    int argc;
    (void)state;
    assert_int_equal(parse("-l task list --limit 3", 1, &argc), 0);
    assert_int_equal(argc, 4);
    assert_string_equal(argv[0], "task");
    assert_string_equal(argv[2], "--limit");
}

static void lists(void **state)
{
    int argc;
    (void)state;
    assert_int_equal(parse("--tag a=b --tag=c:=1", 0, &argc), 0);
    assert_int_equal(values.tags.count, 2);
    assert_string_equal(values.tags.items[0], "a=b");
    assert_string_equal(values.tags.items[1], "c:=1");
}

static void secrets(void **state)
{
    int argc;
    (void)state;
    assert_int_equal(parse("--secret=sesame x", 0, &argc), 0);
    assert_string_equal(values.secret, "sesame");
    assert_string_equal(words[0], "--secret=******");
    assert_int_equal(parse("--secret other", 0, &argc), 0);
    assert_string_equal(values.secret, "other");
    assert_string_equal(words[1], "*****");
}

static void refusals(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--cuont 3", "unknown option --cuont (did you mean --count?)"},
        {"--hiden", "unknown option --hiden"},
        {"--frobnicate", "unknown option --frobnicate"},
        {"-x", "unknown option -x"},
        {"--count", "option --count needs an argument: N"},
        {"-c", "option --count needs an argument: N"},
        {"--loud=1", "option --loud takes no argument"},
        {"--count 11", "--count needs a number from 1 to 10, not '11'"},
        {"--count 3x", "--count needs a number from 1 to 10, not '3x'"},
        {"--seconds 5.5", "--seconds needs a number from 0 to 5, not '5.5'"},
        {"--seconds nan", "--seconds needs a number from 0 to 5, not 'nan'"},
    };
    int argc;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].line, 0, &argc), ORB_E_USAGE);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void nearest(void **state)
{
    static const char *const names[] = {"task list", "submit"};
    (void)state;
    assert_string_equal(orb_options_nearest("task lst", names, 2), "task list");
    assert_string_equal(orb_options_nearest("sumbit", names, 2), "submit");
    assert_null(orb_options_nearest("x", names, 2));
    assert_null(orb_options_nearest("", names, 2));
    assert_null(orb_options_nearest("a word that is far longer than any name of a command can ever be, really", names, 2));
}

/* What fn prints for the rows; the caller frees. */
static char *printed(void (*fn)(FILE *, const struct orb_option *))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fn(out, rows);
    fclose(out);
    return text;
}

static void help(void **state)
{
    char *text = printed(orb_options_help);
    (void)state;
    assert_non_null(strstr(text, "  -c, --count N           how many\n"));
    assert_null(strstr(text, "hidden"));
    free(text);
}

static void manual(void **state)
{
    char *text = printed(orb_man_options);
    (void)state;
    assert_non_null(strstr(text, ".TP\n.B \\-c, \\-\\-count N\nhow many\n"));
    assert_non_null(strstr(text, "\n\\&.a help that begins like a request \\e of roff\n"));
    assert_null(strstr(text, "hidden"));
    free(text);
}

static void input(void **state)
{
    char *text = NULL;
    size_t len = 0;
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "abcdef", 6), 6);
    close(fds[1]);
    assert_int_equal(orb_input_read(fds[0], "it", 6, &text, &len, &err), 0);
    assert_int_equal(len, 6);
    assert_string_equal(text, "abcdef");
    free(text);
    close(fds[0]);
    assert_int_equal(orb_input_check("abcdefg", 7, "it", 6, &err), ORB_E_TOO_LARGE);
    assert_int_equal(orb_input_check("ab\xc3", 3, "it", 6, &err), ORB_E_INVALID);
    assert_string_equal(err.text, "it is not UTF-8 at byte offset 2: convert it first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mixed, start, done),
        cmocka_unit_test_setup_teardown(joined_letter, start, done),
        cmocka_unit_test_setup_teardown(stops, start, done),
        cmocka_unit_test_setup_teardown(lists, start, done),
        cmocka_unit_test_setup_teardown(secrets, start, done),
        cmocka_unit_test_setup_teardown(refusals, start, done),
        cmocka_unit_test(nearest),
        cmocka_unit_test(help),
        cmocka_unit_test(manual),
        cmocka_unit_test(input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
