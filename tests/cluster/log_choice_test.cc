// Whose log is shown. See cluster/log_choice.h.
#include "weir/cluster/log_choice.h"

#include <gtest/gtest.h>

namespace weir::cluster {
namespace {

JobRecord record() {
  JobRecord record;
  record.id = "j-1";
  record.attempt = 3;
  Failure second, first;
  second.attempt = 3;
  second.process = 2;
  second.worker = "c.1";
  first.attempt = 2;
  first.worker = "b.1";  // it was lost: no process is known to have failed
  record.exceptions = {second, first};
  return record;
}

std::string chosen(const JobRecord& record, const LogAsked& asked = {}) {
  const auto id = chosen_log(record, asked);
  return id.ok() ? to_string(*id) : to_string(id.error().code);
}

TEST(LogChoice, OfAFailedAttemptItIsTheProcessThatFailedFirst) {
  EXPECT_EQ(chosen(record()), "j-1/3/2");
  EXPECT_EQ(chosen(record(), {3, {}}), "j-1/3/2");
  EXPECT_EQ(chosen(record(), {{}, 0}), "j-1/3/0");
  EXPECT_EQ(chosen(record(), {2, {}}), "j-1/2/0");
  EXPECT_EQ(chosen(record(), {1, 1}), "j-1/1/1");
}

TEST(LogChoice, OfAnAttemptThatRunsOrHasEndedWellItIsTheMaster) {
  JobRecord next = record();
  next.attempt = 4;
  EXPECT_EQ(chosen(next), "j-1/4/0");
  EXPECT_EQ(chosen(next, {3, {}}), "j-1/3/2");
}

TEST(LogChoice, WhatHasNotBegunHasNoLog) {
  EXPECT_EQ(chosen(record(), {4, {}}), "not_found");
  EXPECT_EQ(chosen(record(), {0, {}}), "not_found");
  EXPECT_EQ(chosen(JobRecord{}), "not_found");
}

TEST(LogChoice, TheWorkerIsSaidWhereItIsKnown) {
  JobRecord running = record();
  running.attempt = 4;
  running.processes = {{"a.1", 1}, {"b.1", 1}};
  EXPECT_EQ(worker_of(running, {"j-1", 4, 1}), "b.1");
  EXPECT_EQ(worker_of(running, {"j-1", 4, 2}), "");
  EXPECT_EQ(worker_of(running, {"j-1", 3, 2}), "c.1");
  EXPECT_EQ(worker_of(running, {"j-1", 3, 0}), "") << "it need not have run where another failed";
  EXPECT_EQ(worker_of(running, {"j-1", 2, 0}), "");
}

}  // namespace
}  // namespace weir::cluster
