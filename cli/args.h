// Commands and their options as a table, from which parsing, --help and completion all come.
//
//   weir WORD [WORD] [operand]... [--option VALUE | --option=VALUE | --switch]... [-- operand...]
//
// Options and operands may be mixed. Pure: no I/O. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/time.h"

namespace weir::cli {

/// One option of a command.
struct Option {
  const char* name;               ///< long name without dashes
  const char* value;              ///< what stands for the value in help; null for a switch
  const char* help;               ///< one sentence
  bool repeated = false;          ///< may be given more than once
  const char* choices = nullptr;  ///< allowed values, separated by spaces; null: anything
  bool in_config = true;          ///< may stand in the file given with --config
};

class Args;

/// One command: `weir NAME`.
struct Command {
  const char* name;      ///< "run" or, with a space, "checkpoints list"
  const char* operands;  ///< as the usage line shows them: "DIR [ID]"
  std::size_t min_operands = 0, max_operands = 0;
  const char* summary;  ///< one line for the list of commands
  std::vector<Option> options;
  const char* details = "";  ///< what --help says below the options
  /// Carries it out; the result is the exit status.
  Result<int> (*run)(const Args&) = nullptr;

  const Option* find(std::string_view option) const;
};

/// What was given to a command.
class Args {
 public:
  Args() = default;
  explicit Args(const Command& command) : command_(&command) {}

  const Command& command() const { return *command_; }
  const std::vector<std::string>& operands() const { return operands_; }
  /// Options with their values, in the order in which they were given.
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

  bool has(std::string_view option) const { return value(option) != nullptr; }
  /// The value of an option, the last one if it was given more than once, or null.
  const std::string* value(std::string_view option) const;
  std::string text(std::string_view option, std::string otherwise = {}) const;
  std::vector<std::string> all(std::string_view option) const;

  /// A whole number from `least` to `most`. Error: invalid_argument that names the option.
  Result<std::uint64_t> number(std::string_view option, std::uint64_t otherwise,
                               std::uint64_t least, std::uint64_t most) const;
  /// Bytes, such as 512MB or 4GiB.
  Result<std::uint64_t> bytes(std::string_view option, std::uint64_t otherwise) const;
  Result<double> real(std::string_view option, double otherwise, double least, double most) const;
  Result<Duration> duration(std::string_view option, Duration otherwise) const;

  void add_operand(std::string operand) { operands_.push_back(std::move(operand)); }
  void add(std::string option, std::string value) {
    given_.emplace_back(std::move(option), std::move(value));
  }
  /// As if it had been given before everything else, so that what was given wins.
  void add_before(std::string option, std::string value) {
    given_.emplace(given_.begin(), std::move(option), std::move(value));
  }

 private:
  const Command* command_ = nullptr;
  std::vector<std::string> operands_;
  std::vector<std::pair<std::string, std::string>> given_;
};

/// Parses the words behind the name of `command`. Errors: invalid_argument with what is wrong and,
/// for an unknown option, the nearest known one.
Result<Args> parse_args(const Command& command, const std::vector<std::string>& words);

/// Checks one option's value against its choices.
Status check_choice(const Option& option, std::string_view value);

/// The one of `candidates` that `word` was most likely meant to be, or "" when none is near
/// (optimal string alignment distance of at most a third of its length, and at least 1).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean X?" or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view prefix = "");

/// Splits "name=value". Error: invalid_argument when there is no '=' or no name.
Result<std::pair<std::string, std::string>> split_assignment(std::string_view option,
                                                             std::string_view text);

}  // namespace weir::cli
