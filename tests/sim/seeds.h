// What simulations that run from many seeds share: which ones to run, by the environment, and how
// one is run again.
//
//   WEIR_SIM_SEED=n    replays one seed; with WEIR_SIM_TELL=1 it tells its story
//   WEIR_SIM_RUNS=n    runs that many seeds instead of the usual number
//   WEIR_SIM_FIRST=n   begins at that seed
//
// A seed means something only together with the commit that drew from it.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace weir::sim {

constexpr std::uint64_t kBlocks = 4;  // tests, so that several cores have something to do

inline std::optional<std::uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

/// Calls `run` with the seeds of one block; of `usual` many, but for the environment, and until
/// `failed` says so. A seed to replay is of block 0, and what `run` returns of it is printed.
template <class Run, class Failed>
void run_block(std::uint64_t block, std::uint64_t usual, Run&& run, Failed&& failed) {
  if (const auto seed = number_of("WEIR_SIM_SEED")) {
    if (block == 0) std::cout << run(*seed) << "\n";
    return;
  }
  const std::uint64_t first = number_of("WEIR_SIM_FIRST").value_or(1);
  const std::uint64_t runs = number_of("WEIR_SIM_RUNS").value_or(usual);
  for (std::uint64_t i = block; i < runs && !failed(); i += kBlocks) run(first + i);
}

/// The command that runs one seed of this program's tests `suite` again.
inline std::string replay_command(const std::string& suite, std::uint64_t seed) {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string program = size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "?";
  return "WEIR_SIM_SEED=" + std::to_string(seed) + " " + program + " --gtest_filter='Seeds/" +
         suite + ".*/0'";
}

}  // namespace weir::sim
