#!/usr/bin/env bash
# replay.sh BUILD [TARGET...] - runs the fuzz targets over the inputs that are kept
# in tests/fuzz/corpus: seeds, and what fuzzing has found.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1
shift
[ $# -gt 0 ] || set -- tests/fuzz/corpus/*/
failed=0
for name in "$@"; do
    name=$(basename "$name")
    if ! "$build/tests/fuzz/fuzz_$name" "tests/fuzz/corpus/$name"/*; then
        echo "not ok replay fuzz_$name"
        failed=1
    fi
done
exit "$failed"
