#!/bin/sh
# tests/fuzz/run.sh BUILD SECONDS [NAME...]: every fuzz target for that long; findings stay in BUILD/tests/fuzz/found-NAME.
# libhdf5 crashes on some damaged files. The cage is there for that: what happens inside it is counted, what happens in
# our own code fails. So are memory and time: the cage's limits end such an import.
set -eu
build=$1 seconds=$2
shift 2
here=$(dirname "$0")
[ $# -gt 0 ] || set -- $(cd "$here" && ls fuzz_*.c 2>/dev/null | sed 's/^fuzz_//; s/\.c$//')
export ASAN_OPTIONS="allocator_may_return_null=1:quarantine_size_mb=16:${ASAN_OPTIONS:-}"

# The innermost function that is not the sanitizers' own.
innermost() {
    sed -n 's/^ *#[0-9]* 0x[0-9a-f]* in \([A-Za-z_0-9]*\).*/\1/p' "$1" |
        grep -v -m1 -E '^(__|fuzzer|mem(cpy|move|set|cmp)$|str|malloc$|calloc$|realloc$|free$|abort$|raise$)' || true
}

# Each finding once more, by itself: 1 where one of them is ours.
judge() {
    ours=0 theirs=0
    for case in "$2"crash-* "$2"leak-*; do
        [ -s "$case" ] || continue
        if ! timeout 60 "$build/tests/fuzz/fuzz_$1" -timeout=20 -rss_limit_mb=2048 "$case" >"$build/tests/fuzz/case.log" 2>&1; then
            at=$(innermost "$build/tests/fuzz/case.log")
            case $at in
            H5*) theirs=$((theirs + 1)) ;;
            *) ours=1 && echo "FAILED in ${at:-?}: $case" && cat "$build/tests/fuzz/case.log" ;;
            esac
        fi
    done
    limits=$(find "$2" -name 'oom-*' -o -name 'timeout-*' | wc -l)
    [ "$limits" -eq 0 ] || echo "$limits beyond 2 GB or 20 s: clinic model show FILE must refuse them in 6 s"
    [ $theirs -eq 0 ] || echo "$theirs inside libhdf5: these end the cage's process, not the station"
    return $ours
}

failed=0
for name in "$@"; do
    corpus=$here/corpus/$name work=$build/tests/fuzz/corpus-$name found=$build/tests/fuzz/found-$name/
    mkdir -p "$work" "$found"
    echo "== fuzz $name, $seconds s"
    [ -d "$corpus" ] || corpus=
    go_on=
    [ "$name" != h5_file ] || go_on="-fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1"
    # shellcheck disable=SC2086
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$found" \
        -print_final_stats=1 -verbosity=0 $go_on "$work" $corpus >"$build/tests/fuzz/$name.log" 2>&1 || true
    grep -E '^stat::(number_of_executed|new_units)|^#.*cov:.*exec/s' "$build/tests/fuzz/$name.log" | tail -n 2 || true
    judge "$name" "$found" || failed=1
done
exit $failed
