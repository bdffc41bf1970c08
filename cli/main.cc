// The `weir` command: finds the command, parses its arguments, carries it out, and turns errors
// into a line on standard error and an exit status.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <set>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "cli/output.h"
#include "weir/build_id.h"

namespace weir::cli {
namespace {

int complain(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "weir: %s\n", for_people(error.message).c_str());
  return exit_code_of(error);
}

bool asks_for_help(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end,
                     [](const std::string& w) { return w == "--help" || w == "-h"; });
}

Error unknown_command(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  std::string asked = words[0];
  const bool group = !group_help(words[0]).empty();
  if (group && words.size() > 1) asked += " " + words[1];
  for (const Command& command : all_commands()) names.emplace_back(command.name);
  if (group && words.size() == 1) {
    return {ErrorCode::invalid_argument,
            "'" + words[0] + "' needs a second word:\n" + group_help(words[0])};
  }
  return {ErrorCode::invalid_argument, "There is no command '" + asked + "'" +
                                           suggestion(asked, names) +
                                           " 'weir --help' lists all commands."};
}

int main_of(const std::vector<std::string>& words) {
  if (words.empty()) {
    std::fputs(general_help().c_str(), stderr);
    return kUsage;
  }
  if (words[0] == "--version" || words[0] == "version") {
    std::printf("weir %s\n", WEIR_BUILD_ID);
    return kOk;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    const std::vector<std::string> about(words.begin() + 1, words.end());
    std::size_t taken = 0;
    const Command* command = about.empty() ? nullptr : find_command(about, taken);
    std::fputs((command ? command_help(*command) : general_help()).c_str(), stdout);
    return kOk;
  }
  std::size_t taken = 0;
  const Command* command = find_command(words, taken);
  if (command == nullptr) {
    if (asks_for_help(words) && !group_help(words[0]).empty()) {
      std::fputs(group_help(words[0]).c_str(), stdout);
      return kOk;
    }
    return complain(unknown_command(words));
  }
  const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(taken),
                                      words.end());
  if (asks_for_help(rest)) {
    std::fputs(command_help(*command).c_str(), stdout);
    return kOk;
  }
  const auto args = parse_args(*command, rest);
  if (!args.ok()) return complain(args.error());
  const auto status = command->run(*args);
  return status.ok() ? *status : complain(status.error());
}

/// A file opened later would get the number of a standard stream that is closed, and with it what
/// is written there.
void open_standard_streams() {
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

}  // namespace
}  // namespace weir::cli

int main(int count, char** values) {
  weir::cli::open_standard_streams();
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit fails the write, which is reported
  try {
    const int status = weir::cli::main_of({values + 1, values + count});
    return std::fflush(stdout) == 0 ? status : weir::cli::kFailed;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weir: %s\n", e.what());
    return weir::cli::kFailed;
  }
}
