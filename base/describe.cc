// Names of types. Pure functions: any thread.
#include "weir/base/describe.h"

namespace weir::describe_detail {
namespace {

void remove_all(std::string& text, std::string_view part) {
  for (std::size_t at; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
}

}  // namespace

// GCC writes `... [with T = shop::Cart; std::string = ...]`, Clang `... [T = shop::Cart]`.
std::string clean_type_name(std::string_view function_signature) {
  constexpr std::string_view mark = "T = ";
  const std::size_t from = function_signature.find(mark);
  if (from == std::string_view::npos) return std::string(function_signature);
  std::string_view rest = function_signature.substr(from + mark.size());
  const std::size_t semicolon = rest.find(';');
  rest = rest.substr(0, semicolon == rest.npos ? rest.rfind(']') : semicolon);
  std::string name(rest);
  remove_all(name, "{anonymous}::");
  remove_all(name, "(anonymous namespace)::");
  return name;
}

}  // namespace weir::describe_detail
