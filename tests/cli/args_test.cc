// Parsing of command lines.
#include "cli/args.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

const Command kCommand{"try",
                       "FILE [MORE]",
                       1,
                       2,
                       "",
                       {{"parallelism", "N", ""},
                        {"set", "K=V", "", true},
                        {"level", "L", "", false, "debug info"},
                        {"json", nullptr, ""}}};

Result<Args> parse(const std::vector<std::string>& words) { return parse_args(kCommand, words); }

std::string error_of(const std::vector<std::string>& words) {
  const auto args = parse(words);
  return args.ok() ? "" : args.error().message;
}

TEST(Args, TakesOptionsAndOperandsInAnyOrder) {
  const auto args = parse({"--set", "a=1", "file", "--parallelism=3", "--json", "--set=b=2=3"});
  ASSERT_TRUE(args.ok());
  EXPECT_EQ(args->operands(), std::vector<std::string>{"file"});
  EXPECT_EQ(args->number("parallelism", 1, 1, 8).value(), 3u);
  EXPECT_TRUE(args->has("json"));
  EXPECT_EQ(args->all("set"), (std::vector<std::string>{"a=1", "b=2=3"}));
  EXPECT_EQ(args->given().front().first, "set");
}

TEST(Args, TakesEverythingAfterTwoDashesAsOperand) {
  const auto args = parse({"--", "--json", "-x"});
  ASSERT_TRUE(args.ok());
  EXPECT_EQ(args->operands(), (std::vector<std::string>{"--json", "-x"}));
  EXPECT_FALSE(args->has("json"));
}

TEST(Args, SuggestsTheNearestOption) {
  EXPECT_EQ(error_of({"f", "--paralelism", "2"}),
            "'try' has no option --paralelism; did you mean --parallelism?");
  EXPECT_EQ(error_of({"f", "--zzz"}), "'try' has no option --zzz");
}

TEST(Args, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of({"f", "--parallelism"}), "--parallelism needs a value: --parallelism N");
  EXPECT_EQ(error_of({"f", "--json=1"}), "--json takes no value");
  EXPECT_EQ(error_of({"f", "--json", "--json"}), "--json is given twice");
  EXPECT_EQ(error_of({"f", "-p"}),
            "There is no option -p; options have long names, see 'weir try --help'");
  EXPECT_EQ(error_of({}), "Something is missing; usage: weir try FILE [MORE]");
  EXPECT_EQ(error_of({"a", "b", "c"}), "'c' is too much; usage: weir try FILE [MORE]");
  EXPECT_EQ(error_of({"f", "--level", "inf"}),
            "--level is 'inf', which is not one of: debug info; did you mean info?");
}

TEST(Args, ReadsNumbersWithinTheirRange) {
  const auto number = [](const char* text) {
    const auto args = parse({"f", "--parallelism", text});
    return args->number("parallelism", 1, 1, 8);
  };
  EXPECT_EQ(number("8").value(), 8u);
  for (const char* text : {"0", "9", "-1", "2x", "", "99999999999999999999"}) {
    EXPECT_FALSE(number(text).ok()) << text;
  }
}

TEST(Args, ReadsDurations) {
  const auto duration = [](const char* text) {
    return parse({"f", "--parallelism", text})->duration("parallelism", Duration(1));
  };
  EXPECT_EQ(duration("10s").value(), Duration(10'000));
  EXPECT_FALSE(duration("10").ok());
  EXPECT_FALSE(duration("0s").ok());
  const auto bytes = [](const char* text) {
    return parse({"f", "--parallelism", text})->bytes("parallelism", 1);
  };
  EXPECT_EQ(bytes("512MB").value(), 512'000'000u);
  EXPECT_EQ(bytes("4GiB").value(), std::uint64_t{4} << 30);
  EXPECT_EQ(bytes("100").value(), 100u);
  for (const char* bad : {"", "0", "4 GB", "GB", "-1", "4XB", "99999999999GiB", "1.5GB"}) {
    EXPECT_FALSE(bytes(bad).ok()) << bad;
  }
}

TEST(Args, WhatIsAddedBeforeLoses) {
  auto args = *parse({"f", "--set", "a=1"});
  args.add_before("set", "a=0");
  EXPECT_EQ(args.all("set").back(), "a=1");
}

TEST(Nearest, CountsSwappedNeighboursAsOneMistake) {
  EXPECT_EQ(nearest("exprot", {"export", "exit"}), "export");
  EXPECT_EQ(nearest("x", {"stop"}), "");
  EXPECT_EQ(nearest("", {"stop"}), "");
}

TEST(Assignment, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(split_assignment("set", "a=b=c").value(),
            (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_EQ(split_assignment("set", "a=").value().second, "");
  EXPECT_FALSE(split_assignment("set", "=a").ok());
  EXPECT_FALSE(split_assignment("set", "a").ok());
}

}  // namespace
}  // namespace weir::cli
