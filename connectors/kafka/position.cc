// Names and positions as text; see position.h.
#include "weir/connectors/kafka/position.h"

#include <charconv>

namespace weir::kafka::detail {
namespace {

bool to_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= 0;
}

}  // namespace

std::string Position::encode() const {
  std::string text = std::to_string(next);
  if (end) text += ".." + std::to_string(*end);
  return text;
}

Result<Position> Position::decode(std::string_view text) {
  Position position;
  const std::size_t dots = text.find("..");
  bool good = to_number(text.substr(0, dots), position.next);
  if (dots != std::string_view::npos) {
    good = good && to_number(text.substr(dots + 2), position.end.emplace());
  }
  if (good) return position;
  return Error{ErrorCode::corrupt, "the position '" + std::string(text) + "' is not one of Kafka",
               false};
}

Result<Partition> parse_split(std::string_view id) {
  const std::size_t slash = id.rfind('/');
  std::int64_t number = 0;
  if (slash != std::string_view::npos && slash > 0 && to_number(id.substr(slash + 1), number) &&
      number <= INT32_MAX) {
    return Partition{std::string(id.substr(0, slash)), static_cast<std::int32_t>(number)};
  }
  return Error{ErrorCode::corrupt, "the split '" + std::string(id) + "' is not one of Kafka",
               false};
}

}  // namespace weir::kafka::detail
