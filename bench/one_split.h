// What the sources of benchmarks have in common that make their records up in one split.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/weir.h"

namespace weir::bench {

/// Records of T from one `Reader`, which is made with the number that its position was, 0 at first.
template <class T, class Reader>
class OneSplit final : public Source<T> {
 public:
  explicit OneSplit(std::string what) : what_(std::move(what)) {}
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    return std::vector<std::string>{"all"};
  }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext&, const std::string&,
                                               const std::string& position) const override {
    return std::unique_ptr<SplitReader<T>>(std::make_unique<Reader>(
        position.empty() ? 0 : std::strtoull(position.c_str(), nullptr, 10)));
  }
  Result<T> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated " + what_ + " are not decoded"};
  }
  std::string describe() const override { return what_; }

 private:
  std::string what_;
};

}  // namespace weir::bench
