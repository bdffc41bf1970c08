// Reading a partition; see Fetch in client.h.
//
// This is librdkafka's simple consumer: no group, no rebalance, no seek and no pause, and a queue
// of its own for each partition. So a partition that is not read from fills its queue and is then
// left alone by the fetcher: that is how alignment pauses it.
#include <librdkafka/rdkafka.h>

#include "weir/connectors/kafka/client.h"

namespace weir::kafka::detail {

void Messages::clear() {
  for (std::size_t i = 0; i < size_; ++i) rd_kafka_message_destroy(all_[i]);
  size_ = 0;
}

Fetch::Fetch(std::shared_ptr<Handle> consumer, Partition partition)
    : consumer_(std::move(consumer)), partition_(std::move(partition)) {}

Result<std::unique_ptr<Fetch>> Fetch::start(std::shared_ptr<Handle> consumer,
                                            const Partition& partition, std::int64_t offset) {
  std::unique_ptr<Fetch> made(new Fetch(std::move(consumer), partition));
  const Handle& handle = made->consumer();
  made->topic_ = rd_kafka_topic_new(handle.get(), partition.topic.c_str(), nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle.get());
  const int started = made->topic_ == nullptr ? -1
                                              : rd_kafka_consume_start_queue(
                                                    made->topic_, partition.number, offset, queue);
  if (started != 0) {
    rd_kafka_queue_destroy(queue);
    Error error = handle.error(rd_kafka_last_error(), true);
    error.message = "cannot read " + to_string(partition) + ": " + error.message;
    return error;
  }
  made->queue_ = queue;
  return made;
}

Fetch::~Fetch() {
  if (queue_ != nullptr) {
    rd_kafka_consume_stop(topic_, partition_.number);
    rd_kafka_queue_destroy(queue_);
  }
  if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
}

void Fetch::next(Messages& out, std::size_t most, Millis limit) const {
  out.clear();
  if (out.all_.size() < most) out.all_.resize(most);
  const ssize_t got =
      rd_kafka_consume_batch_queue(queue_, static_cast<int>(limit.count()), out.all_.data(), most);
  out.size_ = got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::int64_t Fetch::known_end() const {
  std::int64_t low = -1, high = -1;
  rd_kafka_get_watermark_offsets(consumer_->get(), partition_.topic.c_str(), partition_.number,
                                 &low, &high);
  return high;
}

}  // namespace weir::kafka::detail
