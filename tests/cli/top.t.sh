# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # sourced by run.sh; inner shells expand
# The console as an operator uses it: ten runs in a terminal.

export EDITOR="$work/editor"
# shellcheck source=tests/cli/console.sh
. tests/cli/console.sh

submit() { orbiter submit -q --redis-url "$url" "$@"; }
slow() {
    printf '{"name": "%s", "model": "sim:tokens=2000,rate=10"}' "$1" >"$work/$1.json"
    submit --agent "$work/$1.json" --id "$2" x
}

start_worker top-worker --concurrency 8

# ---- 1: on a real Redis, with a real worker ----
submit -m sim: --id first --wait hello >/dev/null
console 80x24
shows 'the overview has the worker' 'workers 1/1'
shows 'and the task that has ended' 'done 1'
press 3
shows 'the worker' '^❯ top-worker .* (idle|busy) '
press 4
shows 'the task' '^❯ first +✓ completed +assistant +orbiter:tasks +top-…rker +1 '
shows 'what it was asked' '^in  hello$'
shows 'and has answered' '^out hello'

# ---- 2: a task and its stream ----
submit -m sim:tokens=90,rate=30 --id speaker "Speak" >/dev/null
shows 'a new task comes by itself' '▸ running'
press g Enter
shows 'its stream is followed' '^FOLLOW .* gaps 0 '
shows 'word by word' 'w1 w2 w3'
shows 'to the end' 'w89 w90'
shows 'which is told' '^ENDED .* gaps 0 '
press Tab
shows 'the input' '^Speak$'
press Tab
shows 'the result' '^w1 w2 w3 .*'
press Escape
shows 'back to the list' '^❯ speaker +✓ completed'

# ---- 3: a filter ----
slow busy-one task-a >/dev/null
slow busy-two task-b >/dev/null
shows 'they run' 'task-b +▸ running'
press / s t a t e : r u n
press Tab
shows 'a filter is completed, and counts' '^filter: state:running +2 of 4$'
press Enter
shows 'and holds' '2 of 4  filter: state:running'
hides 'what does not match is away' completed
press /
press C-u s t a t e : f a i l e d Enter
shows 'nothing matches' 'no task matches the filter'
press Escape
shows 'Esc clears it' '^4 tasks'

# ---- 4: marks, and a cancel with no and yes ----
press / t a s k - Enter
press A C
shows 'it asks, with the number' '^Cancel 2 running tasks\?  busy-(one|two) 1, busy-(one|two) 1 .*\[N\]o'
press n
shows 'no is no' '^not done'
is_running() { is_state task-a running && is_state task-b running; }
holds 'and nothing was cancelled' is_running
press C y
shows 'a bulk can be taken back' 'u undo for [1-5] s'
press u
shows 'and is' '^taken back: Cancel 2 tasks'
press U g C
shows 'one, without marks' '^Cancel task task-[ab] \(busy-(one|two), running\)\?'
one=$(screen | sed -n 's/^Cancel task \(task-[ab]\).*/\1/p')
press y
shows 'yes is yes' "^cancelled task $one"
holds 'and it is so in Redis' until_ok 20 is_state "$one" cancelled
shows 'and on the screen' "$one +− cancelled"
press C
shows 'what has ended cannot be cancelled' 'it has ended already'

# ---- 5: again, and with another prompt ----
press Escape
press / f i r s t Enter
press R
shows 'it asks before it resubmits' '^Resubmit task first \(assistant, completed\)\?'
press y
shows 'and says the new id' '^resubmitted task first as [0-9a-f]{32}'
again=$(screen | grep -oE '[0-9a-f]{32}')
printf '#!/bin/sh\nprintf "another question" >"$1"\n' >"$EDITOR"
chmod +x "$EDITOR"
press E
shows 'after the editor it asks' '^Resubmit, edited, task first'
press y
is_new() { edited=$(screen | sed -nE 's/^resubmitted task first as ([0-9a-f]{32}).*/\1/p') && [ -n "$edited" ] && [ "$edited" != "$again" ]; }
holds 'and does it' until_ok 20 is_new
holds 'with what the editor left' until_ok 20 is_state "$edited" completed
holds 'which is what was asked' test "$(orbiter task result -q --redis-url "$url" "$edited")" = 'another question'
printf '#!/bin/sh\nexit 3\n' >"$EDITOR"
press E
shows 'an editor that fails sends nothing' '^the editor '

# ---- 6: a queue is paused and goes on ----
press 2
shows 'the queue' '^❯ orbiter:tasks +▸ running'
press P
shows 'it asks' '^Pause queue orbiter:tasks \(running\)\?'
press y
shows 'it is paused' '^❯ orbiter:tasks +‖ paused'
holds 'in Redis, too' grep -q '"paused": true' <(orbiter queue list -q -o jsonl --redis-url "$url")
press P y
shows 'and goes on' '^❯ orbiter:tasks +▸ running'
press 5
shows 'who did it is told' 'act.resume'

# ---- 7: other sizes ----
press 4 Escape
tmux resize-window -t console -x 160 -y 48
painted $((inputs + 1))
shows 'wide: the stream is at the right' '^.{80}│── '
shows 'and events below' '^── events ─'
tmux resize-window -t console -x 40 -y 12
painted $((inputs + 1))
shows 'small' '^  ID +STATE'
holds 'every line fits' test "$(screen | wc -L)" -le 40
tmux resize-window -t console -x 80 -y 24
painted $((inputs + 1))
shows 'as before' '^. +ID +STATE +AGENT'

# ---- 8: help and the palette ----
press '?'
shows 'help' 'one line down'
press / c a n c e l Enter
shows 'can be searched' 'cancel the task, or those that are marked'
press Escape :
press w o r k Tab Enter
shows 'the palette knows names' '^❯ top-worker'
press : t h e m e Space m o n o Enter
press : n o n s e n s e Enter
shows 'and what is none' "'nonsense' is no command"

# ---- 9: copying ----
press 4
press / f i r s t Enter
press y
shows 'what can be copied' 'the id  first'
press Enter
shows 'is copied' '^copied 5 bytes'
holds 'into the buffer of tmux' until_ok 20 bash -c "[ \"\$(tmux -S '$work/tmux' show-buffer)\" = first ]"
press : w r i t e Space '~' / o u t . c s v Enter
shows 'a file below the home' '^written: .*/home/out.csv$'
holds 'is there' grep -q '^first,' "$HOME/out.csv"
leave 'Q ends it'

# ---- a theme that is edited while it is shown ----
printf '[style]\ntext = red\n' >"$work/edited.theme"
console 200x24 --theme "$work/edited.theme"
press 4
printf '[style]\ntext = rde\n' >"$work/edited.theme"
shows 'a mistake in it is told' "edited.theme:2: 'rde' is no colour"
printf '[style]\ntext = green\n' >"$work/edited.theme"
shows 'and that it is mended' '^read again: .*edited.theme'
leave 'Q ends it, too'

# ---- 10: a shell's job ----
tmux new-session -d -s console -x 80 -y 24 "env PS1='$ ' bash --norc --noprofile -i"
inputs=0
tmux send-keys -t console "printf 'before\n'; stty -a >'$work/before'" Enter
shows 'a shell' '^before'
tmux send-keys -t console "orbiter top -q --redis-url '$url' --test-fd 5 5>'$work/idle'" Enter
sees LIVE
press 4
shows 'the console' 'ID +STATE'
tmux send-keys -t console C-z
shows 'Ctrl-Z leads to the shell, whose screen is back' '^before'
shows 'which knows it' 'Stopped'
tmux send-keys -t console "stty -a >'$work/stopped'; echo told" Enter
shows 'the shell works' '^told'
holds 'the terminal is as it was' cmp "$work/before" "$work/stopped"
tmux send-keys -t console fg Enter
shows 'fg brings it back' 'ID +STATE'
press 3
shows 'where it goes on' '^❯ top-worker'
tmux send-keys -t console Q
shows 'it leaves' '^\$$'
tmux send-keys -t console 'echo left $?' Enter
shows 'with 0' '^left 0'
hides 'nothing of it is left' 'top-worker'
tmux send-keys -t console "stty -a >'$work/after'; echo done" Enter
shows 'the shell has its terminal' '^done'
holds 'as it was' cmp "$work/before" "$work/after"
end_console
orbiter task cancel -q --redis-url "$url" task-a task-b >/dev/null 2>&1 # so that the worker has nothing to end
