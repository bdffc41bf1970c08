#include "bench/nexmark/queries.h"

namespace weir::bench::nexmark {

const std::vector<Query>& queries() {
  static const std::vector<Query> all = {
      {"q0", q0, 5.09},    {"q1", q1, 4.79},    {"q2", q2, 5.67},    {"q3", q3, 3.83},
      {"q4", q4, 0.140},   {"q5", q5, 0.409},   {"q7", q7, 0},       {"q8", q8, 2.77},
      {"q9", q9, 0.072},   {"q10", q10, 0},     {"q11", q11, 0},     {"q12", q12, 0.731},
      {"q13", q13, 0},     {"q14", q14, 0},     {"q15", q15, 0.630}, {"q16", q16, 0.084},
      {"q17", q17, 0.806}, {"q18", q18, 0.186}, {"q19", q19, 0.238}, {"q20", q20, 0.084},
      {"q21", q21, 0},     {"q22", q22, 0},
  };
  return all;
}

}  // namespace weir::bench::nexmark
