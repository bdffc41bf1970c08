// Building and restoring a task; see task.h.
#include <algorithm>

#include "weir/runtime/task_parts.h"

namespace weir {
namespace {

/// The input of an operator in the same task.
class ChainedInput final : public Receiver {
 public:
  ChainedInput(Operator& op, std::uint32_t input, std::shared_ptr<const KeyHasher> hasher)
      : op_(op), input_(input), hasher_(std::move(hasher)) {}
  void receive(BatchBase& batch) override {
    if (hasher_) hasher_->hash(batch);
    op_.on_batch(input_, batch);
  }

 private:
  Operator& op_;
  std::uint32_t input_;
  std::shared_ptr<const KeyHasher> hasher_;
};

/// Aggregates within each batch, then partitions what is left. Keeps nothing between batches.
class CombiningOutput final : public Receiver {
 public:
  CombiningOutput(std::unique_ptr<Operator> combiner, const std::string& step,
                  DeadLetterSink& letters, Receiver& next)
      : combiner_(std::move(combiner)) {
    context_.step = step;
    context_.dead_letters = &letters;
    context_.metrics = &metrics_;
    context_.outputs.resize(1);
    context_.outputs[0].connect(&next);
  }
  Status open() { return combiner_->open(context_); }
  void receive(BatchBase& batch) override { combiner_->on_batch(0, batch); }

 private:
  StepMetrics metrics_;
  OperatorContext context_;
  std::unique_ptr<Operator> combiner_;
};

}  // namespace

void Task::add_operator(const GraphStep& step) {
  auto node = std::make_unique<Node>();
  node->step = &step;
  node->op = step.make();
  node->letters = std::make_unique<LetterLog>(*env_.clock, step.name, setup_.job,
                                              setup_.job_version, node->metrics);
  OperatorContext& context = node->context;
  context.task = this;
  context.job = setup_.job;
  context.run_id = setup_.run_id;
  context.attempt = setup_.attempt_name;
  context.step = step.name;
  context.subtask = setup_.subtask;
  context.parallelism = setup_.parallelism;
  context.keys = key_range_of(setup_.subtask, setup_.parallelism, setup_.max_parallelism);
  context.first_checkpoint = setup_.first_checkpoint;
  context.state_budget_bytes = setup_.state_budget_bytes;
  context.restore_slice_rows = setup_.restore_slice_rows;
  context.outputs.resize(step.outputs.size());
  context.dead_letters = node->letters.get();
  context.metrics = &node->metrics;
  if (step.source) {
    WEIR_CHECK(nodes_.empty(), "a source must be the first operator of its task");
    source_ = static_cast<SourceOperator*>(node->op.get());
  }
  nodes_.push_back(std::move(node));
  advancing_ = nodes_.size();
}

Task::Node& Task::node(StepId step) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const auto& node) { return node->step->id == step; });
  WEIR_CHECK(found != nodes_.end(), "a step is not in this task");
  return **found;
}

Task::Node* Task::find(const std::string& step) {
  for (auto& node : nodes_) {
    if (node->step->name == step) return node.get();
  }
  return nullptr;
}

void Task::chain(StepId from, std::uint32_t port, StepId to, std::uint32_t input,
                 std::shared_ptr<const KeyHasher> hasher) {
  receivers_.push_back(std::make_unique<ChainedInput>(*node(to).op, input, std::move(hasher)));
  node(from).context.outputs[port].connect(receivers_.back().get());
}

void Task::connect_out(const PlanEdge& edge, const GraphStep& to, std::vector<Channel*> targets,
                       std::function<std::unique_ptr<BatchBase>()> make_batch) {
  if (edge.letters) {
    outputs_.push_back(std::make_unique<Partitioner>(edge.edge.exchange, nullptr,
                                                     setup_.max_parallelism, setup_.subtask,
                                                     std::move(targets), std::move(make_batch)));
    live_outputs_.push_back(letters_out_ = outputs_.back().get());
    return;
  }
  OutputPort& port = node(edge.from).context.outputs[edge.edge.port];
  // Between unlike parallelisms there is no subtask "of the same number".
  const bool spread =
      edge.edge.exchange == Exchange::forward && targets.size() != setup_.parallelism;
  outputs_.push_back(std::make_unique<Partitioner>(
      spread ? Exchange::rebalance : edge.edge.exchange,
      edge.combined ? to.combined_hasher : edge.edge.hasher, setup_.max_parallelism, setup_.subtask,
      std::move(targets), std::move(make_batch)));
  live_outputs_.push_back(outputs_.back().get());
  if (!edge.combined) {
    port.connect(outputs_.back().get());
    return;
  }
  auto combining = std::make_unique<CombiningOutput>(to.make_combiner(), to.name,
                                                     *node(edge.from).letters, *outputs_.back());
  const Status opened = combining->open();
  WEIR_CHECK(opened.ok(), "a combiner cannot fail to open");
  port.connect(combining.get());
  receivers_.push_back(std::move(combining));
}

void Task::connect_in(Channel* channel, std::uint32_t input) {
  inputs_.push_back(std::make_unique<Input>());
  inputs_.back()->channel = channel;
  inputs_.back()->input = input;
}

void Task::set_waker(Waker* waker) {
  waker_ = waker;
  for (auto& input : inputs_) input->channel->set_reader(waker);
  for (Partitioner* output : live_outputs_) output->set_waker(waker);
}

Status Task::open(bool restored) {
  last_flush_ = last_idle_work_ = env_.clock->steady_now();
  for (auto& node : nodes_) {
    node->context.restored = restored;
    WEIR_TRY(node->op->open(node->context));
  }
  return {};
}

namespace {

/// A view of the live rows of one old subtask, cut to the key groups that this one takes.
class RangeCursor final : public RowCursor {
 public:
  RangeCursor(std::unique_ptr<RowCursor> rows, KeyGroupRange take, std::uint32_t max_parallelism)
      : rows_(std::move(rows)), take_(take), max_parallelism_(max_parallelism) {}
  Status seek(std::string_view) override {
    std::string first;
    ByteWriter(first).big_endian64(first_hash_of(take_.begin, max_parallelism_));
    return rows_->seek(first);
  }
  bool valid() const override {
    if (!rows_->valid()) return false;
    return key_group_of(ByteReader(rows_->key()).big_endian64(), max_parallelism_) < take_.end;
  }
  Status next() override { return rows_->next(); }
  std::string_view key() const override { return rows_->key(); }
  std::string_view value() const override { return rows_->value(); }
  bool tombstone() const override { return rows_->tombstone(); }

 private:
  std::unique_ptr<RowCursor> rows_;
  KeyGroupRange take_;
  std::uint32_t max_parallelism_;
};

Result<std::unique_ptr<RowCursor>> open_slice(Storage& storage, const std::string& folder,
                                              const RestoreSlice& slice,
                                              std::uint32_t max_parallelism) {
  std::vector<std::unique_ptr<RowCursor>> newest_first;
  for (auto run = slice.runs.rbegin(); run != slice.runs.rend(); ++run) {
    WEIR_ASSIGN(auto cursor, open_run(storage, folder, *run));
    newest_first.push_back(std::move(cursor));
  }
  return std::unique_ptr<RowCursor>(std::make_unique<RangeCursor>(
      merge_cursors(std::move(newest_first), true), slice.take, max_parallelism));
}

}  // namespace

/// Lets the operator leave its rows where they are, for good or for a while.
Status Task::prepare_cold_restore(Node& node, const StepRestore& from, RestoreRequest& request,
                                  Storage& storage) {
  for (const RestoreSlice& slice : from.slices) {
    for (const RunInfo& run : slice.runs) {
      request.most_rows += run.rows;
      request.most_bytes += run.size_bytes;
    }
  }
  const bool budget = setup_.state_budget_bytes > 0;
  request.may_wait = request.most_rows >= setup_.background_restore_rows;
  if (!budget && !request.may_wait) return {};
  // Old subtasks have different keys, so the order of their runs among each other does not matter.
  for (const RestoreSlice& slice : from.slices) {
    for (const RunInfo& run : slice.runs) {
      WEIR_ASSIGN(std::shared_ptr<RunLookup> opened,
                  RunLookup::open(storage, from.runs_folder, run));
      if (budget && !request.rewrite) node.lookups[run.file] = opened;
      request.runs.push_back(std::move(opened));
    }
  }
  if (!budget) return {};
  request.write_run = [this, &node, &storage, rows = request.most_rows](
                          const std::function<Status(RunWriter&)>& fill) -> Result<StateRuns> {
    const std::string file = state_file_name(node.step->name, setup_.subtask, 0,
                                             setup_.attempt_name, node.next_file++, "restored");
    WEIR_ASSIGN(RunInfo run, write_run(storage, setup_.runs_folder, file, rows, fill));
    WEIR_ASSIGN(std::shared_ptr<RunLookup> opened,
                RunLookup::open(storage, setup_.runs_folder, run));
    node.lookups[file] = opened;
    node.runs.restore({std::move(run)});
    return StateRuns{std::move(opened)};
  };
  return {};
}

Status Task::restore(StepRestore& from, Storage& storage) {
  Node* node = find(from.step);
  WEIR_CHECK(node != nullptr, "state for a step not here");
  RestoreRequest request;
  request.items = std::move(from.items);
  request.key_schema = from.key_schema;
  request.state_schema = from.state_schema;
  request.watermark = from.watermark;
  request.rewrite = from.own_runs.empty();
  if (node->op->has_keyed_state() && !from.slices.empty()) {
    request.open_rows = [this, &from, &storage]() -> Result<std::unique_ptr<RowCursor>> {
      // Slices of different old subtasks have different keys, so their order does not matter.
      std::vector<std::unique_ptr<RowCursor>> slices;
      for (const RestoreSlice& slice : from.slices) {
        WEIR_ASSIGN(auto cursor,
                    open_slice(storage, from.runs_folder, slice, setup_.max_parallelism));
        slices.push_back(std::move(cursor));
      }
      return merge_cursors(std::move(slices), true);
    };
    if (!request.rewrite) node->runs.restore(from.own_runs);
    WEIR_TRY(prepare_cold_restore(*node, from, request, storage));
  }
  WEIR_TRY(node->op->restore(request));
  node->rewrite = request.rewrite;
  node->restoring = request.in_background;
  restoring_ |= node->restoring;
  // Aligned sources look at it to see how far each has got, before anything moves again.
  node->metrics.watermark_ms = to_millis(from.watermark);
  if (nodes_[0].get() == node) watermark_ = target_watermark_ = from.watermark;
  return {};
}

}  // namespace weir
