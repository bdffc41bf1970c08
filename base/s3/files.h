// Objects while they are written and read. Internal to base/s3.
#pragma once

#include <memory>

#include "weir/base/s3/client.h"

namespace weir::s3 {

/// An object to come. It appears as a whole with `sync`; before, the server holds at most parts of
/// an upload, which the destructor gives up.
std::unique_ptr<AppendFile> write_object(std::shared_ptr<Client> client, Place place);

/// Fetches an object as it is now, into memory or, if it is large, a local file without a name: it
/// can be read whatever becomes of the object.
Result<std::unique_ptr<ReadFile>> read_object(Client& client, const Place& place);

}  // namespace weir::s3
