// Help texts; see help.h.
#include "cli/help.h"

#include <algorithm>

#include "cli/commands.h"

namespace weir::cli {
namespace {

constexpr std::size_t kColumns = 98;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

/// `left` in a column, `right` beside it, wrapped.
std::string entry(const std::string& left, std::size_t width, const std::string& right) {
  std::string out = "  " + padded(left, width) + "  ";
  const std::size_t indent = width + 4;
  std::size_t column = out.size();
  if (left.size() > width) {
    out += "\n" + std::string(indent, ' ');
    column = indent;
  }
  for (std::size_t begin = 0; begin < right.size();) {
    const std::size_t end = std::min(right.find(' ', begin), right.size());
    if (column + (end - begin) > kColumns && column > indent) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    out += right.substr(begin, end - begin) + (end < right.size() ? " " : "");
    column += end - begin + 1;
    begin = end + 1;
  }
  return out + "\n";
}

std::string list_commands(const std::string& group) {
  std::size_t width = 0;
  for (const Command& command : all_commands())
    width = std::max(width, std::string(command.name).size());
  std::string out;
  for (const Command& command : all_commands()) {
    const std::string name = command.name;
    if (!group.empty() && !name.starts_with(group + " ")) continue;
    out += entry(name, width, command.summary);
  }
  return out;
}

}  // namespace

std::string general_help() {
  return "Weir runs dataflow jobs written in C++: keyed state, event time, exactly-once "
         "checkpoints,\n"
         "dead letters that can be repaired and replayed.\n\n"
         "usage: weir COMMAND [OPERAND]... [--option VALUE]...\n\n" +
         list_commands("") +
         "\n  weir COMMAND --help says more about one; weir --version names this build.\n\n"
         "Exit status:\n"
         "  0    all is well\n"
         "  1    the job failed, or the disk or network did\n"
         "  2    wrong usage: an option, a setting of the job, or its graph\n"
         "  3    refused: a schema, interface or build does not fit, or something is in the way\n"
         "  4    not found: a file, state folder, checkpoint, step or dead letter\n"
         "  5    damaged: stored bytes are not what was written\n"
         "  130  ended at once by a second Ctrl-C\n";
}

std::string group_help(const std::string& group) {
  const std::string list = list_commands(group);
  return list.empty() ? "" : "usage: weir " + group + " COMMAND ...\n\n" + list;
}

std::string command_help(const Command& command) {
  std::string out = "usage: weir " + std::string(command.name);
  if (*command.operands) out += " " + std::string(command.operands);
  if (!command.options.empty()) out += " [--option VALUE]...";
  out += "\n\n" + std::string(command.summary) + "\n";
  if (!command.options.empty()) out += "\nOptions:\n";
  for (const Option& option : command.options) {
    std::string left = "--" + std::string(option.name);
    if (option.value != nullptr) left += " " + std::string(option.value);
    std::string right = option.help;
    if (option.choices != nullptr) right += " (" + std::string(option.choices) + ")";
    if (option.repeated) right += " May be given more than once.";
    out += entry(left, 26, right);
  }
  if (*command.details) out += "\n" + std::string(command.details);
  return out;
}

}  // namespace weir::cli
