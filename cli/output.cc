// Tables, JSON lines and numbers for people; see output.h.
#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "weir/base/plain_text.h"
#include "weir/base/utf8.h"

namespace weir::cli {

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

void Table::print() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::printf("%s\n", line.c_str());
  }
}

std::string for_people(std::string_view text) { return printable(text, "\n\t"); }

void print_foreign(std::string_view text) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::string shown = terminal ? for_people(text) : std::string(text);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
}

void print_json(const boost::json::object& object) {
  std::printf("%s\n", boost::json::serialize(object).c_str());
}

std::string with_commas(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (value /= 1000; value >= 1000 && unit < 3; value /= 1000) ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
  return text;
}

std::string time_text(std::int64_t ms) {
  if (ms == INT64_MIN) return "-";
  if (ms == INT64_MAX) return "end";
  return to_iso8601(from_millis(ms));
}

boost::json::value time_json(std::int64_t ms) {
  if (ms == INT64_MIN) return nullptr;
  return boost::json::string(to_iso8601(from_millis(ms)));
}

std::string one_line(std::string_view text, std::size_t width) {
  std::string line;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    if (line.size() + character.size() > width) {
      line.resize(std::min(line.size(), width - 3));
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) {
        line.pop_back();  // not within a character
      }
      if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.pop_back();
      return line + "...";
    }
    const bool control = size > 0 && find_control(character) == 0;
    line += size == 0 ? "?" : control ? " " : std::string(character);
    text.remove_prefix(character.size());
  }
  return line;
}

}  // namespace weir::cli
