/* Bytes of terminals become keys, pastes and mouse events, in whatever pieces they come. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/input.h"

static struct tui_parser parser;

static void feed(const char *bytes, size_t len)
{
    while (len) {
        size_t room;
        char *to = tui_parser_room(&parser, &room);
        size_t n = len < room ? len : room;
        memcpy(to, bytes, n);
        tui_parser_add(&parser, n);
        bytes += n;
        len -= n;
    }
}

/* All that is there, in words with blanks between them. */
static void words(char *out, size_t cap)
{
    static const char *const mouse[] = {"press", "drag", "release", "up", "down"};
    struct tui_input input;
    size_t n = strlen(out);
    while (tui_parser_next(&parser, &input)) {
        if (input.kind == TUI_INPUT_KEY) {
            n += (size_t)snprintf(out + n, cap - n, "%s ", input.key);
            assert_int_equal(input.text != NULL, input.len > 0);
            if (input.text && strcmp(input.key, "Space"))
                assert_string_equal(input.text, input.key);
        } else if (input.kind == TUI_INPUT_PASTE)
            n += (size_t)snprintf(out + n, cap - n, "paste<%.*s> ", (int)input.len, input.text);
        else if (input.kind == TUI_INPUT_MOUSE)
            n += (size_t)snprintf(out + n, cap - n, "%s%s%d@%d,%d ", input.key, mouse[input.mouse], input.button, input.row, input.col);
        else if (input.kind == TUI_INPUT_REPLY)
            n += (size_t)snprintf(out + n, cap - n, "reply%d=%d ", input.mode, input.value);
    }
}

static void expect(const char *bytes, size_t len, const char *want)
{
    char got[1024];
    /* At once, and byte by byte. */
    for (size_t piece = len; piece; piece = piece == 1 ? 0 : 1) {
        got[0] = '\0';
        tui_parser_init(&parser, '\b');
        for (size_t at = 0; at < len; at += piece) {
            feed(bytes + at, piece);
            words(got, sizeof got);
        }
        if (tui_parser_wait_ms(&parser) >= 0) {
            tui_parser_late(&parser);
            words(got, sizeof got);
            assert_int_equal(tui_parser_wait_ms(&parser), -1);
        }
        tui_parser_done(&parser);
        if (*got)
            got[strlen(got) - 1] = '\0';
        if (strcmp(got, want))
            fail_msg("%s (pieces of %zu): <%s>, not <%s>", bytes, piece, got, want);
    }
}

#define EXPECT(bytes, want) expect(bytes, sizeof(bytes) - 1, want)

static void characters_are_their_own_names(void **state)
{
    (void)state;
    EXPECT("aA?~ ", "a A ? ~ Space");
    EXPECT("\u00fc\u65e5\U0001f600", "\u00fc \u65e5 \U0001f600");
    EXPECT("e\u0301", "e \u0301");
}

static void what_is_no_text_is_dropped(void **state)
{
    (void)state;
    EXPECT("a\xff" "b\xc3", "a b");
    EXPECT("\xc3(", "(");
    EXPECT("\xed\xa0\x80x", "x");
    EXPECT("\xc2\x9b" "31mx", "3 1 m x"); /* a C1 control is no key */
    EXPECT("\xe2\x82", "");
}

static void controls_have_names(void **state)
{
    (void)state;
    EXPECT("\x01\x03\x04\x1a\x0c", "C-a C-c C-d C-z C-l");
    EXPECT("\r\n\t\177\b", "Enter C-j Tab Backspace Backspace"); /* ^H is what this terminal's Backspace sends */
    expect("\0\x1c\x1d\x1e\x1f", 5, "C-Space C-\\ C-] C-^ C-_");
}

static void escape_is_a_key_when_nothing_follows(void **state)
{
    (void)state;
    EXPECT("\033", "Esc");
    EXPECT("\033\033", "Esc Esc");
    EXPECT("\033\033[A", "Esc Up");
    EXPECT("\033[", "M-[");
    EXPECT("\033O", "M-O");
    EXPECT("\033]", "M-]");
    tui_parser_init(&parser, 0);
    feed("\033", 1);
    struct tui_input input;
    assert_int_equal(tui_parser_next(&parser, &input), 0);
    assert_int_equal(tui_parser_wait_ms(&parser), 25);
    feed("[1;", 3);
    assert_int_equal(tui_parser_next(&parser, &input), 0);
    assert_true(tui_parser_wait_ms(&parser) > 25); /* a slow line, no key */
    feed("5A", 2);
    assert_int_equal(tui_parser_next(&parser, &input), 1);
    assert_string_equal(input.key, "C-Up");
    tui_parser_done(&parser);
}

static void meta_goes_before(void **state)
{
    (void)state;
    EXPECT("\033a\033A\033\r\033\177\033\x01\033 ", "M-a M-A M-Enter M-Backspace C-M-a M-Space");
    EXPECT("\033\u00fc", "M-\u00fc");
    EXPECT("\033\xc3(", "(");
}

static void function_keys_of_many_terminals(void **state)
{
    (void)state;
    EXPECT("\033[A\033[B\033[C\033[D\033[H\033[F", "Up Down Right Left Home End");
    EXPECT("\033OA\033OB\033OC\033OD\033OH\033OF\033OM", "Up Down Right Left Home End Enter");
    EXPECT("\033OP\033OQ\033OR\033OS\033[15~\033[17~\033[18~\033[19~\033[20~\033[21~\033[23~\033[24~", "F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12");
    EXPECT("\033[[A\033[[B\033[[C\033[[D\033[[E", "F1 F2 F3 F4 F5"); /* Linux */
    EXPECT("\033[11~\033[12~\033[13~\033[14~\033[7~\033[8~\033[3^", "F1 F2 F3 F4 Home End C-Del"); /* rxvt */
    EXPECT("\033[1~\033[2~\033[3~\033[4~\033[5~\033[6~", "Home Ins Del End PgUp PgDn");
    EXPECT("\033[Z\033[1;2A\033[1;3A\033[1;4A\033[1;5A\033[1;6A\033[1;7A\033[1;8A", "S-Tab S-Up M-Up M-S-Up C-Up C-S-Up C-M-Up C-M-S-Up");
    EXPECT("\033[5;5~\033[3;2~\033[1;5P\033[15;2~", "C-PgUp S-Del C-F1 S-F5");
}

static void what_is_not_known_is_no_key(void **state)
{
    (void)state;
    EXPECT("\033[99~x", "x");
    EXPECT("\033[?1;2cx", "x");
    EXPECT("\033[24;80Rx", "F3 x"); /* nobody asked where the cursor is: so it is a key */
    EXPECT("\033]11;rgb:0/0/0\ax", "x");
    EXPECT("\033]11;rgb:0/0/0\033\\x", "x");
    EXPECT("\033P1$r0m\033\\x", "x");
    EXPECT("\033[Ix\033[Ox", "x x");
    EXPECT("\033[[Zx", "x");
    EXPECT("\033Ozx", "x");
    EXPECT("\033[1;\033[A", "Up"); /* cut off */
    EXPECT("\033[1;5", "");
    EXPECT("\033[99999999999999999999~x", "x");
    EXPECT("\033[1;2;3;4;5;6;7;8Ax", "S-Up x");
}

static void answers_are_told(void **state)
{
    (void)state;
    EXPECT("\033[?2026;2$yq", "reply2026=2 q");
    EXPECT("\033[?2026;0$y", "reply2026=0");
}

static void the_mouse_in_both_forms(void **state)
{
    (void)state;
    EXPECT("\033[<0;5;3M\033[<0;5;3m", "press1@2,4 release1@2,4");
    EXPECT("\033[<1;1;1M\033[<2;300;200M", "press2@0,0 press3@199,299");
    EXPECT("\033[<32;6;3M", "drag1@2,5");
    EXPECT("\033[<64;1;1M\033[<65;1;1M\033[<66;1;1M", "up0@0,0 down0@0,0");
    EXPECT("\033[<4;1;1M\033[<8;1;1M\033[<16;1;1M\033[<28;1;1M", "S-press1@0,0 M-press1@0,0 C-press1@0,0 C-M-S-press1@0,0");
    EXPECT("\033[<35;1;1Mx", "x");          /* moved without a button */
    EXPECT("\033[<0;0;0M", "press1@0,0");
    EXPECT("\033[<0;5Mx", "x");
    EXPECT("\033[M !!\033[M#!!\033[M`!!", "press1@0,0 release0@0,0 up0@0,0"); /* as X10 has it */
}

static void a_paste_is_one_text(void **state)
{
    (void)state;
    EXPECT("\033[200~hello\033[201~x", "paste<hello> x");
    EXPECT("\033[200~\033[201~", "paste<>");
    EXPECT("\033[200~a\rb\r\nc\nd\033[201~", "paste<a\nb\nc\nd>");
    EXPECT("\033[200~q\x03\033[A\033[20\033[201~", "paste<q\x03\033[A\033[20>"); /* keys in it are none */
    EXPECT("\033[200~one\033[201~\033[200~two\033[201~", "paste<one> paste<two>");
}

static void a_long_paste_is_whole_and_a_longer_one_is_cut(void **state)
{
    static char bytes[70000];
    struct tui_input input;
    (void)state;
    memset(bytes, 'p', sizeof bytes);
    for (int times = 1; times <= 16; times += 15) {
        size_t total = 0;
        tui_parser_init(&parser, 0);
        feed("\033[200~", 6);
        assert_int_equal(tui_parser_next(&parser, &input), 0);
        for (int i = 0; i < times; i++)
            for (size_t at = 0; at < sizeof bytes; at += 1000, total += 1000) {
                feed(bytes + at, 1000);
                assert_int_equal(tui_parser_next(&parser, &input), 0);
                assert_int_equal(tui_parser_wait_ms(&parser), -1);
            }
        feed("\033[201~", 6);
        assert_int_equal(tui_parser_next(&parser, &input), 1);
        assert_int_equal(input.kind, TUI_INPUT_PASTE);
        assert_int_equal(input.len, total < TUI_PASTE_MAX ? total : TUI_PASTE_MAX);
        assert_int_equal(input.is_cut, total > TUI_PASTE_MAX);
        tui_parser_done(&parser);
    }
}

/* A sequence that never ends does not grow, and keys come again behind it. */
static void garbage_has_an_end(void **state)
{
    char bytes[1000];
    struct tui_input input;
    (void)state;
    tui_parser_init(&parser, 0);
    memset(bytes, '1', sizeof bytes);
    feed("\033]", 2);
    for (int i = 0; i < 20; i++) {
        feed(bytes, sizeof bytes);
        while (tui_parser_next(&parser, &input))
            ;
    }
    tui_parser_late(&parser);
    while (tui_parser_next(&parser, &input))
        ;
    feed("k", 1);
    assert_int_equal(tui_parser_next(&parser, &input), 1);
    assert_string_equal(input.key, "k");
    tui_parser_done(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_their_own_names),
        cmocka_unit_test(what_is_no_text_is_dropped),
        cmocka_unit_test(controls_have_names),
        cmocka_unit_test(escape_is_a_key_when_nothing_follows),
        cmocka_unit_test(meta_goes_before),
        cmocka_unit_test(function_keys_of_many_terminals),
        cmocka_unit_test(what_is_not_known_is_no_key),
        cmocka_unit_test(answers_are_told),
        cmocka_unit_test(the_mouse_in_both_forms),
        cmocka_unit_test(a_paste_is_one_text),
        cmocka_unit_test(a_long_paste_is_whole_and_a_longer_one_is_cut),
        cmocka_unit_test(garbage_has_an_end),
    };

    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
