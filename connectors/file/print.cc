// Standard output. Called on task threads; stdio's own lock keeps the lines of two apart.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "weir/connectors/file/sinks.h"

namespace weir::file::detail {

Status write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return {};
  }
  return Error{ErrorCode::io,
               std::string("cannot write to standard output: ") + std::strerror(errno) +
                   "; check where it is sent",
               false};
}

}  // namespace weir::file::detail
