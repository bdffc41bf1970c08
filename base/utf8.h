// Well-formed UTF-8, as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing above
// U+10FFFF. Pure functions: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// The length in bytes (1 to 4) of the well-formed character at the start of `text`; 0 when there
/// is none.
std::size_t utf8_character(std::string_view text);

/// All of `text` is well-formed.
bool is_utf8(std::string_view text);

/// Appends code point `c` (at most 0x10FFFF) as UTF-8.
void append_utf8(std::string& out, std::uint32_t c);

}  // namespace weir
