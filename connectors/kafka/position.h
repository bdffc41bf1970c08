// Names and positions of Kafka's splits.
//
//   split    := TOPIC/PARTITION
//   position := OFFSET | OFFSET..END       the next offset to read; END of a bounded source
//
// Pure functions: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/connectors/kafka/client.h"

namespace weir::kafka::detail {

struct Position {
  std::int64_t next = 0;
  std::optional<std::int64_t> end;

  std::string encode() const;
  static Result<Position> decode(std::string_view text);
};

Result<Partition> parse_split(std::string_view id);

}  // namespace weir::kafka::detail
