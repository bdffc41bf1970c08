// Records out of messages; see reader.h.
#include "weir/connectors/kafka/reader.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

#include "weir/connectors/kafka/letter.h"

namespace weir::kafka::detail {

PartitionReader::PartitionReader(Setup setup, std::unique_ptr<Decoder> decoder,
                                 std::unique_ptr<Fetch> fetch, Partition partition,
                                 Position position)
    : setup_(setup),
      decoder_(std::move(decoder)),
      fetch_(std::move(fetch)),
      partition_(std::move(partition)),
      position_(position) {}

Result<ReadStatus> PartitionReader::read(Rows& rows, DeadLetterSink& dead) {
  if (at_end()) return ReadStatus::end;
  fetch_->next(messages_, rows.room(), Millis{0});
  for (std::size_t i = 0; i < messages_.size() && !at_end(); ++i) {
    WEIR_TRY(take(*messages_[i], rows, dead));
  }
  const bool empty = messages_.size() == 0;
  messages_.clear();
  if (empty || ++reads_ % 64 == 0) update_lag();
  if (at_end()) return ReadStatus::end;
  return empty ? ReadStatus::empty : ReadStatus::more;
}

Status PartitionReader::take(const rd_kafka_message_s& raw, Rows& rows, DeadLetterSink& dead) {
  if (raw.err == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]]
    return take_record(raw, rows, dead);
  if (raw.err != RD_KAFKA_RESP_ERR__PARTITION_EOF) return trouble(raw);
  // Behind the last record there may be marks of transactions, which no reader sees.
  position_.next = std::max(position_.next, raw.offset);
  end_since_ = setup_.clock->steady_now();
  return {};
}

Status PartitionReader::take_record(const rd_kafka_message_s& raw, Rows& rows,
                                    DeadLetterSink& dead) {
  if (raw.offset < position_.next) [[unlikely]] {
    return Error{ErrorCode::io,
                 "offset " + std::to_string(raw.offset) + " of " + to_string(partition_) +
                     " came after " + std::to_string(position_.next - 1),
                 true};
  }
  if (position_.end && raw.offset >= *position_.end) {
    position_.next = *position_.end;
    return {};
  }
  position_.next = raw.offset + 1;
  end_since_.reset();
  const Message message(raw);
  const SourceOptions& options = *setup_.options;
  if (raw.payload == nullptr) [[unlikely]] {
    if (options.skip_tombstones) return {};
    if (decoder_->needs_value()) {
      dead.add(to_letter(message, DeadLetterReason::decode, setup_.format,
                         "the record has no value (a tombstone); .skip_tombstones passes over "
                         "such"));
      return {};
    }
  }
  if (raw.len > options.max_record) [[unlikely]] {
    dead.add(to_letter(message, DeadLetterReason::too_large, setup_.format,
                       "the record has " + std::to_string(raw.len) + " bytes, more than the " +
                           std::to_string(options.max_record) + " of .max_record"));
    return {};
  }
  void* row = rows.add(to_millis(message.timestamp()));
  error_.clear();
  if (decoder_->decode(message, row, error_)) [[likely]]
    return {};
  rows.drop_last();
  dead.add(to_letter(message, DeadLetterReason::decode, setup_.format, error_));
  return {};
}

Status PartitionReader::trouble(const rd_kafka_message_s& raw) const {
  const std::string what = to_string(partition_);
  if (raw.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      raw.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    return Error{ErrorCode::not_found,
                 "offset " + std::to_string(position_.next) + " of " + what +
                     " is no longer there: the topic has deleted what this job had still to read "
                     "(see retention.ms and retention.bytes), or was made anew. Restore from a "
                     "later checkpoint, or begin with a new state folder",
                 false};
  }
  const bool denied = raw.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
  Error error = client_error(raw.err, "cannot read " + what + ": " + rd_kafka_message_errstr(&raw),
                             fetch_->consumer().connection(), !denied);
  return error;
}

bool PartitionReader::caught_up() const {
  return end_since_ && setup_.clock->steady_now() - *end_since_ >= setup_.options->idle_at_end;
}

void PartitionReader::update_lag() {
  fetch_->consumer().poll();
  const std::int64_t end = fetch_->known_end();
  if (end < 0) return;
  lag_ = static_cast<std::uint64_t>(std::max<std::int64_t>(end - position_.next, 0));
}

}  // namespace weir::kafka::detail
