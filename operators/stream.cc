// The untyped part of building steps; see stream.h.
#include "weir/operators/stream.h"

namespace weir::operators_detail {

GraphStep make_step(std::string name, std::string kind, const Place& place,
                    const StepOptions& options) {
  GraphStep step;
  step.name = std::move(name);
  step.kind = std::move(kind);
  step.place = place;
  step.parallelism = options.parallelism;
  return step;
}

}  // namespace weir::operators_detail
