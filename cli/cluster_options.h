// What the commands of a cluster share: where it is, its token, addresses.
#pragma once

#include <string>

#include "cli/args.h"
#include "weir/cluster/messages.h"

namespace weir::cli {

inline const Option kClusterOption{
    "cluster", "URL[,URL]",
    "the coordinators; default the variable WEIR_CLUSTER, or http://127.0.0.1:7070"};
inline const Option kTokenOption{"token-file", "FILE",
                                 "holds the token of the cluster; default the variable WEIR_TOKEN"};

/// Of --token-file, else of WEIR_TOKEN, else none. Errors: of the file; invalid_argument when it is
/// empty.
Result<std::string> token_of(const Args& args);

/// "HOST:PORT" or "[HOST]:PORT". Error: invalid_argument, which names `option`.
Result<cluster::Address> parse_address(const std::string& option, const std::string& text,
                                       bool any_port = false);

}  // namespace weir::cli
