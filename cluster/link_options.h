// How the processes of a cluster are connected. Pure functions: any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "weir/net/link.h"

namespace weir::cluster {

/// Of a link that speaks TLS where the cluster does (`tls` null: not), and fails when the other end
/// claims a frame of more than `max_frame_bytes`.
inline net::LinkOptions link_options(
    std::shared_ptr<net::Tls> tls,
    std::size_t max_frame_bytes = net::LinkOptions().max_frame_bytes) {
  net::LinkOptions options;
  options.tls = std::move(tls);
  options.max_frame_bytes = max_frame_bytes;
  return options;
}

}  // namespace weir::cluster
