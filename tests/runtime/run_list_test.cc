// The list of runs: merging replaces what it merged, whatever came meanwhile.
#include "weir/runtime/run_list.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

RunInfo run(const std::string& file, std::uint64_t size) {
  RunInfo info;
  info.file = file;
  info.size_bytes = size;
  info.rows = size;
  return info;
}
std::vector<std::string> files(const RunList& list) {
  std::vector<std::string> names;
  for (const RunInfo& r : list.runs()) names.push_back(r.file);
  return names;
}

TEST(RunList, MergesWhileNewRunsCome) {
  RunList list;
  std::vector<RunInfo> inputs;
  bool is_oldest = false;
  for (int i = 0; inputs.empty() && i < 100; ++i) {
    list.append(run("r" + std::to_string(i), 100));
    inputs = list.begin_merge(is_oldest);
  }
  ASSERT_GE(inputs.size(), 2u);
  const auto before = files(list);
  bool unused = false;
  EXPECT_TRUE(list.begin_merge(unused).empty()) << "one at a time";
  list.append(run("new", 1));
  list.merged(inputs, run("merged", 300));
  auto expected = before;
  const auto first = std::find(expected.begin(), expected.end(), inputs[0].file);
  *first = "merged";
  expected.erase(first + 1, first + static_cast<std::ptrdiff_t>(inputs.size()));
  expected.push_back("new");
  EXPECT_EQ(files(list), expected);
  EXPECT_EQ(list.take_obsolete().size(), inputs.size());
  EXPECT_TRUE(list.take_obsolete().empty());
  EXPECT_FALSE(list.merging());
}

TEST(RunList, AMergeOfAListThatWasResetIsThrownAway) {
  RunList list;
  std::vector<RunInfo> inputs;
  bool is_oldest = false;
  for (int i = 0; inputs.empty(); ++i) {
    list.append(run("r" + std::to_string(i), 100));
    inputs = list.begin_merge(is_oldest);
  }
  list.reset();
  list.append(run("whole", 500));
  const std::size_t reset = list.take_obsolete().size();
  EXPECT_GE(reset, inputs.size());
  list.merged(inputs, run("merged", 300));
  EXPECT_EQ(files(list), std::vector<std::string>{"whole"});
  EXPECT_EQ(list.take_obsolete(), std::vector<std::string>{"merged"});
}

}  // namespace
}  // namespace weir
