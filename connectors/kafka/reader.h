// Reads one partition on the thread of its task.
//
// Invariants: offsets strictly increase (H6); the position is one past the last record that was
// returned, or passed over, or made a dead letter.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weir/base/clock.h"
#include "weir/connectors/kafka/client.h"
#include "weir/connectors/kafka/position.h"
#include "weir/connectors/kafka/untyped.h"

namespace weir::kafka::detail {

class PartitionReader final : public UntypedReader {
 public:
  /// What is the same for all readers of a source.
  struct Setup {
    const SourceOptions* options = nullptr;  ///< outlives the reader
    PayloadFormat format = PayloadFormat::text;
    Clock* clock = nullptr;
  };
  PartitionReader(Setup setup, std::unique_ptr<Decoder> decoder, std::unique_ptr<Fetch> fetch,
                  Partition partition, Position position);

  Result<ReadStatus> read(Rows& rows, DeadLetterSink& dead) override;
  std::string position() const override { return position_.encode(); }
  bool caught_up() const override;
  std::optional<std::uint64_t> lag() const override { return lag_; }

 private:
  Status take(const rd_kafka_message_s& raw, Rows& rows, DeadLetterSink& dead);
  Status take_record(const rd_kafka_message_s& raw, Rows& rows, DeadLetterSink& dead);
  Status trouble(const rd_kafka_message_s& raw) const;
  void update_lag();
  bool at_end() const { return position_.end && position_.next >= *position_.end; }

  Setup setup_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Fetch> fetch_;
  Partition partition_;
  Position position_;
  Messages messages_;                    // reused
  std::string error_;                    // reused
  std::optional<SteadyTime> end_since_;  // no record has come since the broker said "end"
  std::optional<std::uint64_t> lag_;
  unsigned reads_ = 0;
};

}  // namespace weir::kafka::detail
