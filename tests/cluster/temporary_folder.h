// A folder for one test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "weir/base/check.h"

namespace weir::cluster {

/// An empty folder that goes away with this.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "weir_XXXXXX").string()) {
    WEIR_CHECK(::mkdtemp(path_.data()) != nullptr, "the temporary folder can be written");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weir::cluster
