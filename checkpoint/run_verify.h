// Proof that a run's file is the one its manifest speaks of. Internal to checkpoint/.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/checkpoint/run.h"

namespace weir {

/// Opens `folder`/`info.file` and reads all of it: any difference in size or hash is
/// ErrorCode::corrupt, naming the file. The returned handle is the one whose bytes were checked, so
/// a file that is replaced meanwhile changes nothing.
Result<std::unique_ptr<ReadFile>> open_verified(Storage& storage, const std::string& folder,
                                                const RunInfo& info);

/// Reads the file of `info` once, from its start to its end, and gives each piece (at most 256 KiB)
/// to `visit`. Ends with ErrorCode::corrupt when size or hash were not those of `info`, or with the
/// first error of `visit`.
Status read_verified(ReadFile& file, const std::string& path, const RunInfo& info,
                     const std::function<Status(std::string_view)>& visit);

}  // namespace weir
