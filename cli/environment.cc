// Options from the environment; see environment.h.
#include "cli/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cli/config_file.h"

namespace weir::cli {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c == '-' || c == ' ' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string prefix_of(const Command& command) { return "WEIR_" + upper(command.name) + "_"; }

/// The variables that Kubernetes sets for each service: NAME_SERVICE_HOST, NAME_SERVICE_PORT,
/// NAME_PORT, NAME_PORT_7071_TCP, ... `rest` is what follows our prefix.
bool of_a_service(const std::string& rest) {
  const std::string part = "_" + rest + "_";
  return part.find("_SERVICE_HOST_") != std::string::npos ||
         part.find("_SERVICE_PORT_") != std::string::npos ||
         part.find("_PORT_") != std::string::npos;
}

Error wrong(const std::string& name, const std::string& what) {
  return {ErrorCode::invalid_argument, "The environment variable " + name + ": " + what};
}

Status take(Args& args, const Option& option, const std::string& name, const std::string& value) {
  if (option.value == nullptr) {
    if (value != "true" && value != "false") {
      return wrong(name, "'" + value + "' is neither true nor false");
    }
    if (value == "true") args.add_before(option.name, "");
    return {};
  }
  if (Status fits = check_choice(option, value); !fits.ok()) {
    return wrong(name, fits.error().message);
  }
  args.add_before(option.name, value);
  return {};
}

Error unknown(const Command& command, const std::string& name) {
  std::vector<std::string> names;
  for (const Option& option : command.options) names.push_back(variable_of(command, option.name));
  return wrong(name, "'weir " + std::string(command.name) + "' has no such option" +
                         suggestion(name, names));
}

}  // namespace

std::string variable_of(const Command& command, std::string_view option) {
  return prefix_of(command) + upper(option);
}

Status add_environment(Args& args, const char* const* environment) {
  const Command& command = args.command();
  const std::string prefix = prefix_of(command);
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(prefix)) continue;
    const std::string name(entry.substr(0, equals)), value(entry.substr(equals + 1));
    const auto option =
        std::find_if(command.options.begin(), command.options.end(),
                     [&](const Option& o) { return variable_of(command, o.name) == name; });
    if (option == command.options.end()) {
      if (of_a_service(name.substr(prefix.size()))) continue;
      return unknown(command, name);
    }
    if (value.empty() || args.has(option->name)) continue;
    WEIR_TRY(take(args, *option, name, value));
  }
  return {};
}

Result<Args> with_configuration(const Args& given) {
  Args args = given;
  WEIR_TRY(add_environment(args, environ));
  if (const std::string* path = args.value("config")) WEIR_TRY(add_config_file(args, *path));
  return args;
}

void clear_variables_of(const Command& command) {
  const std::string prefix = prefix_of(command);
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with(prefix)) names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

}  // namespace weir::cli
