// What the commands of a cluster share: where it is, its token, addresses.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/args.h"
#include "weir/cluster/messages.h"
#include "weir/net/tls.h"

namespace weir::cli {

inline const Option kClusterOption{
    "cluster", "URL[,URL]",
    "the coordinators; default the variable WEIR_CLUSTER, or http://127.0.0.1:7070, with --tls-ca "
    "https"};
inline const Option kTokenOption{"token-file", "FILE",
                                 "holds the token of the cluster; default the variable WEIR_TOKEN"};

/// The three files of TLS, for those whom others ask.
inline const Option kTlsCaOption{"tls-ca", "FILE",
                                 "speaks TLS, with whom the CA in this PEM file vouches for"};
inline const Option kTlsCertOption{"tls-cert", "FILE", "with --tls-ca: the own certificate, PEM"};
inline const Option kTlsKeyOption{"tls-key", "FILE", "the key of --tls-cert, PEM"};

/// What every command that asks a cluster takes: where it is, the token, the files of TLS.
std::vector<Option> asking(std::vector<Option> own);

/// --tls-ca, --tls-cert and --tls-key of a coordinator or worker.
net::TlsFiles tls_files_of(const Args& args);
/// What they hold; null when none is given. A key that others may read is warned of. Errors: as of
/// net::Tls::open_member.
Result<std::shared_ptr<net::Tls>> member_tls_of(const Args& args);
/// Why a private key in this file is no secret; empty when it is, or is not there. The file behind
/// a link counts.
std::string open_key(const std::string& path);
/// Says that in the log.
void warn_of_open_key(const std::string& path);
/// As member_tls_of, of a command that asks a cluster; else of WEIR_TLS_CA, WEIR_TLS_CERT and
/// WEIR_TLS_KEY. Null when none is given. Errors: as of net::Tls::open.
Result<std::shared_ptr<net::Tls>> asking_tls_of(const Args& args);

/// Of --token-file, else of WEIR_TOKEN, else none. Errors: of the file; invalid_argument when it is
/// empty.
Result<std::string> token_of(const Args& args);

/// "HOST:PORT" or "[HOST]:PORT". Error: invalid_argument, which names `option`.
Result<cluster::Address> parse_address(const std::string& option, const std::string& text,
                                       bool any_port = false);

}  // namespace weir::cli
