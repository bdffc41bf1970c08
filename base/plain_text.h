// Text that people read on a terminal or that becomes a name or a path: control characters in it
// would do something there. Those are U+0000 to U+001F and U+007F to U+009F, and here also bytes
// that are no UTF-8. Pure functions: any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir {

/// Where the first control character of `text` begins; npos when it has none.
std::size_t find_control(std::string_view text);

/// `text` with each byte of its control characters as "\x1b", line ends as "\n". Characters in
/// `keep`, of ASCII, stay as they are.
std::string printable(std::string_view text, std::string_view keep = "");

/// Whether `text`, which was given as `field`, is of at most `most_bytes` and has no control
/// characters. Error: invalid_argument, which names the field and says what is wrong and where.
Status check_plain(const std::string& field, std::string_view text, std::size_t most_bytes);

}  // namespace weir
