// Writing metrics; see prometheus_text.h.
#include "weir/cluster/prometheus_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::cluster {
namespace {

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

}  // namespace

void PrometheusText::family(const std::string& name, std::string_view type, std::string_view help) {
  const auto found = std::find_if(families_.begin(), families_.end(),
                                  [&](const Family& family) { return family.name == name; });
  current_ = static_cast<std::size_t>(found - families_.begin());
  if (found != families_.end()) return;
  families_.push_back({name,
                       "# HELP " + name + " " + escaped(help, false) + "\n# TYPE " + name + " " +
                           std::string(type) + "\n",
                       ""});
}

void PrometheusText::sample(const Labels& labels, double value) {
  Family& family = families_.at(current_);
  family.samples += family.name;
  char separator = '{';
  for (const auto& [name, text] : labels) {
    family.samples += separator + name + "=\"" + escaped(text, true) + '"';
    separator = ',';
  }
  if (!labels.empty()) family.samples += '}';
  family.samples += " " + number(value) + "\n";
}

std::string PrometheusText::text() const {
  std::string text;
  for (const Family& family : families_) text += family.head + family.samples;
  return text;
}

}  // namespace weir::cluster
