// What commands print: tables for people, JSON lines for programs. Standard output only; messages
// go to standard error.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.h"

namespace weir::cli {

/// Rows of text in aligned columns; control characters are shown as "\x1b".
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row);
  bool empty() const { return rows_.size() == 1; }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Text of others, such as a job's log: as it is, but on a terminal, to which it could do things,
/// with control characters other than line ends and tabs as "\x1b".
void print_foreign(std::string_view text);
/// The same for a message to people, wherever it goes.
std::string for_people(std::string_view text);

/// Prints one object as a line.
void print_json(const boost::json::object& object);

/// "1,234,567".
std::string with_commas(std::uint64_t number);
/// "3.4 MB".
std::string human_bytes(std::uint64_t bytes);
/// ISO 8601, or "-" when nothing is known yet.
std::string time_text(std::int64_t ms);
/// The same as a JSON value: null when nothing is known yet.
boost::json::value time_json(std::int64_t ms);
/// One line of at most `width` bytes: control characters become spaces, the rest "...".
std::string one_line(std::string_view text, std::size_t width);

}  // namespace weir::cli
