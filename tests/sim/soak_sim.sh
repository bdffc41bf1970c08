#!/usr/bin/env bash
# Runs simulated lives of a whole job from ever new seeds until one fails: soak_sim.sh [SECONDS].
# Without SECONDS it goes on for ever. WEIR_BUILD_DIR is the build, by default build/ of this tree.
# A failure names the command that replays its seed; that holds for the commit named at the start.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
binary=${WEIR_BUILD_DIR:-$here/../../build}/tests/bin/weir_sim_tests
[ -x "$binary" ] || { echo "soak_sim: $binary is missing; run ./dev build first" >&2; exit 2; }
seconds=${1:-0}
first=$(date +%s)000
runs=400
commit=$(git -C "$here" describe --always --dirty 2>/dev/null || echo "an unknown commit")
echo "soak_sim: seeds from $first on, of $commit"
while [ "$seconds" -eq 0 ] || [ "$SECONDS" -lt "$seconds" ]; do
  WEIR_SIM_FIRST=$first WEIR_SIM_RUNS=$runs "$binary" --gtest_brief=1 \
    --gtest_filter='Seeds/WholeJob.*' ||
    { echo "soak_sim: failed among the $runs seeds from $first, of $commit" >&2; exit 1; }
  first=$((first + runs))
  echo "soak_sim: seeds below $first hold after ${SECONDS} s"
done
