// union: several streams of one type as one. Passes batches through.
#pragma once

#include "weir/operators/contract.h"

namespace weir {

class UnionOperator final : public Operator {
 public:
  void on_batch(std::uint32_t, BatchBase& batch) override {
    context_->metrics->records_in.add(batch.size());
    context_->metrics->records_out.add(batch.size());
    context_->outputs[0].push(batch);
  }
};

/// Where a stream ends that nobody wants.
class DiscardOperator final : public Operator {
 public:
  void on_batch(std::uint32_t, BatchBase& batch) override {
    context_->metrics->records_in.add(batch.size());
    batch.clear();
  }
};

}  // namespace weir
