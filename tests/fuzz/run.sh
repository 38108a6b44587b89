#!/bin/sh
# tests/fuzz/run.sh BUILD SECONDS [NAME...]: every fuzz target for that long; findings stay in BUILD/tests/fuzz/found-NAME.
set -eu
build=$1 seconds=$2
shift 2
here=$(dirname "$0")
[ $# -gt 0 ] || set -- $(cd "$here" && ls fuzz_*.c 2>/dev/null | sed 's/^fuzz_//; s/\.c$//')
for name in "$@"; do
    corpus=$here/corpus/$name work=$build/tests/fuzz/corpus-$name found=$build/tests/fuzz/found-$name/
    mkdir -p "$work" "$found"
    echo "== fuzz $name, $seconds s"
    [ -d "$corpus" ] || corpus=
    # shellcheck disable=SC2086
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$found" \
        -print_final_stats=1 -verbosity=0 "$work" $corpus
done
