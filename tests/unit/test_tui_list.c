/* Lists of the console: what is under the cursor stays under it, and an act means what was painted. */
#include "support/console.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 88172645463325252u;

static unsigned draw(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static void id_of(unsigned n, char out[33])
{
    snprintf(out, 33, "%08x%024x", n * 2654435761u, n);
}

/* The order that a list keeps, against one that is sorted anew. */
static void check_order(struct console *c)
{
    struct tui_list *list = &c->m->lists[TUI_TASKS], fresh;
    struct orb_error err;
    tui_list_init(&fresh, &tui_task_source, NULL, 0);
    fresh.sort_field = list->sort_field;
    fresh.is_descending = list->is_descending;
    assert_int_equal(tui_list_filter(&fresh, list->filter, &err), 0);
    tui_list_settle(&fresh, c->m);
    tui_list_settle(list, c->m);
    assert_int_equal(fresh.count, list->count);
    for (size_t i = 0; i < fresh.count; i++)
        assert_int_equal(fresh.order[i], list->order[i]);
    tui_list_done(&fresh);
}

static void change_something(struct console *c, unsigned *made)
{
    char id[33];
    switch (draw(6)) {
    case 0:
    case 1:
        id_of((*made)++, id);
        console_change(c, id, ORB_STATUS_PENDING, 0);
        break;
    case 2:
        id_of(draw(*made), id);
        console_task(c, id, draw(2) ? "planner" : "coder", (enum orb_status)draw(ORB_STATUS_COUNT), 1 + draw(5000));
        break;
    case 3:
        id_of(draw(*made), id);
        console_send(c, (struct tui_msg){ .type = TUI_MSG_GONE, .id = id });
        break;
    default:
        id_of(draw(*made), id);
        console_change(c, id, (enum orb_status)draw(ORB_STATUS_COUNT), 1 + (int)draw(3));
    }
    if (!draw(20))
        console_wait(c, draw(3));
}

/* The id in the line with the cursor's sign, of the frame that the user sees. */
static void painted_id(struct console *c, char out[9])
{
    char *frame = console_frame(c);
    const char *at = strstr(frame, "\n❯");
    snprintf(out, 9, "%s", at ? at + 1 + strlen("❯ ") : "");
    free(frame);
}

/* Ten thousand times: the list is stirred while keys are pressed; an act is about the id that the user saw, or nothing. */
static void test_acts_mean_what_was_painted(void **state)
{
    (void)state;
    struct console c;
    unsigned made = 1, acted = 0;
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 60; i++)
        change_something(&c, &made);
    for (unsigned turn = 0; turn < 10000; turn++) {
        static const char *const moves[] = { "j", "k", "g", "G", "C-d", "C-u", "I", ">", "<", "f" };
        char seen[9];
        if (!draw(3))
            console_keys(&c, moves[draw(10)]);
        painted_id(&c, seen);
        for (unsigned k = draw(6); k; k--) /* comes between the frame and the key */
            change_something(&c, &made);
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = draw(2) ? "C" : "R" });
        const struct tui_asking *asking = &c.m->acts.asking;
        if (asking->serial) {
            assert_int_equal(asking->count, 1);
            assert_memory_equal(asking->acts[0].target, seen, 8);
            acted++;
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = "n" });
        }
        assert_int_equal(asking->serial, 0);
        if (!(turn % 100))
            check_order(&c);
    }
    assert_true(acted > 5000);
    console_close(&c);
}

static void test_cursor_stays_with_its_row(void **state)
{
    (void)state;
    struct console c;
    char id[33], seen[9], again[9];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 100; i++) {
        id_of(i, id);
        console_wait(&c, 1);
        console_change(&c, id, ORB_STATUS_PENDING, 0);
    }
    console_keys(&c, "j j j j");
    painted_id(&c, seen);
    for (unsigned i = 100; i < 150; i++) {
        id_of(i, id);
        console_wait(&c, 1);
        console_change(&c, id, ORB_STATUS_PENDING, 0);
        painted_id(&c, again);
        assert_string_equal(seen, again);
    }
    console_close(&c);
}

static void test_a_list_that_is_being_filled_begins_at_its_top(void **state)
{
    (void)state;
    struct console c;
    char id[33], seen[9];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 100; i++) { /* the older ones are known first */
        id_of(i, id);
        console_task(&c, id, "planner", ORB_STATUS_COMPLETED, 1000 - i);
        free(console_frame(&c));
    }
    painted_id(&c, seen);
    id_of(99, id);
    assert_memory_equal(seen, id, 8);
    console_keys(&c, "j k"); /* from now on it is the user's */
    id_of(200, id);
    console_task(&c, id, "planner", ORB_STATUS_COMPLETED, 1);
    painted_id(&c, seen);
    id_of(99, id);
    assert_memory_equal(seen, id, 8);
    console_close(&c);
}

static void test_marks_survive_and_are_all_meant(void **state)
{
    (void)state;
    struct console c;
    char id[33];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 10; i++) {
        id_of(i, id);
        console_task(&c, id, "planner", ORB_STATUS_RUNNING, 10 + i);
    }
    console_keys(&c, "Space Space v j j v I C");
    assert_int_equal(c.m->acts.asking.count, 5);
    assert_true(console_shows(&c, "Cancel 5 running tasks?  planner 5   [N]o  [y]es  [v]iew"));
    console_keys(&c, "Enter");
    assert_true(console_shows(&c, "not done"));
    console_keys(&c, "U A C");
    assert_int_equal(c.m->acts.asking.count, 10);
    console_keys(&c, "y");
    assert_true(console_shows(&c, "undo for 5 s"));
    assert_null(tui_acts_take(&c.m->acts, c.now + 4.9));
    console_keys(&c, "u");
    assert_null(tui_acts_take(&c.m->acts, c.now + 60));
    assert_true(console_shows(&c, "taken back"));
    console_close(&c);
}

static void test_many_have_to_be_typed(void **state)
{
    (void)state;
    struct console c;
    char id[33];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 30; i++) {
        id_of(i, id);
        console_task(&c, id, "planner", ORB_STATUS_RUNNING, 10 + i);
    }
    console_keys(&c, "A C y Enter");
    assert_null(tui_acts_take(&c.m->acts, c.now + 60));
    console_keys(&c, "C 3 0 Enter");
    assert_non_null(tui_acts_take(&c.m->acts, c.now + 60));
    console_close(&c);
}

static void test_readonly_asks_for_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = { "C", "R", "E", "S", "P", "D", "L", "X" };
    struct console c;
    char id[33];
    console_open(&c, 24, 80);
    c.m->is_readonly = 1;
    id_of(1, id);
    console_task(&c, id, "planner", ORB_STATUS_RUNNING, 10);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        console_keys(&c, "4");
        console_keys(&c, keys[i]);
        console_keys(&c, "y Enter");
        assert_true(console_shows(&c, "read-only"));
        assert_null(tui_acts_take(&c.m->acts, c.now + 60));
        assert_int_equal(c.m->edit_serial, 0);
    }
    console_close(&c);
}

static void test_filter_as_one_types(void **state)
{
    (void)state;
    struct console c;
    char id[33];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 20; i++) {
        id_of(i, id);
        console_task(&c, id, i % 2 ? "planner" : "coder", i % 5 ? ORB_STATUS_COMPLETED : ORB_STATUS_FAILED, 10 + i);
    }
    console_keys(&c, "/ s t a t e : f a i l e d");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 4);
    console_keys(&c, "Space c o d e r Enter");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 2);
    assert_true(console_shows(&c, "2 of 20  filter: state:failed coder"));
    console_keys(&c, "/ ( Esc");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 2);
    console_keys(&c, "Esc");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 20);
    console_close(&c);
}

/* ---- many rows --------------------------------------------------------------------------- */

static int by_both(const struct console *c, uint32_t a, uint32_t b)
{
    const struct tui_list *list = &c->m->lists[TUI_TASKS];
    struct tui_value x = { 0 }, y = { 0 };
    list->source->value(c->m, a, (size_t)list->sort_field, &x);
    list->source->value(c->m, b, (size_t)list->sort_field, &y);
    int order = tui_value_compare(&list->source->fields[list->sort_field], &x, &y);
    if (order && (isnan(x.number) || isnan(y.number)))
        return isnan(x.number) ? 1 : -1; /* what is not known comes last */
    return order ? (list->is_descending ? -order : order) : a < b ? 1 : -1;
}

/* Texts that are alike for long, or wholly, and numbers that are not known: by each column and both ways. */
static void test_many_are_in_order(void **state)
{
    (void)state;
    static const char *const agents[] = { "planner", "a-name-that-begins-alike-and-goes-on", "a-name-that-begins-alike-and-goes-on-longer", "a-name-that-begins", "a-name-that-begins-alik\xc3\xa9", "" };
    struct console c;
    char id[ORB_ID_MAX + 1];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned n = 0; n < 8000; n++) {
        snprintf(id, sizeof id, draw(3) ? "task-of-the-same-name-%06u" : "%08x-%u", n * 2654435761u, n);
        console_task(&c, id, agents[draw(6)], (enum orb_status)draw(ORB_STATUS_COUNT), 1 + draw(9));
    }
    struct tui_list *list = &c.m->lists[TUI_TASKS];
    for (size_t field = 0; field < list->source->field_count; field++)
        for (int is_descending = 0; is_descending < 2; is_descending++) {
            tui_list_sort(list, (int)field, is_descending);
            tui_list_settle(list, c.m);
            assert_int_equal(list->count, 8000);
            for (size_t i = 1; i < list->count; i++)
                assert_true(by_both(&c, list->order[i - 1], list->order[i]) < 0);
        }
    console_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acts_mean_what_was_painted), cmocka_unit_test(test_cursor_stays_with_its_row), cmocka_unit_test(test_a_list_that_is_being_filled_begins_at_its_top), cmocka_unit_test(test_marks_survive_and_are_all_meant),
        cmocka_unit_test(test_many_have_to_be_typed), cmocka_unit_test(test_readonly_asks_for_nothing), cmocka_unit_test(test_filter_as_one_types), cmocka_unit_test(test_many_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
