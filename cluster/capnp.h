// Cap'n Proto messages as strings, for the .cc files of this folder: bounded in what a reader may
// be made to do, and without exceptions.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/result.h"

namespace weir::cluster {

/// The bytes of what `build` has put into a root of type Root.
template <class Root, class Build>
std::string write_capnp(Build&& build) {
  // Most messages fit, and need no memory but that of their bytes.
  capnp::word space[128]{};
  capnp::MallocMessageBuilder message(kj::arrayPtr(space, 128));
  build(message.initRoot<Root>());
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

/// The most that a message may be.
inline constexpr std::size_t kMostMessageBytes = std::size_t{64} << 20;

/// Calls `read`, which returns a Status or a Result, with the root of what `bytes` hold. Error:
/// corrupt, also when `read` comes upon something that a message cannot be. A reader of a flat
/// array allocates nothing on the word of a header (hazard H33).
template <class Root, class Read>
auto read_capnp(std::string_view bytes, Read&& read)
    -> decltype(read(std::declval<typename Root::Reader>())) {
  const auto corrupt = [](const std::string& why) {
    return Error{ErrorCode::corrupt, "A message that does not read back: " + why};
  };
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) {
    return corrupt(std::to_string(bytes.size()) + " bytes are no whole number of words");
  }
  if (bytes.size() > kMostMessageBytes) return corrupt("it is larger than 64 MiB");
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));  // aligned
  std::memcpy(words.begin(), bytes.data(), bytes.size());
  capnp::ReaderOptions limits;
  // A message of ours reads each word about once; more would be pointers to the same, or lists of
  // nothing.
  limits.traversalLimitInWords = 4 * words.size() + 64;
  limits.nestingLimit = 16;
  try {
    capnp::FlatArrayMessageReader message(words, limits);
    if (message.getEnd() != words.end()) return corrupt("there is more behind its end");
    return read(message.template getRoot<Root>());
  } catch (const kj::Exception& e) {
    return corrupt(e.getDescription().cStr());
  }
}

}  // namespace weir::cluster
