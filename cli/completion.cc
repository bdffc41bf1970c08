// `weir completion bash|zsh`: scripts that complete commands, options and their choices, printed
// from the table of commands. File names complete everywhere else.
#include <cstdio>
#include <map>

#include "cli/commands.h"
#include "cli/exit_codes.h"

namespace weir::cli {
namespace {

/// First words, and for groups the second words.
std::map<std::string, std::string> words_by_group() {
  std::map<std::string, std::string> groups;
  for (const Command& command : all_commands()) {
    const std::string name = command.name;
    const std::size_t space = name.find(' ');
    std::string& second = groups[name.substr(0, space)];
    if (space != std::string::npos) second += (second.empty() ? "" : " ") + name.substr(space + 1);
  }
  return groups;
}

std::string options_of(const Command& command) {
  std::string options;
  for (const Option& option : command.options) options += "--" + std::string(option.name) + " ";
  return options + "--help";
}

/// The function that both shells use; zsh runs it through bashcompinit.
std::string script() {
  std::string firsts, groups, options, choices;
  for (const auto& [first, second] : words_by_group()) {
    firsts += (firsts.empty() ? "" : " ") + first;
    if (second.empty()) continue;
    groups += "    " + first + ") COMPREPLY=($(compgen -W '" + second +
              "' -- \"$word\")); [[ $COMP_CWORD -eq 2 ]] && return ;;\n";
  }
  for (const Command& command : all_commands()) {
    options +=
        "    '" + std::string(command.name) + "') options='" + options_of(command) + "' ;;\n";
    for (const Option& option : command.options) {
      if (option.choices == nullptr) continue;
      choices += "    '" + std::string(command.name) + " --" + option.name +
                 "') COMPREPLY=($(compgen -W '" + option.choices + "' -- \"$word\")); return ;;\n";
    }
  }
  return "_weir() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local name=${COMP_WORDS[1]} options=''\n"
         "  COMPREPLY=()\n"
         "  if [[ $COMP_CWORD -eq 1 ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         firsts +
         " --help --version' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case $name in\n" +
         groups +
         "  esac\n"
         "  COMPREPLY=()\n"
         "  case $name in\n"
         "    " +
         [] {
           std::string names;
           for (const auto& [first, second] : words_by_group()) {
             if (!second.empty()) names += (names.empty() ? "" : "|") + first;
           }
           return names;
         }() +
         ") name=\"$name ${COMP_WORDS[2]}\" ;;\n"
         "  esac\n"
         "  case \"$name $previous\" in\n" +
         choices +
         "    'completion completion') COMPREPLY=($(compgen -W 'bash zsh' -- \"$word\")); return "
         ";;\n"
         "  esac\n"
         "  case $name in\n" +
         options +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _weir weir\n";
}

Result<int> run(const Args& args) {
  const std::string& shell = args.operands()[0];
  if (shell == "zsh") {
    std::printf("autoload -Uz bashcompinit && bashcompinit\n%s", script().c_str());
  } else if (shell == "bash") {
    std::fputs(script().c_str(), stdout);
  } else {
    return Error{ErrorCode::invalid_argument,
                 "There is no completion for '" + shell + "'; choose bash or zsh"};
  }
  return kOk;
}

}  // namespace

Command completion_command() {
  return {"completion",
          "bash|zsh",
          1,
          1,
          "Print a script that completes this command",
          {},
          "Load it with  source <(weir completion bash)  in ~/.bashrc or ~/.zshrc.\n",
          run};
}

}  // namespace weir::cli
