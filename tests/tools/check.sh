#!/usr/bin/env bash
# check.sh BUILD - all the tests there are; called by `make check`, which installs
# what is missing first. Ends with the line of run.sh that counts all of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
asan=$build-asan
make=${MAKE:-make}
exec </dev/null

# A build that breaks is a failed test; there is nothing to run then.
build_or_stop() {
    echo "building $1"
    shift
    "$make" --no-print-directory -s "$@" || { printf '0 passed, 1 failed\n'; exit 1; }
}
parallel=-j$(nproc)
case " ${MAKEFLAGS-} " in *' -j'*) parallel= ;; esac
build_or_stop "$build" ${parallel:+"$parallel"} B="$build" all test-programs
build_or_stop "$asan" ${parallel:+"$parallel"} B="$asan" CFLAGS='-O1 -g -fno-omit-frame-pointer' \
    SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' test-programs

tests=('bash tests/tools/layers.sh sources' "bash tests/tools/layers.sh programs $build" 'bash tests/tools/test_layers.sh'
    'bash tests/tools/lint.sh' 'bash tests/tools/test_run.sh' 'bash tests/tools/test_deps.sh' "bash tests/tools/docs.sh $build" "300:bash tests/tools/install.sh $build")
for folder in "$build" "$asan"; do
    tests+=("120:bash tests/examples/run.sh $folder" "300:bash tests/fuzz/replay.sh $folder")
done
[ ! -e tests/cli/run.sh ] || tests+=("300:B=$build bash tests/cli/run.sh" "600:B=$asan bash tests/cli/run.sh")
add() {
    local source name
    for source in tests/"$1"/test_*.c; do
        [ -e "$source" ] || continue
        name=${source##*/}
        tests+=("$2:$build/tests/$1/${name%.c}" "$((2 * $2)):$asan/tests/$1/${name%.c}")
    done
}
# The proofs under fire, in their short forms.
for source in tests/chaos/*.c; do
    name=${source##*/}
    [ "$name" = chaos.c ] || tests+=("180:$build/tests/chaos/${name%.c}")
done
add integration 180
add unit 20
exec bash tests/tools/run.sh "${tests[@]}"
