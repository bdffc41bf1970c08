// What both ends of a connection say before anything else, so that a stranger, another version, an
// old attempt or a wrong job is refused with a reason. The body of a frame:
//
//   hello := uint32 magic, varint version, string build, string job, varint attempt,
//            varint process, string token
//
// Pure functions: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir::net {

constexpr std::uint32_t kProtocolVersion = 1;
constexpr std::size_t kMaxHello = 4096;  ///< bytes; what a stranger may make us read

struct Hello {
  std::string build;          ///< content hash of the job's library
  std::string job;            ///< name of the run
  std::uint64_t attempt = 0;  ///< both ends are of the same one
  std::uint32_t process = 0;  ///< the number of who speaks among the processes of the attempt
  std::string token;          ///< the secret of the cluster; empty on loopback without one
};

void write_hello(std::string& bytes, const Hello& hello);
/// Errors: corrupt for bytes that are no hello; refused (incompatible) for another version.
Result<Hello> read_hello(std::string_view bytes);

/// Whether two secrets are the same; takes as long whatever the difference is and wherever.
bool same_secret(std::string_view a, std::string_view b);

/// Whether who says `theirs` may speak to who says `mine`. The tokens are compared in constant
/// time, and never appear in the error.
Status check_hello(const Hello& mine, const Hello& theirs);

}  // namespace weir::net
