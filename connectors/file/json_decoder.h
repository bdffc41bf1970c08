// JSON lines into the fields of a struct, in one pass over the structure that simdjson's first
// stage finds (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019). The first stage
// runs over many lines at once; the second is ours, since it must do more than simdjson's on-demand
// parser: whatever it skips is checked too, so that a line is refused exactly when it is not JSON.
//
// Invariant: reads nothing outside the given block, and decodes the same whatever the block.
// Used by one thread at a time.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/connectors/file/field.h"

namespace weir::file::detail {

/// Which values go to which fields: a tree of the keys that matter. Immutable, shared by decoders.
class JsonPlan {
 public:
  struct Key {
    std::string name;
    int field = -1;          ///< index of a field, or -1
    int node = -1;           ///< index of the node below, or -1
    std::uint64_t head = 0;  ///< of the name, see `head_of`
  };
  using Node = std::vector<Key>;

  /// A number made of the size of `name` and up to eight of its bytes: that of equal names is
  /// equal.
  static std::uint64_t head_of(std::string_view name) {
    const auto load = [&](auto part, std::size_t at) {
      std::memcpy(&part, name.data() + at, sizeof part);
      return std::uint64_t{part};
    };
    const std::size_t size = name.size();
    if (size >= 8) return load(std::uint64_t{}, 0) + size;
    if (size >= 4) return load(std::uint32_t{}, 0) << 32 | load(std::uint32_t{}, size - 4);
    return size == 0 ? 0
                     : load(std::uint8_t{}, 0) << 16 | load(std::uint8_t{}, size / 2) << 8 | size;
  }

  /// Fails when the options name a field that does not exist, or two fields want one key.
  static Result<std::shared_ptr<const JsonPlan>> make(std::vector<Field> fields,
                                                      const JsonOptions& options);

  std::vector<Field> fields;
  std::vector<std::string> paths;     ///< of each field, for people
  std::vector<std::string> defaults;  ///< of each field; its JSON text, or empty
  std::vector<Node> nodes;            ///< the first is the root
  std::uint64_t required = 0;         ///< bits of fields
  std::uint64_t defaulted = 0;
  std::uint64_t not_empty = 0;
  TimeFormat times = TimeFormat::millis;
  unsigned max_depth = 0;

 private:
  Status add_path(std::size_t field);
};

class JsonDecoder {
 public:
  explicit JsonDecoder(std::shared_ptr<const JsonPlan> plan);
  ~JsonDecoder();

  /// Announces lines that will be decoded in order; `block` stays in place meanwhile.
  void begin_block(std::string_view block);
  /// Reads `line`, a part of the block, into `row`; false with `error` set when it is not valid.
  bool decode(std::string_view line, void* row, std::string& error);

 private:
  struct Scanner;
  std::shared_ptr<const JsonPlan> plan_;
  std::unique_ptr<Scanner> scanner_;
};

}  // namespace weir::file::detail
