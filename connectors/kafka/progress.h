// The progress topic: how far each shard of each sink has come (H1, H4).
//
//   ID/RUN/SHARD   -> JSON of ProgressRecord    ID as in `transactional.id`, RUN the run of the job
//   ID/owner/SHARD -> JSON of OwnerRecord       who has the shard, whatever the run
//
// One partition, compacted. A record is written in the same transaction as the output it speaks of;
// so of two that a shard could have written, a reader of committed records sees those that count.
//
// Called on I/O threads.
#pragma once

#include <map>
#include <string>

#include "weir/base/describe.h"
#include "weir/connectors/kafka/client.h"
#include "weir/connectors/kafka/staged.h"

namespace weir::kafka::detail {

struct ProgressRecord {
  std::uint64_t checkpoint = 0;
  std::uint32_t block = 0;
};
WEIR_DESCRIBE(ProgressRecord, checkpoint, block);

/// Tells a producer that was fenced who has its id now.
struct OwnerRecord {
  std::string attempt;
};
WEIR_DESCRIBE(OwnerRecord, attempt);

/// Where the progress of one run of one sink stands.
struct ProgressPlace {
  std::string topic, id, run;

  std::string key(std::uint32_t shard) const {
    return id + "/" + run + "/" + std::to_string(shard);
  }
  std::string owner_key(std::uint32_t shard) const {
    return id + "/owner/" + std::to_string(shard);
  }
};

/// What the topic says, by shard.
struct Standing {
  std::map<std::uint32_t, ProgressRecord> progress;
  std::map<std::uint32_t, std::string> owners;  ///< attempts
};

/// Creates the topic unless it exists.
Status ensure_progress_topic(const Connection& to, const std::string& topic);

/// How far to read the progress topic.
enum class ReadTo : std::uint8_t {
  visible,  ///< what readers of committed records see now
  end,      ///< its end as of now: waits for transactions that are open before it
};
/// The newest records of each shard of `place`. `limit`: for transactions that are open.
Result<Standing> read_progress(const Connection& to, const ProgressPlace& place, ReadTo how_far,
                               Millis limit);

}  // namespace weir::kafka::detail
