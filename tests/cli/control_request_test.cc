// Requests and job.json: what was sent or written arrives as it was, also where it is no UTF-8.
#include "cli/control_request.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "cli/job_file.h"

namespace weir::cli {
namespace {

using Kind = ControlRequest::Kind;

Result<ControlRequest> sent(const ControlRequest& request) {
  WEIR_ASSIGN(const auto object, parse_control_line(boost::json::serialize(to_object(request))));
  return parse_request(object);
}

Status refused(std::string_view line) {
  WEIR_ASSIGN(const auto object, parse_control_line(line));
  const auto request = parse_request(object);
  return request.ok() ? Status() : Status(request.error());
}

TEST(ControlRequest, ArrivesAsItWasSent) {
  const auto savepoint = sent({.kind = Kind::savepoint, .to = "/save\xff", .stop = true});
  ASSERT_TRUE(savepoint.ok());
  EXPECT_EQ(savepoint->kind, Kind::savepoint);
  EXPECT_EQ(savepoint->to, "/save\xff");
  EXPECT_TRUE(savepoint->stop);
  const auto subtasks = sent({.kind = Kind::subtasks, .step = "totals"});
  ASSERT_TRUE(subtasks.ok());
  EXPECT_EQ(subtasks->step, "totals");
  const auto letters = sent(
      {.kind = Kind::dead_letters, .step = "read", .reason = "late", .after = "1.2.3", .limit = 7});
  ASSERT_TRUE(letters.ok());
  EXPECT_EQ(letters->step + letters->reason + letters->after, "readlate1.2.3");
  EXPECT_EQ(letters->limit, 7u);
  const std::string bytes("\0\xff", 2);
  const auto replay =
      sent({.kind = Kind::replay,
            .ids = {"1.0.2"},
            .edits = {{LetterEdit::Kind::set, "name=\xe9"}, {LetterEdit::Kind::bytes, bytes}}});
  ASSERT_TRUE(replay.ok());
  EXPECT_EQ(replay->ids, std::vector<std::string>{"1.0.2"});
  EXPECT_EQ(replay->edits[0].text, "name=\xe9");
  EXPECT_EQ(replay->edits[1].text, bytes);
}

TEST(ControlRequest, WhatIsNoneIsRefused) {
  for (const char* line :
       {"", "[]", "{}", R"({"request":"dance"})", R"({"request":"savepoint"})",
        R"({"request":"savepoint","to":"/x","stop":1})", R"({"request":"drop"})",
        R"({"request":"dead_letters","limit":-1})", R"({"request":"drop","ids":[1]})",
        R"({"request":"replay","ids":[],"edits":[["set"]]})",
        R"({"request":"replay","ids":[],"edits":[["bytes","0g"]]})",
        R"({"request":"replay","ids":[],"edits":[["grow","a"]]})"}) {
    const Status status = refused(line);
    ASSERT_FALSE(status.ok()) << line;
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument) << line;
  }
}

TEST(JobFile, SettingsMayBeAnyBytes) {
  JobFile job;
  job.library = "/jobs/\xe9.so";
  job.settings = {{"separator", "\xa7"}};
  const auto again = parse_job_file(job_file_text(job), "job.json");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->library, job.library);
  EXPECT_EQ(again->settings, job.settings);
  EXPECT_EQ(parse_job_file("{}", "job.json").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace weir::cli
