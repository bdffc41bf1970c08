#!/usr/bin/env bash
# Runs a unit-test binary of a sanitizer build, or all of them:
#   run_sanitized.sh SANITIZERS SOURCE_DIR [NAME]
# Exit status 77 when that build does not exist (see `./dev test`).
set -euo pipefail
sanitizers=$1
source_dir=$2
case $sanitizers in
  address,undefined) build=$source_dir/build-asan ;;
  thread) build=$source_dir/build-tsan ;;
  *) echo "run_sanitized: unknown sanitizers '$sanitizers'" >&2; exit 2 ;;
esac
shopt -s nullglob
binaries=("$build"/tests/bin/${3:-weir_*_tests}*)
if [ ${#binaries[@]} -eq 0 ]; then
  echo "run_sanitized: no tests in $build; run ./dev test --sanitize=$sanitizers first" >&2
  exit 77
fi
export ASAN_OPTIONS=detect_stack_use_after_return=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export TSAN_OPTIONS=suppressions=$source_dir/tests/tsan.supp:${TSAN_OPTIONS:-}
# Address randomisation with many bits breaks the shadow memory of older sanitizer runtimes.
fixed=()
if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
failed=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for binary in "${binaries[@]}"; do
  echo "== $(basename "$binary") under $sanitizers"
  "${fixed[@]}" "$binary" --gtest_brief=1 2>&1 | tee -a "$log" || failed+=("$(basename "$binary")")
done
if [ ${#failed[@]} -gt 0 ]; then
  # Last, where a long report has not pushed it away: what was found, and by which frames of ours.
  echo "== found:" >&2
  marks='^SUMMARY|^\[  FAILED|WARNING: ThreadSan|ERROR: |runtime error'
  grep -E "$marks" "$log" | sort | uniq -c >&2 || true
  grep -E '^ +#[0-9]+ weir::' "$log" | head -40 | cut -c1-160 >&2 || true
  echo "run_sanitized: failed under $sanitizers: ${failed[*]}" >&2
  exit 1
fi
