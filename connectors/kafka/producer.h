// Producers: transactional ones for exactly once, and an idempotent one for at least once.
//
// A transactional producer's failures come as one of few kinds, since what must follow depends on
// the kind alone (H2, H3): see `Fault`.
// Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/connectors/kafka/client.h"
#include "weir/connectors/kafka/staged.h"

namespace weir::kafka::detail {

enum class Fault : std::uint8_t {
  none,
  abort,    ///< the transaction must be aborted; then the producer is as good as new
  fenced,   ///< another producer has taken over the id, or the broker gave the transaction up
  unknown,  ///< nobody knows whether it was committed: destroy the producer, look at the progress
};

/// How a call went; `error` says why when `fault` is not none.
struct Outcome {
  Fault fault = Fault::none;
  Error error{};
  bool ok() const { return fault == Fault::none; }
};

class Producer {
 public:
  /// With a `transactional_id` a transactional one. `max_record`: bytes that a record, and a batch,
  /// may have.
  static Result<std::unique_ptr<Producer>> make(const Connection& to,
                                                const std::string& transactional_id,
                                                std::size_t max_record);

  // ---- transactions
  /// Takes over the id: older producers of it are fenced, their open transactions aborted.
  Outcome init(Millis limit);
  Outcome begin();
  /// Queues a record; it is copied. Waits while the queue is full.
  Outcome add(const std::string& topic, const OutRecord& record);
  Outcome commit(Millis limit);
  Outcome abort(Millis limit);

  // ---- without
  /// Waits until everything queued is on its brokers; an error when a record did not get there.
  Status flush(Millis limit);

  const Handle& handle() const { return *handle_; }
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

 private:
  explicit Producer(std::unique_ptr<Handle> handle);
  Result<rd_kafka_topic_s*> topic(const std::string& name);
  Outcome outcome(void* rd_kafka_error);

  std::unique_ptr<Handle> handle_;
  std::map<std::string, rd_kafka_topic_s*, std::less<>> topics_;
};

}  // namespace weir::kafka::detail
