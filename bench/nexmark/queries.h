// The queries of the Nexmark suite, each a function that builds a job. What each asks is said where
// it is written; README.md says where that differs from the suite's SQL.
//
// Settings of all of them: `events`, `rate` (events a second of event time), `seed`, `start`
// (milliseconds), `splits`, and `answers`: the folder for the answers; without it they are counted.
#pragma once

#include <vector>

#include "weir/runtime/run.h"

namespace weir::bench::nexmark {

struct Query {
  const char* name;
  JobFunction build;
  /// What Flink does on the same work with RocksDB, in millions of events a second on two cores
  /// together; 0: not measured.
  double flink_total;
};

/// All of them, q0 to q22 without q6.
const std::vector<Query>& queries();

// Events one by one (stateless.cc).
void q0(Job& job);
void q1(Job& job);
void q2(Job& job);
void q10(Job& job);
void q13(Job& job);
void q14(Job& job);
void q21(Job& job);
void q22(Job& job);
// Joins (joins.cc).
void q3(Job& job);
void q4(Job& job);
void q9(Job& job);
void q20(Job& job);
// Windows (windows.cc).
void q5(Job& job);
void q7(Job& job);
void q8(Job& job);
void q11(Job& job);
void q12(Job& job);
// Reports by day, and rankings (reports.cc, rankings.cc).
void q15(Job& job);
void q16(Job& job);
void q17(Job& job);
void q18(Job& job);
void q19(Job& job);

}  // namespace weir::bench::nexmark
