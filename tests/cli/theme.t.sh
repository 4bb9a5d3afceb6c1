# shellcheck shell=bash disable=SC2154,SC2016 # sourced by run.sh; inner shells expand
# Themes: the list, what is wrong with them, how they look.
themes=$HOME/.config/orbiter/themes
mkdir -p "$themes"

# grep_check NAME PATTERN COMMAND...: the output has a line like this.
grep_check() {
    local name=$1 pattern=$2
    shift 2
    if "$@" 2>&1 | grep -qE -- "$pattern"; then ok "$name"; else not_ok "$name: no $pattern in: $*"; fi
}

for name in orbit-dark orbit-light mono high-contrast deuter-safe tritan-safe gruvbox-dark dracula catppuccin-mocha; do
    grep_check "theme list has $name" "^$name +(dark|light) +[0-9.]+:1 +" orbiter theme list
done
# Away from its sources the program has them all the same.
cp "$build/orbiter" "$work/alone"
grep_check 'theme list, built in' '^orbit-dark +dark +[0-9.]+:1 +\(built in\)' "$work/alone" theme list
check 'theme check of all' orbiter theme check -q <<'EOT'
exit 0
EOT

cat >"$themes/mine.theme" <<'EOT'
[theme]
variant = light
[palette]
ink = #202020
[style]
text = ink
row = bg:#ffffff
EOT
grep_check 'theme list has a theme of my own' '^mine +light +16.3:1 +/' orbiter theme list
check 'theme check, a theme of my own' orbiter theme check mine <<'EOT'
out: mine: ok, lowest contrast 16.3:1 (text on row), with 256 colours 17.0:1 (text on row)
exit 0
EOT
check 'theme show, without a terminal' bash -c 'orbiter theme show mine | sed -n "1,3p;9p"' <<'EOT'
out: mine, light, mono
out:                   row         row.cursor  row.marked  bar         head
out: text               Text 1,234  Text 1,234  Text 1,234  Text 1,234  Text 1,234
out: state.running      Text 1,234  Text 1,234  Text 1,234  Text 1,234  Text 1,234
exit 0
EOT
check 'theme show, 24-bit' bash -c 'orbiter theme show mine --depth 24-bit | sed -n 3p | cut -c -60 | cat -v' <<'EOT'
out: ^[[0;38;2;32;32;32;48;2;255;255;255mtext               Text 1
exit 0
EOT
check 'theme show, 16 colours' bash -c 'CLICOLOR_FORCE=1 TERM=xterm orbiter theme show mine | sed -n 3p | cut -c -30 | cat -v' <<'EOT'
out: ^[[0;30;107mtext               
exit 0
EOT
check 'theme show, jsonl' bash -c 'orbiter theme show mine --depth 24-bit -o jsonl | sed -n 2p' <<'EOT'
out: {"role": "text", "layer": "row.cursor", "fg": "#202020", "bg": "#ffffff", "attributes": ["reverse"]}
exit 0
EOT

cat >"$work/bad.theme" <<'EOT'
[style]
text = #777777
row = bg:#ffffff
state.faild = red
key = bold blau
EOT
check 'theme check, mistakes' bash -c 'orbiter theme check "$0/bad.theme" | grep -v contrast; exit "${PIPESTATUS[0]}"' "$work" <<'EOT'
out: WORK/bad.theme:4: error: no role 'state.faild': did you mean 'state.failed'?
out: WORK/bad.theme:5: error: 'blau' is no colour and no attribute here: did you mean 'black'?
exit 2
EOT
check 'theme check, contrast' bash -c 'orbiter theme check "$0/bad.theme" | sed -n 3p' "$work" <<'EOT'
out: WORK/bad.theme: error: text and 29 other roles on row have a contrast of 4.48:1 with 24-bit colours: text needs 4.5:1, so make one lighter or darker
exit 0
EOT
check 'theme check, json' bash -c 'orbiter theme check -o json "$0/bad.theme" | sed -n 2,9p; exit "${PIPESTATUS[0]}"' "$work" <<'EOT'
out:   {
out:     "name": "WORK/bad.theme",
out:     "file": "WORK/bad.theme",
out:     "mistakes": [
out:       {
out:         "line": 4,
out:         "text": "no role 'state.faild': did you mean 'state.failed'?"
out:       },
exit 2
EOT
check 'theme show of a theme with mistakes' orbiter theme show "$work/bad.theme" <<'EOT'
err: orbiter: WORK/bad.theme:4: no role 'state.faild': did you mean 'state.failed'? (and 1 more: `orbiter theme check` tells them)
exit 2
EOT
check 'theme check, no such theme' orbiter theme check orbit-drak <<'EOT'
err: orbiter: no theme 'orbit-drak': did you mean 'orbit-dark'? `orbiter theme list` shows them
exit 2
EOT
check 'theme show, no such depth' orbiter theme show --depth 8 <<'EOT'
err: orbiter: --depth needs 24-bit, 256, 16 or mono, not '8'
exit 2
EOT
cp "$work/bad.theme" "$themes/broken.theme"
check 'theme list, jsonl, a theme with mistakes' bash -c 'orbiter theme list -o jsonl | grep broken' <<'EOT'
out: {"name": "broken", "variant": null, "contrast": null, "file": "WORK/home/.config/orbiter/themes/broken.theme", "error": "WORK/home/.config/orbiter/themes/broken.theme:4: no role 'state.faild': did you mean 'state.failed'? (and 1 more: `orbiter theme check` tells them)"}
exit 0
EOT
