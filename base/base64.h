// Bytes as text: base64 of RFC 4648, section 4, with padding. Pure functions: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir {

std::string encode_base64(std::string_view bytes);
/// The bytes that `text` stands for, or nothing when it is not what `encode_base64` writes.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace weir
