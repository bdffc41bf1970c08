// See attempt.h.
#include "weir/checkpoint/attempt.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

bool is_tag(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

/// Of one part of a name.
std::optional<CheckpointId> number_of(std::string_view part) {
  if (!part.starts_with('a')) return std::nullopt;
  const std::size_t end = part.find('_');
  if (end == std::string_view::npos || !is_tag(part.substr(end + 1))) return std::nullopt;
  return store_layout::parse_id(part.substr(1, end - 1));
}

}  // namespace

std::string attempt_name(CheckpointId number, std::string_view tag) {
  WEIR_CHECK(is_tag(tag), "the tag of an attempt is letters and digits");
  return "a" + std::to_string(number) + "_" + std::string(tag);
}

std::optional<CheckpointId> attempt_number(std::string_view file_name) {
  for (;;) {
    const std::size_t separator = file_name.find_last_of("-.");
    const bool last = separator == std::string_view::npos;
    if (const auto number = number_of(last ? file_name : file_name.substr(separator + 1))) {
      return number;
    }
    if (last) return std::nullopt;
    file_name = file_name.substr(0, separator);
  }
}

}  // namespace weir
