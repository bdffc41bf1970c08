// Metrics of jobs as text, whatever their masters answer.
#include "weir/cluster/job_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace weir::cluster {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

JobRecord running(const std::string& name) {
  JobRecord record;
  record.id = "j-00000001";
  record.spec.name = name;
  record.state = JobState::running;
  record.attempt = 3;
  return record;
}

std::string text_of(const std::vector<JobSample>& jobs, EventTime wall = from_millis(100'000)) {
  PrometheusText out;
  add_job_metrics(out, jobs, wall);
  return out.text();
}

const char* const kStatus = R"({"parallelism":2,"checkpoint":7,"checkpoint_age_ms":1500,
  "failed_checkpoints":1,"checkpoints":{"completed":6,"failed":2,"duration_ms":1500,
  "newest_bytes":77,"phases_ms":{"alignment":250,"pause":1,"write":1000,"manifest":2,"commit":30}},
  "steps":[
  {"name":"read \"it\"","kind":"source","parallelism":2,"lag":12,"state_bytes":4096,
   "times_ns":{"busy":2500000000,"waiting":0,"backpressured":1000000,"idle":7},
   "watermark":"1970-01-01T00:01:30Z",
   "counters":{"records_in":10,"records_out":9,"late":1,"dead_letters":2,"duplicates":3}},
  {"name":"b","kind":"map","watermark":null,"counters":{"records_in":4}}]})";

TEST(JobMetrics, SayWhatMastersAnswered) {
  const std::string text = text_of({{running("a"), kStatus}});
  const std::string job = "{job=\"a\",id=\"j-00000001\"";
  EXPECT_THAT(text, HasSubstr("weir_job_restarts_total" + job + "} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoint_id" + job + "} 7\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoint_age_seconds" + job + "} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoints_completed_total" + job + "} 6\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoints_failed_total" + job + "} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoint_seconds_total" + job + "} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoint_size_bytes" + job + "} 77\n"));
  EXPECT_THAT(text, HasSubstr("weir_job_checkpoint_phase_seconds_total" + job +
                              ",phase=\"alignment\"} 0.25\n"));
  const std::string step = job + ",step=\"read \\\"it\\\"\",kind=\"source\"} ";
  EXPECT_THAT(text, HasSubstr("weir_step_records_in_total" + step + "10\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_dead_letters_total" + step + "2\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_watermark_lag_seconds" + step + "10\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_source_lag_records" + step + "12\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_state_bytes" + step + "4096\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_busy_seconds_total" + step + "2.5\n"));
  EXPECT_THAT(text, HasSubstr("weir_step_backpressured_seconds_total" + step + "0.001\n"));
  EXPECT_THAT(text, Not(HasSubstr("weir_step_watermark_lag_seconds" + job + ",step=\"b\"")));
}

TEST(JobMetrics, EachFamilyIsDescribedOnceAndInOnePiece) {
  const std::string text = text_of({{running("a"), kStatus}, {running("b"), kStatus}});
  std::map<std::string, int> types;
  std::string family, line;
  for (std::istringstream lines(text); std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_EQ(++types[family], 1) << family;
    } else {
      EXPECT_TRUE(line.starts_with(family + "{") || line.starts_with(family + " ")) << line;
    }
  }
  EXPECT_GT(types.size(), 10u);
}

TEST(JobMetrics, AnswersOfAnyFormAreHarmless) {
  for (const char* status : {"", "[]", "{", "{\"steps\":1}", "{\"steps\":[1,{}]}",
                             "{\"steps\":[{\"counters\":[]}],\"checkpoint\":\"x\"}"}) {
    EXPECT_THAT(text_of({{running("a"), status}}), HasSubstr("weir_job_up"));
  }
  const std::string silent = text_of({{running("a\n\\"), std::nullopt}});
  EXPECT_THAT(silent, HasSubstr("weir_job_up{job=\"a\\n\\\\\",id=\"j-00000001\"} 0\n"));
}

TEST(JobMetrics, JobsThatAreOverAreOnlyCounted) {
  JobRecord over = running("a");
  over.state = JobState::failed;
  const std::string text = text_of({{over, std::nullopt}});
  EXPECT_THAT(text, HasSubstr("weir_jobs{state=\"failed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_jobs{state=\"running\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("weir_job_up")));
}

}  // namespace
}  // namespace weir::cluster
