// Small helpers of benchmarks: a folder that goes away, and options of their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

/// A fresh folder under $TMPDIR (or /tmp), removed with all in it by the destructor.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name);
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The value behind `name` in `arguments`, or `otherwise`. A number that is none ends the process
/// with status 2.
std::uint64_t number_option(const std::vector<std::string>& arguments, const std::string& name,
                            std::uint64_t otherwise);
std::string text_option(const std::vector<std::string>& arguments, const std::string& name,
                        const std::string& otherwise);

}  // namespace weir::bench
