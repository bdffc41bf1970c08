// Spreading batches over channels; see partitioner.h.
#include "weir/runtime/partitioner.h"

namespace weir {

Partitioner::Partitioner(Exchange exchange, std::shared_ptr<const KeyHasher> hasher,
                         std::uint32_t max_parallelism, std::uint32_t own_subtask,
                         std::vector<Channel*> targets,
                         std::function<std::unique_ptr<BatchBase>()> make_batch)
    : exchange_(exchange),
      hasher_(std::move(hasher)),
      max_parallelism_(max_parallelism),
      next_target_(own_subtask % static_cast<std::uint32_t>(targets.size())),
      make_batch_(std::move(make_batch)) {
  WEIR_CHECK(exchange_ != Exchange::hash || hasher_, "a hash exchange without a key");
  const auto parallelism = static_cast<std::uint32_t>(targets.size());
  for (Channel* channel : targets) {
    targets_.push_back({channel, make_batch_(), {}});
    open_batches_.push_back(targets_.back().open.get());
  }
  subtask_of_group_.resize(max_parallelism);
  for (std::uint32_t subtask = 0; subtask < parallelism; ++subtask) {
    const KeyGroupRange groups = key_groups_of(subtask, parallelism, max_parallelism);
    for (std::uint32_t g = groups.begin; g < groups.end; ++g) {
      subtask_of_group_[g] = static_cast<std::uint16_t>(subtask);
    }
  }
}

void Partitioner::receive(BatchBase& batch) {
  if (exchange_ == Exchange::hash) {
    by_hash(batch);
    return;
  }
  whole(batch, targets_[next_target_]);
  if (exchange_ == Exchange::rebalance) next_target_ = (next_target_ + 1) % targets_.size();
}

void Partitioner::by_hash(BatchBase& batch) {
  hasher_->hash(batch);
  const std::size_t rows = batch.size();
  row_targets_.resize(rows);
  const std::uint64_t* hashes = batch.hashes();
  for (std::size_t i = 0; i < rows; ++i) {
    row_targets_[i] = subtask_of_group_[key_group_of(hashes[i], max_parallelism_)];
  }
  open_rows_ += rows;
  for (std::size_t i = 0;;) {
    i = batch.scatter(i, row_targets_.data(), open_batches_.data());
    if (i == rows) break;
    send_open(targets_[row_targets_[i]]);
  }
}

void Partitioner::whole(BatchBase& batch, Target& target) {
  // Small batches are gathered, large ones are handed over by exchanging their content.
  const std::size_t rows = batch.size();
  if (target.open->empty()) {
    target.open->swap(batch);
    open_rows_ += rows;
  } else {
    row_targets_.assign(rows, static_cast<std::uint16_t>(&target - targets_.data()));
    open_rows_ += rows;
    for (std::size_t i = 0;
         (i = batch.scatter(i, row_targets_.data(), open_batches_.data())) < rows;) {
      send_open(target);
    }
  }
  if (target.open->full()) send_open(target);
}

void Partitioner::set_watermark(std::int64_t watermark_ms, bool active, std::int64_t since_ns) {
  if (watermark_ms == watermark_ms_ && active == active_ && since_ns == since_ns_) return;
  watermark_ms_ = watermark_ms;
  since_ns_ = since_ns;
  active_ = active;
  watermark_pending_ = true;
}

void Partitioner::flush() {
  if (!has_open()) return;
  for (Target& target : targets_) {
    if (watermark_pending_ || !target.open->empty()) send_open(target);
  }
  watermark_pending_ = false;
}

void Partitioner::barrier(std::uint64_t checkpoint, bool last) {
  flush();
  for (Target& target : targets_) {
    ChannelElement element;
    element.kind = ChannelElement::Kind::barrier;
    element.checkpoint = checkpoint;
    element.last = last;
    send(target, std::move(element));
  }
}

void Partitioner::end() {
  flush();
  for (Target& target : targets_) {
    ChannelElement element;
    element.kind = ChannelElement::Kind::end;
    send(target, std::move(element));
  }
}

void Partitioner::send_open(Target& target) {
  ChannelElement element;
  element.watermark_ms = watermark_ms_;
  element.active = active_;
  element.since_ns = since_ns_;
  if (!target.open->empty()) {
    open_rows_ -= target.open->size();
    element.batch = std::move(target.open);
    target.open = fresh(target);
    open_batches_[static_cast<std::size_t>(&target - targets_.data())] = target.open.get();
  }
  send(target, std::move(element));
}

std::unique_ptr<BatchBase> Partitioner::fresh(Target& target) {
  if (auto batch = target.channel->take_recycled()) return batch;
  return make_batch_();
}

void Partitioner::send(Target& target, ChannelElement element) {
  if (target.waiting.empty() && target.channel->push(element)) return;
  target.waiting.push_back(std::move(element));
  ++waiting_;
}

bool Partitioner::drain() {
  if (waiting_ == 0) return true;
  for (Target& target : targets_) {
    while (!target.waiting.empty() && target.channel->push(target.waiting.front())) {
      target.waiting.pop_front();
      --waiting_;
    }
  }
  return waiting_ == 0;
}

}  // namespace weir
