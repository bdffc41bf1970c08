// The logical graph of a job: steps and the streams between them, without types. The typed face
// that authors use is operators/stream.h; it fills this in. Built on one thread, then only read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/schema.h"
#include "weir/runtime/operator.h"
#include "weir/runtime/sink.h"
#include "weir/runtime/source.h"

namespace weir {

/// A mistake in the building of a graph: thrown to the author, with step and source place.
class GraphError : public std::runtime_error {
 public:
  GraphError(const std::string& step, const std::source_location& place, const std::string& what);
};

/// Fills in the hashes of a batch by the key of a key_by. Shared by threads; const.
class KeyHasher {
 public:
  virtual ~KeyHasher() = default;
  virtual void hash(BatchBase& batch) const = 0;
  /// The hash of the record in a dead letter, which may have been repaired since it failed.
  virtual Result<std::uint64_t> hash_letter(const DeadLetter& letter) const = 0;
};

/// How records find the subtask of the next step.
enum class Exchange : std::uint8_t {
  forward,    ///< same subtask; round-robin where parallelisms differ
  hash,       ///< by key
  rebalance,  ///< round-robin by batch
};
const char* to_string(Exchange exchange);

using StepId = std::uint32_t;

/// One input of a step.
struct GraphEdge {
  StepId from = 0;
  std::uint32_t port = 0;   ///< output of `from`
  std::uint32_t input = 0;  ///< as the operator numbers it
  Exchange exchange = Exchange::forward;
  std::shared_ptr<const KeyHasher> hasher;  ///< for `hash`
};

/// One output of a step.
struct GraphPort {
  std::string name;  ///< "", "late", "rest", ...
  std::string type;  ///< as people read it
  std::function<std::unique_ptr<BatchBase>()> make_batch;
  bool optional = false;  ///< may stay without a consumer
  bool consumed = false;
};

/// What the coordinator needs of a source, beyond its operator.
struct SourceHooks {
  std::function<Result<std::vector<std::string>>(const SourceContext&)> discover;
  std::function<Result<std::vector<NewSplit>>(const SourceContext&, std::vector<std::string>)>
      first_positions;
  std::optional<Duration> discovery_interval;
  bool event_time = false;      ///< its records have event times
  std::string alignment_group;  ///< sources of one group do not drift apart; empty: none
  Duration alignment_drift{0};
};

/// What the coordinator needs of a sink.
struct SinkHooks {
  std::function<Status(const SinkContext&, const std::vector<std::string>& live)> prepare;
  std::function<Status(const SinkContext&)> attach;
  bool at_least_once = false;
};

struct GraphStep {
  GraphStep();
  GraphStep(GraphStep&&) noexcept;
  GraphStep& operator=(GraphStep&&) noexcept;
  ~GraphStep();

  StepId id = 0;
  std::string name;
  std::string kind;         ///< "source", "map", "process", "sink", ...
  std::string description;  ///< one line for `plan`
  std::source_location place;
  std::uint32_t parallelism = 0;  ///< 0: that of the job
  std::vector<GraphEdge> inputs;
  std::vector<GraphPort> outputs;
  std::function<std::unique_ptr<Operator>()> make;

  /// For combinable aggregates: makes the operator that aggregates within a batch before a hash
  /// exchange, the batches between the two, and the hasher of what it emits.
  std::function<std::unique_ptr<Operator>()> make_combiner;
  std::function<std::unique_ptr<BatchBase>()> make_combined_batch;
  std::shared_ptr<const KeyHasher> combined_hasher;
  std::uint32_t combined_input = 0;  ///< on which input the operator takes what is combined

  bool takes_letters = false;     ///< its input are the dead letters of all steps
  bool of_letters = false;        ///< all its records come from dead letters; set by `Graph::add`
  bool needs_event_time = false;  ///< means nothing where records have no event times
  bool needs_end = false;         ///< means nothing where records come behind the end of event time
  bool keyed = false;
  std::string key_schema, state_schema;  ///< canonical JSON; empty without keyed state
  /// Says whether state written under these schemas can be restored.
  std::function<Status(const std::string& key_schema, const std::string& state_schema)> check_state;

  std::optional<SourceHooks> source;
  std::optional<SinkHooks> sink;
};

class Graph {
 public:
  /// Adds a step and returns its id. Checks its name (unique, not empty, of letters, digits, '_',
  /// '-',
  /// '.') and its inputs.
  StepId add(GraphStep&& step);

  const std::vector<GraphStep>& steps() const { return steps_; }
  std::vector<GraphStep>& steps() { return steps_; }
  const GraphStep& step(StepId id) const { return steps_[id]; }
  const GraphStep* find(std::string_view name) const;
  /// The step that takes the dead letters of the others; null when there is none.
  const GraphStep* letters_step() const;

  /// Marks that somebody takes output `port` of `step`.
  void consume(StepId step, std::uint32_t port) { steps_[step].outputs[port].consumed = true; }

  /// Checks the graph as a whole: at least one source, no stream without a consumer, no two sinks
  /// with one destination. Throws GraphError.
  void check() const;

  /// The graph for people and as Graphviz.
  std::string to_text() const;
  std::string to_dot() const;

 private:
  void note_letters(GraphStep& step) const;
  void check_destinations() const;
  std::vector<const GraphStep*> upward_of(const GraphStep& step) const;
  void check_event_time(const GraphStep& step) const;
  void check_end(const GraphStep& step) const;

  std::vector<GraphStep> steps_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace weir
