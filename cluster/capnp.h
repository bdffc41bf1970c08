// Cap'n Proto messages as strings, for the .cc files of this folder: bounded in what a reader may
// be made to do, and without exceptions.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir::cluster {

/// The bytes of what `build` has put into a root of type Root.
template <class Root, class Build>
std::string write_capnp(Build&& build) {
  capnp::MallocMessageBuilder message;
  build(message.initRoot<Root>());
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

/// Calls `read`, which returns a Status or a Result, with the root of what `bytes` hold. Error:
/// corrupt, also when `read` comes upon something that a message cannot be.
template <class Root, class Read>
auto read_capnp(std::string_view bytes, Read&& read)
    -> decltype(read(std::declval<typename Root::Reader>())) {
  // A message is read about once; lists that take no bytes cannot claim millions of entries.
  const std::uint64_t most_words = 4 * bytes.size() / sizeof(capnp::word) + 1024;
  constexpr int kDeepest = 16;
  const auto corrupt = [](const std::string& why) {
    return Error{ErrorCode::corrupt, "a message that cannot be read: " + why};
  };
  if (bytes.size() % sizeof(capnp::word) != 0) return corrupt("it has no whole number of words");
  // Aligned as the library wants it.
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  try {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = most_words;
    options.nestingLimit = kDeepest;
    capnp::FlatArrayMessageReader message(kj::arrayPtr(words.data(), words.size()), options);
    return read(message.getRoot<Root>());
  } catch (const kj::Exception& e) {
    return corrupt(e.getDescription().cStr());
  }
}

/// The code of that name (to_string of base/result.h); `io` for one that is not known here.
inline ErrorCode parse_error_code(std::string_view name) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(ErrorCode::fenced); ++i) {
    if (name == to_string(static_cast<ErrorCode>(i))) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::io;
}

}  // namespace weir::cluster
