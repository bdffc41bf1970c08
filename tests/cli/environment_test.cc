// Options from the environment and from a file, and which of them wins.
#include "cli/environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "cli/config_file.h"

namespace weir::cli {
namespace {

const Command kCommand{"try it",
                       "",
                       0,
                       0,
                       "",
                       {{"token-file", "FILE", ""},
                        {"slots", "N", ""},
                        {"level", "L", "", false, "debug info"},
                        {"json", nullptr, ""},
                        {"config", "FILE", "", false, nullptr, false}}};

Result<Args> with(std::vector<const char*> variables, const std::vector<std::string>& words = {}) {
  WEIR_ASSIGN(Args args, parse_args(kCommand, words));
  variables.push_back(nullptr);
  WEIR_TRY(add_environment(args, variables.data()));
  return args;
}

std::string error_of(std::vector<const char*> variables) {
  const auto args = with(std::move(variables));
  return args.ok() ? "" : args.error().message;
}

TEST(Environment, NamesOptionsAfterTheirCommand) {
  EXPECT_EQ(variable_of(kCommand, "token-file"), "WEIR_TRY_IT_TOKEN_FILE");
}

TEST(Environment, GivesOptions) {
  const auto args = with({"HOME=/root", "WEIR_TRY_IT_TOKEN_FILE=/a=b", "WEIR_TRY_IT_JSON=true",
                          "WEIR_TRY_IT_CONFIG=/c.yaml", "WEIR_TRY=no", "WEIR_OTHER_SLOTS=3"});
  ASSERT_TRUE(args.ok()) << args.error().message;
  EXPECT_EQ(args->text("token-file"), "/a=b");
  EXPECT_EQ(args->text("config"), "/c.yaml");
  EXPECT_TRUE(args->has("json"));
  EXPECT_FALSE(args->has("slots"));
}

TEST(Environment, SaysNothingWhereItIsEmptyOrFalse) {
  const auto args = with({"WEIR_TRY_IT_SLOTS=", "WEIR_TRY_IT_JSON=false"});
  ASSERT_TRUE(args.ok());
  EXPECT_TRUE(args->given().empty());
}

TEST(Environment, RefusesWhatIsNoOption) {
  EXPECT_EQ(error_of({"WEIR_TRY_IT_SLOT=3"}),
            "The environment variable WEIR_TRY_IT_SLOT: 'weir try it' has no such option; "
            "did you mean WEIR_TRY_IT_SLOTS?");
  EXPECT_EQ(error_of({"WEIR_TRY_IT_JSON=1"}),
            "The environment variable WEIR_TRY_IT_JSON: '1' is neither true nor false");
  EXPECT_EQ(error_of({"WEIR_TRY_IT_LEVEL=inf"}),
            "The environment variable WEIR_TRY_IT_LEVEL: --level is 'inf', which is not one of: "
            "debug info; did you mean info?");
}

// A service of the name "try-it", or "try-it-api", would otherwise keep the command from starting.
TEST(Environment, LeavesOutWhatKubernetesSetsForServices) {
  EXPECT_EQ(error_of({"WEIR_TRY_IT_SERVICE_HOST=10.0.0.1", "WEIR_TRY_IT_SERVICE_PORT=7071",
                      "WEIR_TRY_IT_SERVICE_PORT_API=7070", "WEIR_TRY_IT_PORT=tcp://10.0.0.1:7071",
                      "WEIR_TRY_IT_PORT_7071_TCP=tcp://10.0.0.1:7071",
                      "WEIR_TRY_IT_API_PORT_7071_TCP_ADDR=10.0.0.1"}),
            "");
}

TEST(Environment, StandsBetweenTheCommandLineAndTheFile) {
  auto args = with({"WEIR_TRY_IT_SLOTS=2", "WEIR_TRY_IT_LEVEL=info"}, {"--slots", "1"});
  ASSERT_TRUE(args.ok());
  ASSERT_TRUE(add_config_text(*args, "slots: 3\nlevel: debug\ntoken-file: /t\n", "c.yaml").ok());
  EXPECT_EQ(args->text("slots"), "1");
  EXPECT_EQ(args->text("level"), "info");
  EXPECT_EQ(args->text("token-file"), "/t");
}

TEST(Environment, IsClearedForChildren) {
  ::setenv("WEIR_TRY_IT_SLOTS", "2", 1);
  ::setenv("WEIR_TRY_IT_LEVEL", "info", 1);
  ::setenv("WEIR_TRY", "stays", 1);
  clear_variables_of(kCommand);
  EXPECT_EQ(::getenv("WEIR_TRY_IT_SLOTS"), nullptr);
  EXPECT_EQ(::getenv("WEIR_TRY_IT_LEVEL"), nullptr);
  EXPECT_STREQ(::getenv("WEIR_TRY"), "stays");
  ::unsetenv("WEIR_TRY");
}

TEST(ConfigFile, NamesTheLineOfWhatIsWrong) {
  Args args(kCommand);
  EXPECT_EQ(add_config_text(args, "level: info\nslot: 3\n", "c.yaml").error().message,
            "c.yaml:2: 'weir try it' has no option 'slot'; did you mean slots?");
  EXPECT_EQ(add_config_text(args, "set:\n  input: x\n", "c.yaml").error().message,
            "c.yaml:1: 'weir try it' has no option 'set'.")
      << "it is about no job";
  EXPECT_FALSE(add_config_text(args, "config: other.yaml\n", "c.yaml").ok());
}

TEST(ConfigFile, SaysWhereTheSettingsOfAJobGo) {
  const Command command{"submit it", "", 0,
                        0,           "", {{"set", "KEY=VALUE", "", true, nullptr, false}}};
  Args args(command);
  EXPECT_EQ(
      add_config_text(args, "input: x\n", "c.yaml").error().message,
      "c.yaml:1: 'weir submit it' has no option 'input'. Settings of the job go under 'set'.");
  EXPECT_TRUE(add_config_text(args, "set: {input: x}\n", "c.yaml").ok());
  EXPECT_EQ(args.text("set"), "input=x");
}

}  // namespace
}  // namespace weir::cli
