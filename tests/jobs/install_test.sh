#!/usr/bin/env bash
# A project outside the tree finds an installed Weir, builds a job library with add_weir_job and a
# plain main over the same job, and both count the same words. Needs WEIR_BUILD_DIR and
# WEIR_SOURCE_DIR.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix project=$scratch/project

fail() {
  echo "install_test: $*" >&2
  exit 1
}

cmake --install "$WEIR_BUILD_DIR" --prefix "$prefix" >"$scratch/install.log" ||
  fail "cmake --install failed: $(cat "$scratch/install.log")"

# Nothing of the source tree may be needed: no link into it, no path of it in the package files.
[ -z "$(find "$prefix" -type l -lname "$WEIR_SOURCE_DIR/*")" ] || fail "a link into the source tree"
if grep -rlF "$WEIR_SOURCE_DIR" "$prefix/share"; then fail "a path of the source tree"; fi

mkdir "$project"
cp "$WEIR_SOURCE_DIR/examples/word_count/word_count.cc" "$project/"
cat >"$project/main.cc" <<'CC'
#include "word_count.cc"

int main(int, char** argv) {
  return weir::run_main(word_count, {.config = {{"input", argv[1]}, {"output", argv[2]}}});
}
CC
cat >"$project/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
find_package(Weir REQUIRED)
add_weir_job(word_count word_count.cc)
add_executable(count main.cc)
target_link_libraries(count PRIVATE weir::weir)
CMAKE
cmake -S "$project" -B "$project/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  >"$scratch/configure.log" || fail "find_package(Weir) failed: $(cat "$scratch/configure.log")"
cmake --build "$project/build" >"$scratch/build.log" ||
  fail "the project does not build: $(cat "$scratch/build.log")"

printf 'to be or\nnot to be\n' >"$scratch/input.txt"
want='{"word":"be","count":2}
{"word":"not","count":1}
{"word":"or","count":1}
{"word":"to","count":2}'
check() {
  local got
  got=$(sort "$scratch/$1"/part-*.jsonl)
  [ "$got" = "$want" ] || fail "$1 counted: $got"
}

"$project/build/count" "$scratch/input.txt" "$scratch/by_main"
check by_main
weir=$prefix/bin/weir
if [ -x "$weir" ]; then
  "$weir" run "$project/build/word_count.so" --set input="$scratch/input.txt" \
    --set output="$scratch/by_weir"
  check by_weir
fi
echo "install_test: an outside project builds and runs"
