// Parsing of command lines; see args.h.
#include "cli/args.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

namespace weir::cli {
namespace {

Error usage(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

std::vector<std::string> words_of(const char* choices) {
  std::vector<std::string> words;
  std::istringstream stream(choices);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// Edits (insertion, deletion, substitution, swap of neighbours) from `a` to `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

template <class T>
bool read_number(const std::string& text, T& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

Error bad_value(std::string_view option, const std::string& value, const std::string& wanted) {
  return usage("--" + std::string(option) + " is '" + value + "', which is not " + wanted);
}

/// Takes the option at `words[i]`, and its value behind it if it has one.
Status take_option(Args& args, const std::vector<std::string>& words, std::size_t& i) {
  const std::string word = words[i].substr(2);
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const Option* option = args.command().find(name);
  if (option == nullptr) {
    std::vector<std::string> names{"help"};
    for (const Option& known : args.command().options) names.emplace_back(known.name);
    return usage("'" + std::string(args.command().name) + "' has no option --" + name +
                 suggestion(name, names, "--"));
  }
  if (args.has(name) && !option->repeated) return usage("--" + name + " is given twice");
  if (option->value == nullptr) {
    if (equals != std::string::npos) return usage("--" + name + " takes no value");
    args.add(name, "");
    return {};
  }
  std::string value;
  if (equals != std::string::npos) {
    value = word.substr(equals + 1);
  } else if (i + 1 < words.size()) {
    value = words[++i];
  } else {
    return usage("--" + name + " needs a value: --" + name + " " + option->value);
  }
  WEIR_TRY(check_choice(*option, value));
  args.add(name, std::move(value));
  return {};
}

}  // namespace

const Option* Command::find(std::string_view option) const {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [&](const Option& o) { return option == o.name; });
  return found == options.end() ? nullptr : &*found;
}

const std::string* Args::value(std::string_view option) const {
  const auto found = std::find_if(given_.rbegin(), given_.rend(),
                                  [&](const auto& given) { return given.first == option; });
  return found == given_.rend() ? nullptr : &found->second;
}

std::string Args::text(std::string_view option, std::string otherwise) const {
  const std::string* given = value(option);
  return given ? *given : otherwise;
}

std::vector<std::string> Args::all(std::string_view option) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : given_) {
    if (name == option) values.push_back(value);
  }
  return values;
}

Result<std::uint64_t> Args::number(std::string_view option, std::uint64_t otherwise,
                                   std::uint64_t least, std::uint64_t most) const {
  const std::string* given = value(option);
  if (given == nullptr) return otherwise;
  std::uint64_t number = 0;
  if (read_number(*given, number) && least <= number && number <= most) return number;
  const std::string upper = most == UINT64_MAX ? " up" : " to " + std::to_string(most);
  return bad_value(option, *given, "a whole number from " + std::to_string(least) + upper);
}

Result<double> Args::real(std::string_view option, double otherwise, double least,
                          double most) const {
  const std::string* given = value(option);
  if (given == nullptr) return otherwise;
  double number = 0;
  if (read_number(*given, number) && least <= number && number <= most) return number;
  std::ostringstream range;
  range << "a number from " << least << " to " << most;
  return bad_value(option, *given, range.str());
}

Result<std::uint64_t> Args::bytes(std::string_view option, std::uint64_t otherwise) const {
  const std::string* given = value(option);
  if (given == nullptr) return otherwise;
  const std::size_t digits = std::min(given->find_first_not_of("0123456789"), given->size());
  static const std::map<std::string_view, std::uint64_t, std::less<>> units = {
      {"", 1},          {"B", 1},         {"kB", 1000},
      {"KB", 1000},     {"MB", 1000'000}, {"GB", 1000'000'000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
  };
  const auto unit = units.find(std::string_view(*given).substr(digits));
  std::uint64_t number = 0;
  if (unit != units.end() && read_number(given->substr(0, digits), number) && number > 0 &&
      number <= INT64_MAX / unit->second) {
    return number * unit->second;
  }
  return bad_value(option, *given, "a number of bytes such as 512MB or 4GiB");
}

Result<Duration> Args::duration(std::string_view option, Duration otherwise) const {
  const std::string* given = value(option);
  if (given == nullptr) return otherwise;
  const auto duration = parse_duration(*given);
  if (duration.ok() && duration->count() > 0) return *duration;
  return bad_value(option, *given, "a duration such as 500ms, 10s or 2h");
}

Status check_choice(const Option& option, std::string_view value) {
  if (option.choices == nullptr) return {};
  const std::vector<std::string> choices = words_of(option.choices);
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
  return bad_value(option.name, std::string(value),
                   "one of: " + std::string(option.choices) + suggestion(value, choices));
}

Result<Args> parse_args(const Command& command, const std::vector<std::string>& words) {
  Args args(command);
  bool only_operands = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!only_operands && word == "--") {
      only_operands = true;
    } else if (!only_operands && word.starts_with("--")) {
      WEIR_TRY(take_option(args, words, i));
    } else if (!only_operands && word.size() > 1 && word[0] == '-') {
      return usage("There is no option " + word + "; options have long names, see 'weir " +
                   command.name + " --help'");
    } else {
      args.add_operand(word);
    }
  }
  const std::size_t count = args.operands().size();
  if (count >= command.min_operands && count <= command.max_operands) return args;
  const std::string usage_line = "weir " + std::string(command.name) + " " + command.operands;
  if (count < command.min_operands) return usage("Something is missing; usage: " + usage_line);
  const bool by_option = command.find("state") != nullptr && !args.has("state");
  return usage("'" + args.operands()[command.max_operands] + "' is too much; usage: " + usage_line +
               (by_option ? " --state DIR" : ""));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view prefix) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? "" : "; did you mean " + std::string(prefix) + near + "?";
}

Result<std::pair<std::string, std::string>> split_assignment(std::string_view option,
                                                             std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return usage("--" + std::string(option) + " is '" + std::string(text) +
                 "', which is not of the form name=value");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace weir::cli
