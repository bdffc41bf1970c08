#include "bench/twins/cost_twin.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>

namespace weir::bench {
namespace {

// The finaliser of MurmurHash3 (Appleby 2011): every bit of the result depends on all of `x`.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

}  // namespace

std::uint64_t cost_checksum(std::uint64_t user, const CostTotals& totals) {
  return mix(mix(mix(mix(user + 1) + totals.count) + totals.sum) +
             static_cast<std::uint64_t>(totals.last));
}

CostResult run_cost_twin(std::uint64_t events, std::uint64_t keys, std::uint64_t more) {
  boost::unordered_flat_map<std::uint64_t, CostTotals> table;
  CostGenerator generator(keys);
  CostEvent event{};

  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < events; ++i) {
    generator.next(i, event);
    if (event.type == 3) continue;
    event.val *= 2;
    for (std::uint64_t k = 0; k < more; ++k) ++event.val;
    CostTotals& totals = table[event.user];
    ++totals.count;
    totals.sum += event.val;
    totals.last = event.ts;
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;

  CostResult result;
  result.ns_per_event = events == 0 ? 0 : took.count() / static_cast<double>(events);
  result.users = table.size();
  for (const auto& [user, totals] : table) result.checksum += cost_checksum(user, totals);
  return result;
}

}  // namespace weir::bench
