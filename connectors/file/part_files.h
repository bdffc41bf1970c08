// The folder of a file sink, and what may happen in it.
//
//   DIR/part-CHECKPOINT-SUBTASK-NUMBER.EXT    committed: whole, durable, never touched again
//   DIR/.staging/ATTEMPT-SUBTASK-NUMBER.EXT   being written, or waiting for its checkpoint
//
// A staged file may stay open over barriers until it is large or old enough. Each barrier makes
// what was written so far durable and records its size. So there are two kinds of items in a
// checkpoint:
//
//   committable   a closed file, its size and its final name: renamed once the checkpoint is
//   complete carried over  a file still open, with its size at the barrier
//
// After a crash a carried-over file may hold more than its recorded size. It is never written
// again: the restored subtask makes it a committable of its next checkpoint, and commit copies the
// recorded part when there is more. That needs neither truncation nor appending from the storage,
// and no byte is written twice unless there was a crash.
//
//   item := varint format, string staged name, string final name (empty: carried over),
//           varint size, string DIR
//   format := 2, or 3 for a committable that was carried over by an attempt before
//
// Attempts of one job may overlap (part_owner.h), so one that was overtaken may still write to a
// file which it had carried over: that is committed as a copy, always, and copies are named for who
// makes them. Two attempts that commit one item come to the same, whoever is first.
//
// Who may write to DIR: part_owner.h. A checkpoint may be restored into another folder than its
// output lies in: then what DIR shows stays there, what DIR stages is copied, and DIR is not
// touched.
//
// Called on I/O threads, for one sink by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/sink.h"

namespace weir::file::detail {

struct PartItem {
  std::string staged_name;
  std::string final_name;
  std::uint64_t size_bytes = 0;
  std::string folder;  ///< its canonical path when the item was made
  bool open = false;   ///< a committable that another attempt had open, and may still write to

  std::string encode() const;
  static Result<PartItem> decode(std::string_view bytes);
};

/// DIR/.staging
std::string staging_folder(const std::string& folder);

/// Creates the folder, shows that it can be written, refuses that of another run, sees to it that
/// all of `live` can be committed, and removes staged files that none of it names.
Status prepare_parts(const SinkContext& context, const std::string& folder,
                     const std::vector<std::string>& live);

/// Gives closed files their final names. What was done already is fine; what can no longer be done
/// is an error that names the lost file.
Status commit_parts(const SinkContext& context, const std::string& folder,
                    const std::vector<Committable>& committables);

/// Says whether `name` is a copy of the staged file `staged` that some attempt makes.
bool is_copy_of(std::string_view name, std::string_view staged);

}  // namespace weir::file::detail
