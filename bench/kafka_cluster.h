// A Kafka broker for benchmarks, and its topics. Used by one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace weir::bench {

/// A real broker on loopback, which ends with this object. Ends the process with a message when
/// there is none to be had.
class KafkaCluster {
 public:
  KafkaCluster();
  ~KafkaCluster();
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;

  const std::string& address() const { return address_; }
  void make_topic(const std::string& name, int partitions) const;
  /// Records of 200 bytes that begin with a user's number, spread over the partitions by user.
  void fill(const std::string& topic, int partitions, std::uint64_t records,
            std::uint64_t users) const;

 private:
  pid_t child_ = -1;
  int to_child_ = -1;
  std::string address_;
};

/// The user of record `i`.
std::uint64_t user_of(std::uint64_t i, std::uint64_t users);
/// The number that a record begins with.
std::uint64_t parse_user(const void* bytes, std::size_t size);

}  // namespace weir::bench
