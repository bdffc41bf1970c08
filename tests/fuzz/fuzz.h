// What a fuzzer is made of. NAME_fuzz.cc defines these two functions; fuzz_main.cc does the rest.
// One thread.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/check.h"

namespace weir::fuzz {

/// Tries one input; ends the process (WEIR_CHECK) when what must hold does not. Keeps nothing from
/// one call to the next.
void run(std::string_view input);

/// Inputs to begin with, made by the real encoders.
std::vector<std::string> seeds();

/// Ends the process, and shows both, when two texts that must be the same are not.
inline void check_same(std::string_view a, std::string_view b, const char* message) {
  if (a == b) return;
  std::fprintf(stderr, "one:   %.*s\nother: %.*s\n", static_cast<int>(a.size()), a.data(),
               static_cast<int>(b.size()), b.data());
  WEIR_CHECK(a == b, message);
}

}  // namespace weir::fuzz
