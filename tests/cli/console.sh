# shellcheck shell=bash disable=SC2154,SC2016,SC2034 # sourced by tests that run.sh sources; inner shells expand
# The console as a whole program, in a terminal of tmux: keys in, the screen out. It says when it has painted what was typed and what has come
# (--test-fd), so that nothing here waits for luck.

tmux() { command tmux -S "$work/tmux" -f /dev/null "$@"; }
mkfifo "$work/idle"
exec 7<>"$work/idle"

# idle SECONDS: what it says next within that time: how many inputs and messages are on the screen.
inputs=0 messages=0
idle() {
    local line
    read -r -t "$1" -u 7 line && read -r _ inputs messages <<<"$line"
}
# painted N: the screen has the first N inputs.
painted() {
    local deadline=$((SECONDS + 20))
    until [ "$inputs" -ge "$1" ]; do
        [ "$SECONDS" -lt "$deadline" ] || { not_ok "the screen after input $1"; return 1; }
        idle 1 || :
    done
}
# press KEY...: one after the other, as tmux calls them, each when the one before is painted
press() {
    local key
    for key; do
        tmux send-keys -t console "$key"
        painted $((inputs + 1)) || { printf '    key: %s of %s\n' "$key" "$*"; screen | sed 's/^/    |/'; }
    done
}
screen() { tmux capture-pane -p -t console; }
# sees PATTERN: the screen has it by now, or has it soon
sees() {
    local deadline=$((SECONDS + 20))
    until screen | grep -qE -- "$1"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        idle 0.1 || :
    done
}
shows() {
    if sees "$2"; then
        ok "$1"
    else
        not_ok "$1"
        printf '    no %s on the screen:\n' "$2"
        screen | sed 's/^/    |/'
        printf '    rerun: B=%s bash tests/cli/run.sh %s\n' "${B:-build}" "$current"
    fi
}
hides() { holds "$1" bash -c '! grep -qE -- "$1" <<<"$2"' - "$2" "$(screen)"; }

# console SIZE [OPTION...]: starts it; 80x24 is a SIZE
console() {
    local size=$1
    shift
    while idle 0.01; do :; done
    inputs=0
    tmux new-session -d -s console -x "${size%x*}" -y "${size#*x}" "exec orbiter top -q --redis-url '$url' --test-fd 5 $* 5>'$work/idle'"
    sees LIVE || { not_ok "the console starts"; screen; }
}
is_over() { ! tmux has-session -t console; }
# leave: ends it
leave() {
    tmux send-keys -t console Q
    holds "$1" until_ok 20 is_over
    while idle 0.01; do :; done
}

tmux start-server \; set-option -g default-terminal screen-256color \; set-option -g set-clipboard on \; new-session -d -s keeper
# end_console: nothing is left of it
end_console() {
    tmux kill-server
    exec 7>&-
    rm -f "$work/idle"
}
