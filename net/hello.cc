// Greetings; see hello.h.
#include "weir/net/hello.h"

#include <algorithm>

#include "weir/base/bytes.h"

namespace weir::net {
namespace {

constexpr std::uint32_t kMagic = 0x72696557;  // "Weir"

Error refused(const std::string& what) { return {ErrorCode::incompatible, what, false}; }

}  // namespace

void write_hello(std::string& bytes, const Hello& hello) {
  ByteWriter w(bytes);
  w.little_endian32(kMagic);
  w.varint(kProtocolVersion);
  w.string(hello.build);
  w.string(hello.job);
  w.varint(hello.attempt);
  w.varint(hello.process);
  w.string(hello.token);
}

Result<Hello> read_hello(std::string_view bytes) {
  ByteReader r(bytes);
  if (r.little_endian32() != kMagic) return Error{ErrorCode::corrupt, "no greeting of Weir"};
  const std::uint64_t version = r.varint();
  if (!r.failed() && version != kProtocolVersion) {
    return refused("it speaks version " + std::to_string(version) + " of the protocol, and this " +
                   "process version " + std::to_string(kProtocolVersion));
  }
  Hello hello;
  hello.build = std::string(r.string());
  hello.job = std::string(r.string());
  hello.attempt = r.varint();
  const std::uint64_t process = r.varint();
  hello.token = std::string(r.string());
  if (r.failed() || !r.at_end() || process > UINT32_MAX) {
    return Error{ErrorCode::corrupt, "a greeting that does not read back"};
  }
  hello.process = static_cast<std::uint32_t>(process);
  return hello;
}

bool same_secret(std::string_view a, std::string_view b) {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    differs |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return differs == 0;
}

Status check_hello(const Hello& mine, const Hello& theirs) {
  if (!same_secret(mine.token, theirs.token))
    return refused("its token is not that of the cluster");
  if (mine.job != theirs.job) return refused("it belongs to job '" + theirs.job + "'");
  if (mine.build != theirs.build) {
    return refused("it runs build " + theirs.build + " of the job, and this process " + mine.build);
  }
  if (mine.attempt != theirs.attempt) {
    return refused("it belongs to attempt " + std::to_string(theirs.attempt) +
                   " of the job, and this process to " + std::to_string(mine.attempt));
  }
  return {};
}

}  // namespace weir::net
