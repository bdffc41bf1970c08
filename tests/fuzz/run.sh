#!/usr/bin/env bash
# Runs one fuzzer: run.sh NAME SOURCE_DIR fixed [RUNS], or run.sh NAME SOURCE_DIR SECONDS.
#
#   fixed     first every input that is kept, then on from them for RUNS runs (4000) from a fixed
#             seed: the same inputs every time, so that only a change of the code can fail
#   SECONDS   first every input that is kept, then on from there at random. New inputs stay in
#             build-fuzz/corpus
#
# What breaks a fuzzer is kept in build-fuzz/found. Exit status 77 when it is not built.
set -euo pipefail
name=$1
source_dir=$2
how=$3
runs=${4:-4000}
build=${WEIR_FUZZ_BUILD:-$source_dir/build-fuzz}
binary=$build/fuzz/${name}_fuzz
if [ ! -x "$binary" ]; then
  echo "run.sh: no $binary; run ./dev fuzz $name first" >&2
  exit 77
fi
corpus=$build/corpus/$name
seeds=$build/seeds/$name
found=$build/found
kept=$source_dir/tests/fuzz/corpus/$name
mkdir -p "$corpus" "$seeds" "$found"
[ -d "$kept" ] || { echo "run.sh: no $kept; make one by tests/fuzz/minimise.py" >&2; exit 1; }
# Address randomisation with many bits breaks the shadow memory of older sanitizer runtimes, and
# would make two runs from one seed differ.
fixed=()
if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-} LC_ALL=C
limits=(-timeout=60 -rss_limit_mb=2048 "-artifact_prefix=$found/$name-")

# Its output is kept, and shown when it fails: fuzz_with ARGUMENT...
fuzz_with() {
  "${fixed[@]}" "$binary" "${limits[@]}" "$@" >"$found/$name.log" 2>&1 ||
    { tail -n 60 "$found/$name.log" >&2; exit 1; }
}

"${fixed[@]}" "$binary" --seeds "$seeds"
inputs=("$seeds"/* "$kept"/*)
fuzz_with "${inputs[@]}"
if [ "$how" = fixed ]; then
  # Named one by one: the order in which a folder lists its files differs from disk to disk.
  printf '%s\n' "${inputs[@]}" | paste -sd, >"$found/$name.inputs"
  fuzz_with -seed=1 "-runs=$((${#inputs[@]} + runs))" "-seed_inputs=@$found/$name.inputs"
  echo "$name: ${#inputs[@]} inputs and $runs runs from there hold"
else
  echo "== $name for $how s"
  exec "${fixed[@]}" "$binary" "${limits[@]}" "-max_total_time=$how" -print_final_stats=1 \
    "$corpus" "$seeds" "$kept"
fi
