// Options of a command, from its words and from a file: whatever is given, it is taken or refused
// with a reason; only options that exist are taken; and the words win over the file.
//
// Input := (string word)*, byte 0 as an empty word, text of the file
#include "cli/args.h"
#include "cli/config_file.h"
#include "tests/fuzz/fuzz.h"
#include "weir/base/bytes.h"

namespace weir::fuzz {
namespace {

const cli::Command& command() {
  static const cli::Command run{
      .name = "run",
      .operands = "LIBRARY",
      .min_operands = 0,
      .max_operands = 3,
      .summary = "",
      .options = {{"set", "NAME=VALUE", "", true},
                  {"parallelism", "N", ""},
                  {"checkpoint-interval", "TIME", ""},
                  {"mode", "MODE", "", false, "fast safe"},
                  {"share", "REAL", ""},
                  {"quiet", nullptr, ""},
                  {"config", "FILE", "", false, nullptr, false}},
  };
  return run;
}

void check_values(const cli::Args& args) {
  for (const auto& [name, value] : args.given()) {
    const cli::Option* option = command().find(name);
    WEIR_CHECK(option != nullptr, "only options that exist are taken");
    WEIR_CHECK(cli::check_choice(*option, value).ok(), "only values that may be are taken");
  }
  if (const auto number = args.number("parallelism", 1, 1, 64); number.ok()) {
    WEIR_CHECK(*number >= 1 && *number <= 64, "a number is within its bounds");
  }
  if (const auto share = args.real("share", 0.5, 0, 1); share.ok()) {
    WEIR_CHECK(*share >= 0 && *share <= 1, "a real is within its bounds");
  }
  if (const auto time = args.duration("checkpoint-interval", Duration(1)); time.ok()) {
    WEIR_CHECK(time->count() >= 0, "a duration is none before now");
  }
  for (const std::string& text : args.all("set")) {
    static_cast<void>(cli::split_assignment("set", text));
  }
}

}  // namespace

void run(std::string_view input) {
  if (input.size() > 2000) return;
  ByteReader in(input);
  std::vector<std::string> words;
  for (std::string word(in.string()); !word.empty(); word = in.string()) words.push_back(word);
  auto args = cli::parse_args(command(), words);
  if (!args.ok()) {
    WEIR_CHECK(!args.error().message.empty(), "who refuses says why");
    return;
  }
  check_values(*args);
  const std::string mode = args->text("mode");
  if (!cli::add_config_text(*args, std::string(in.rest()), "f").ok()) return;
  check_values(*args);
  if (!mode.empty()) check_same(mode, args->text("mode"), "what stands on the command line wins");
}

std::vector<std::string> seeds() {
  const auto seed = [](const std::vector<std::string>& words, const std::string& file) {
    std::string out;
    ByteWriter writer(out);
    for (const std::string& word : words) writer.string(word);
    writer.string("");
    writer.raw(file);
    return out;
  };
  return {
      seed({"lib.so", "--set", "a=b", "--parallelism=4", "--quiet"},
           "mode: fast\nset:\n  input: /data/*.csv\n  n: 3\nquiet: true\n"),
      seed({"--mode", "safe", "--", "--x"}, "mode: fast\ncheckpoint-interval: 10s\nshare: 0.5\n"),
      seed({}, "parallelism: [1, 2]\n"),
      seed({}, "set: {a: &x 1, b: *x}\nquiet: no\n"),
      seed({"--paralellism", "1"}, ""),
      seed({}, "- a\n- b: |\n    c\n")};
}

}  // namespace weir::fuzz
