// Quoting. Pure functions: any thread.
#include "weir/connectors/file/csv_text.h"

namespace weir::file::detail {

void append_csv_text(std::string& out, std::string_view text, char delimiter) {
  const char special[] = {'"', '\r', '\n', delimiter};
  const std::string_view specials(special, sizeof special);
  if (!text.empty() && text.find_first_of(specials) == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace weir::file::detail
