// See evolve.h.
#include "weir/base/evolve.h"

#include <algorithm>

namespace weir::evolve_detail {

bool first_visit(std::vector<const void*>& seen, const void* what) {
  if (std::find(seen.begin(), seen.end(), what) != seen.end()) return false;
  seen.push_back(what);
  return true;
}

void append_rules(EvolutionRules& rules, const EvolutionRules& more) {
  rules.renames.insert(rules.renames.end(), more.renames.begin(), more.renames.end());
  rules.migrations.insert(rules.migrations.end(), more.migrations.begin(), more.migrations.end());
}

}  // namespace weir::evolve_detail
