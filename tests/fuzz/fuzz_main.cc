// The entry points that libFuzzer calls, the same for all fuzzers. `NAME_fuzz --seeds FOLDER`
// writes the seeds there, under names made of their contents, and exits.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/fuzz/fuzz.h"
#include "weir/base/hash.h"
#include "weir/base/log.h"

namespace {

void write_seeds(const std::string& folder) {
  for (const std::string& seed : weir::fuzz::seeds()) {
    std::ofstream file(folder + "/" + weir::content_hash(seed).hex(), std::ios::binary);
    file << seed;
    if (!file.flush()) {
      std::cerr << "cannot write seeds to " << folder << "\n";
      std::exit(1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  weir::set_log_level(weir::LogLevel::off);
  if (*argc == 3 && std::string_view((*argv)[1]) == "--seeds") {
    write_seeds((*argv)[2]);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
