#include "bench/nexmark/queries.h"

namespace weir::bench::nexmark {

const std::vector<Query>& queries() {
  static const std::vector<Query> all = {
      {"q0", q0, 5.09},
      {"q1", q1, 4.79},
      {"q2", q2, 5.67},
      {"q3", q3, 3.83},
  };
  return all;
}

}  // namespace weir::bench::nexmark
