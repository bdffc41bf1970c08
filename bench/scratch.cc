// Helpers of benchmarks; see scratch.h.
#include "bench/scratch.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace weir::bench {

ScratchFolder::ScratchFolder(const std::string& name)
    : path_((std::filesystem::temp_directory_path() /
             ("weir-bench-" + name + "-" + std::to_string(getpid())))
                .string()) {
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string text_option(const std::vector<std::string>& arguments, const std::string& name,
                        const std::string& otherwise) {
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == name) return arguments[i + 1];
  }
  return otherwise;
}

std::uint64_t number_option(const std::vector<std::string>& arguments, const std::string& name,
                            std::uint64_t otherwise) {
  const std::string text = text_option(arguments, name, "");
  if (text.empty()) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    std::fprintf(stderr, "%s takes a whole number, not '%s'\n", name.c_str(), text.c_str());
    std::exit(2);
  }
  return number;
}

}  // namespace weir::bench
