#!/usr/bin/env bash
# Runs a fuzzer over its corpus and on for some seconds: run.sh NAME SOURCE_DIR SECONDS. What it
# finds is kept in build-fuzz/found, new inputs in build-fuzz/corpus. Exit status 77 when it is not
# built (see `./dev fuzz`).
set -euo pipefail
name=$1
source_dir=$2
seconds=$3
build=${WEIR_FUZZ_BUILD:-$source_dir/build-fuzz}
binary=$build/fuzz/${name}_fuzz
if [ ! -x "$binary" ]; then
  echo "run.sh: no $binary; run ./dev fuzz $name first" >&2
  exit 77
fi
corpus=$build/corpus/$name
seeds=$build/seeds/$name
mkdir -p "$corpus" "$seeds" "$build/found"
kept=$source_dir/tests/fuzz/corpus/$name
# Address randomisation with many bits breaks the shadow memory of older sanitizer runtimes.
fixed=()
if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
echo "== $name for $seconds s"
"${fixed[@]}" "$binary" --seeds "$seeds"
# First what is kept, each input once and all of it; then from there on.
inputs=("$seeds"/*)
[ -d "$kept" ] && inputs+=("$kept"/*)
"${fixed[@]}" "$binary" -timeout=20 "${inputs[@]}" 2>"$build/found/$name.log" ||
  { tail -n 60 "$build/found/$name.log" >&2; exit 1; }
exec "${fixed[@]}" "$binary" "-max_total_time=$seconds" -timeout=20 -rss_limit_mb=2048 \
  -print_final_stats=1 "-artifact_prefix=$build/found/$name-" "$corpus" "$seeds" \
  $([ -d "$kept" ] && echo "$kept")
