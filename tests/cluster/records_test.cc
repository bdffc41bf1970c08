// Records read back, also those of another version. See cluster/records.h, cluster/lenient_json.h.
#include "weir/cluster/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace weir::cluster {
namespace {

using ::testing::HasSubstr;

JobRecord full_record() {
  JobRecord record;
  record.id = "j-0a1b2c3d";
  record.spec = {"carts",
                 "carts.so",
                 "ab12",
                 {{"input", "/data/\"in\".csv"}, {"", "empty"}},
                 {{"memory", "4GB"}},
                 7,
                 "s3://bucket/carts",
                 "/savepoints/7"};
  record.state = JobState::stopping;
  record.attempt = 18446744073709551615u;
  record.processes = {{"host-1.5f3a", 4}, {"host-2.77aa", 3}};
  record.then = JobState::waiting;
  record.next = {record.spec};
  record.next[0].parallelism = 9;
  record.last_checkpoint = 41;
  record.failures = 2;
  record.exceptions = {{"io", "Zeile 1\nZeile 2 \xc3\xbc", true, 3, "host-1.5f3a", 2, "map, sink",
                        7, from_millis(1'700'000'000'123)}};
  record.submitted_at = from_millis(1'700'000'000'001);
  record.changed_at = from_millis(-1);
  return record;
}

TEST(Records, ReadBack) {
  for (const JobRecord& record : {full_record(), JobRecord{}}) {
    const std::string text = to_text(record);
    const auto read = parse_record(text, "jobs/x");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(to_text(*read), text);
    EXPECT_EQ(read->attempt, record.attempt);
    EXPECT_EQ(read->submitted_at, record.submitted_at);
    EXPECT_EQ(read->spec.settings, record.spec.settings);
    EXPECT_EQ(read->next.size(), record.next.size());
    ASSERT_EQ(read->exceptions.size(), record.exceptions.size());
    for (std::size_t i = 0; i < record.exceptions.size(); ++i) {
      EXPECT_EQ(read->exceptions[i].process, record.exceptions[i].process);
      EXPECT_EQ(read->exceptions[i].subtask, record.exceptions[i].subtask);
    }
  }
}

TEST(Records, EveryStateHasANameAndReadsBack) {
  for (int i = 0; i <= static_cast<int>(JobState::failed); ++i) {
    JobRecord record;
    record.state = static_cast<JobState>(i);
    EXPECT_THAT(to_text(record), HasSubstr(std::string("\"") + to_string(record.state) + "\""));
    EXPECT_EQ(parse_record(to_text(record), "k").value().state, record.state);
    EXPECT_EQ(is_over(record.state), i >= 5);
  }
}

TEST(Records, WhatANewerVersionAddedIsSkipped) {
  std::string text = to_text(full_record());
  text.insert(1, R"("novelty":{"deep":[1,{"x":null}]},)");
  text.insert(text.find("\"name\""), R"("tags":["a","b"],)");
  text.insert(text.find("\"worker\""), R"("rack":7,)");
  const auto read = parse_record(text, "k");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(to_text(*read), to_text(full_record()));
}

TEST(Records, WhatAnOlderVersionLacksKeepsItsDefault) {
  const auto read = parse_record(
      R"({"id":"j-1","spec":{"name":"carts"},"state":"running","processes":[{"worker":"a"}]})",
      "k");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->spec.name, "carts");
  EXPECT_EQ(read->spec.parallelism, 1u);
  EXPECT_EQ(read->spec.from, "latest");
  EXPECT_EQ(read->then, JobState::stopped);
  EXPECT_EQ(read->processes.at(0).slots, 1u);
}

TEST(Records, WhatDoesNotFitNamesKeyAndMember) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "jobs/j-1"},
      {"[]", "an array where an object is needed"},
      {R"({"id":7})", "id: "},
      {R"({"attempt":-1})", "attempt: "},
      {R"({"attempt":18446744073709551616})", "attempt: "},
      {R"({"spec":{"settings":[]}})", "spec: settings: "},
      {R"({"spec":{"settings":{"a":1}}})", "spec: settings: a: "},
      {R"({"processes":[{"worker":"a"},{"slots":"x"}]})", "processes: [1]: slots: "},
      {R"({"processes":{}})", "processes: "},
      {R"({"state":"dancing"})", "state: "},
      {R"({"state":200})", "state: "},
      {R"({"state":{}})", "state: "},
      {R"({"submitted_at":"yesterday"})", "submitted_at: "},
      {R"({"id":"j-1"} )"
       "x",
       "jobs/j-1"},
  };
  for (const auto& [text, part] : cases) {
    const auto read = parse_record(text, "jobs/j-1");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    EXPECT_THAT(read.error().message, HasSubstr("'jobs/j-1'"));
    EXPECT_THAT(read.error().message, HasSubstr(part)) << text;
  }
}

TEST(Records, OneThatCannotBeReadIsNoneOfTheOthersBusiness) {
  const std::string good = to_text(full_record());
  std::string newer = good;
  newer.replace(newer.find("\"state\":\""), 9, "\"state\":\"so-");
  const std::string id = full_record().id;
  const RecordSet set = parse_records({{"jobs/" + id, good},
                                       {"jobs/j-cut", good.substr(0, good.size() / 2)},
                                       {"jobs/j-empty", ""},
                                       {"jobs/j-newer", newer},
                                       {"jobs/j-other", good}});
  ASSERT_EQ(set.records.size(), 1u);
  EXPECT_EQ(to_text(set.records[0]), good);
  ASSERT_EQ(set.unreadable.size(), 4u);
  const auto& [cut, empty, of_newer, other] =
      std::tie(set.unreadable[0], set.unreadable[1], set.unreadable[2], set.unreadable[3]);
  EXPECT_EQ(cut.id, "j-cut");
  EXPECT_EQ(cut.name, "");
  EXPECT_EQ(empty.id, "j-empty");
  EXPECT_EQ(of_newer.name, full_record().spec.name) << "what can be read is";
  EXPECT_EQ(of_newer.state_dir, full_record().spec.state_dir);
  EXPECT_THAT(of_newer.why, HasSubstr("'jobs/j-newer'"));
  EXPECT_THAT(of_newer.why, HasSubstr("state: "));
  EXPECT_EQ(other.id, "j-other");
  EXPECT_THAT(other.why, HasSubstr("'" + id + "'"));
}

}  // namespace
}  // namespace weir::cluster
