#include "bench/nexmark/text.h"

#include <mutex>
#include <string>
#include <unordered_set>

namespace weir::bench::nexmark {

Text Text::interned(std::string_view text) {
  static std::mutex mutex;
  static auto& stock = *new std::unordered_set<std::string>;  // never freed: texts point into it
  const std::lock_guard lock(mutex);
  return lasting(*stock.emplace(text.substr(0, kLongest)).first);
}

}  // namespace weir::bench::nexmark
