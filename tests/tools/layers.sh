#!/usr/bin/env bash
# Proves the layer law of docs/ARCHITECTURE.md from the #include lines and from
# what was built.
#   layers.sh sources [ROOT]   the #include lines below ROOT (default: here)
#   layers.sh programs BUILD   what the programs and the library are linked with
# Prints one line per violation and fails when there is one.
set -euo pipefail

# The order, lowest first: a folder of lib/ includes itself and those before it.
LAYERS='base loop task store broker event model tool memory agent exec worker temporal client'

sources() {
    cd "$1"
    local files
    files=$(find . -path './lib/*.[ch]' -o -path './cli/*.[ch]' -o -path './worker/*.[ch]' -o -path './tui/*.[ch]' \
        -o -path './tests/examples/*.[ch]' | sed 's,^\./,,' | LC_ALL=C sort)
    [ -n "$files" ] || { echo 'layers.sh: no sources found' >&2; return 1; }
    # shellcheck disable=SC2086  # no blanks in our file names
    awk -v layers="$LAYERS" '
        function bad(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, name, why; violations++ }
        # Libraries that only some folders may see.
        function library_rule() {
            # An example may show the library on a base of its own.
            if (name ~ /^event2\//) return "^(lib/loop|tests/examples)/"
            if (name ~ /^(curl|hiredis)\// || name == "event.h") return "^lib/loop/"
            if (name == "yaml.h") return "^lib/agent/"
            if (name ~ /^openssl\//) return "^lib/(base|loop)/"
            if (name ~ /^(ncursesw?\/|n?curses|panel\.h|term\.h)/ && !quoted) return "^tui/term[^/]*\\.c$"
            if (name ~ /^(utf8proc|ini)\.h$/) return "^tui/"
            if (name ~ /^(editline|readline)\// || name == "histedit.h") return "^cli/repl[^/]*$"
            return ""
        }
        function lib_rule(mine, theirs) {
            if (!(mine in rank)) bad("lib/" mine " is not in the list of layers")
            else if (theirs in rank && rank[theirs] > rank[mine])
                bad("lib/" mine " may not include from the later layer lib/" theirs)
            else if (!(theirs in rank)) bad("not a header of lib")
        }
        BEGIN { n = split(layers, list, " "); for (i = 1; i <= n; i++) rank[list[i]] = i }
        /^[ \t]*#[ \t]*include/ {
            quoted = $0 ~ /include[ \t]*"/
            if (!match($0, /["<][^">]+[">]/)) { name = $0; bad("an include that cannot be read"); next }
            name = substr($0, RSTART + 1, RLENGTH - 2)
            folder = name ~ /\// ? substr(name, 1, index(name, "/") - 1) : ""
            split(FILENAME, path, "/")
            if ((rule = library_rule()) != "" && FILENAME !~ rule) bad("this library is not for here (" rule ")")
            if (name ~ /\.\.\//) bad("a path that leaves its folder")
            if (FILENAME ~ /^tests\/examples\//) {
                if (quoted) bad("examples include <orbiter/*.h> and system headers only")
            } else if (FILENAME ~ /^lib\/include\//) {
                if (quoted || folder in rank) bad("public headers include <orbiter/*.h> and system headers only")
            } else if (path[1] == "lib") {
                if (quoted || folder in rank) lib_rule(path[2], folder == "" ? path[2] : folder)
            } else if (quoted && folder != "" && folder != path[1] && !(path[1] == "cli" && name == "tui/tui.h"))
                bad(path[1] "/ includes <orbiter/*.h> and its own folder only")
            else if (!quoted && folder in rank) bad("a private header of the library")
        }
        END { exit (violations > 0) }' $files
}

programs() {
    local build=$1 status=0 file linked symbol declared exported
    for file in orbiter-worker liborbiter.so; do
        linked=$(ldd "$build/$file")
        if grep -E 'lib(ncurses|tinfo|edit|readline|utf8proc|inih)' <<<"$linked"; then
            echo "$build/$file: links a library of the console"
            status=1
        fi
    done
    declared=$(cat lib/include/orbiter/*.h | tr '\n' ' ' | grep -oE 'ORB_API [^;{]*' | grep -oE 'orb_[a-z0-9_]+ ?(\(|\[|$)' | tr -d ' ([' | LC_ALL=C sort -u)
    exported=$(nm -D --defined-only "$build/liborbiter.so" | awk '{ print $NF }' | LC_ALL=C sort -u)
    if [ -z "$declared" ] || [ -z "$exported" ]; then
        echo "$build/liborbiter.so: nothing is declared or nothing is exported"
        return 1
    fi
    for symbol in $(LC_ALL=C comm -13 <(printf '%s\n' "$declared") <(printf '%s\n' "$exported")); do
        echo "$build/liborbiter.so: exports $symbol, which no public header declares"
        status=1
    done
    for symbol in $(LC_ALL=C comm -23 <(printf '%s\n' "$declared") <(printf '%s\n' "$exported")); do
        echo "$build/liborbiter.so: does not export $symbol, which a public header declares"
        status=1
    done
    return $status
}

case ${1-} in
sources) sources "${2-.}" ;;
programs) programs "${2:?layers.sh programs BUILD}" ;;
*) echo 'layers.sh: say sources or programs' >&2; exit 2 ;;
esac
