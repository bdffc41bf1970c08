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

/// Tells a producer that was fenced who has its id now. Older versions wrote the attempt alone.
struct OwnerRecord {
  std::string attempt;
  std::string state;         ///< the id of its state folder, by which attempts of a job are known
  std::string folder, host;  ///< that folder and where it runs, for people
};
WEIR_DESCRIBE(OwnerRecord, attempt, state, folder, host);
/// Error: corrupt.
Result<OwnerRecord> parse_owner(const std::string& text);

/// Whether `mine` may write with a transactional id that `owner` has taken over last. Errors:
/// fenced when another attempt of the job has it; already_exists, for good, when another job has
/// it.
Status check_owner(const OwnerRecord& mine, const OwnerRecord& owner, const std::string& id);
/// Whether `mine` may take the id over. Error: fenced when `owner` is a newer attempt of the job,
/// which that would end for nothing.
Status check_not_newer(const OwnerRecord& mine, const OwnerRecord& owner, const std::string& id);

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
  std::map<std::uint32_t, OwnerRecord> owners;
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
