#!/usr/bin/env bash
# run.sh BUILD SEED [PROOF]... - the proofs under fire in their full forms, one after the
# other; all of them, or those that are named. Prints what they print, then their figures together.
set -u
build=${1:?run.sh BUILD SEED [PROOF]...} seed=${2:?run.sh BUILD SEED [PROOF]...}
shift 2
proofs=("$@")
[ $# -gt 0 ] || proofs=(kill cancel readers crash rolling million mixed model faults sentinel top_faults)
export SEED=$seed CHAOS_FULL=${CHAOS_FULL-1} CHAOS_ROUNDS=${CHAOS_ROUNDS-20}
work=$(mktemp -d /tmp/orbiter-chaos.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
failed=()
for proof in "${proofs[@]}"; do
    program=$build/tests/chaos/$proof
    [ -x "$program" ] || program=$build/tests/integration/test_$proof
    [ -x "$program" ] || { echo "no such proof: $proof" >&2; failed+=("$proof"); continue; }
    "$program" 2>&1 </dev/null | tee -a "$work/figures"
    [ "${PIPESTATUS[0]}" = 0 ] || failed+=("$proof")
done
echo
grep -a '^figure ' "$work/figures"
[ ${#failed[@]} -gt 0 ] || { echo "chaos: SEED=$seed: all proofs hold"; exit 0; }
echo "chaos: SEED=$seed: FAILED: ${failed[*]}; again with: make chaos SEED=$seed PROOFS=\"${failed[*]}\""
exit 1
