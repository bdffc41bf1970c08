// Options of the commands of a cluster; see cluster_options.h.
#include "cli/cluster_options.h"

#include <sys/stat.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "weir/base/log.h"
#include "weir/base/storage.h"

namespace weir::cli {

Result<std::string> token_of(const Args& args) {
  std::string token;
  if (const std::string* path = args.value("token-file")) {
    auto storage = make_posix_storage();
    WEIR_ASSIGN(token, read_file(*storage, *path, 4096));
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    if (token.empty()) return Error{ErrorCode::invalid_argument, *path + " holds no token"};
  } else if (const char* given = std::getenv("WEIR_TOKEN")) {
    token = given;
  }
  return token;
}

std::vector<Option> asking(std::vector<Option> own) {
  const Option shared[] = {
      kClusterOption,
      kTokenOption,
      {"tls-ca", "FILE",
       "the CA of the coordinators' certificates, PEM; default the variable WEIR_TLS_CA, or those "
       "that the system trusts"},
      {"tls-cert", "FILE", "a certificate to show, PEM; default the variable WEIR_TLS_CERT"},
      {"tls-key", "FILE", "its key, PEM; default the variable WEIR_TLS_KEY"}};
  own.insert(own.end(), std::begin(shared), std::end(shared));
  return own;
}

std::string open_key(const std::string& path) {
  struct stat file {};
  if (path.empty() || ::stat(path.c_str(), &file) != 0) return "";
  const bool by_all = (file.st_mode & S_IRWXO) != 0;
  // A key of root's that a group of few may read is how systems keep those that services share.
  const bool by_group = (file.st_mode & S_IRWXG) != 0 && file.st_uid != 0;
  if (!by_all && !by_group) return "";
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(file.st_mode & 07777));
  return "the key " + path + " has mode " + mode + ": " +
         (by_all ? "everybody on this host" : "its group") +
         " can read it, and so pass for this member of the cluster; 'chmod 600 " + path +
         "' mends that";
}

void warn_of_open_key(const std::string& path) {
  if (const std::string problem = open_key(path); !problem.empty()) log_warn("tls", problem);
}

net::TlsFiles tls_files_of(const Args& args) {
  return {args.text("tls-ca"), args.text("tls-cert"), args.text("tls-key")};
}

Result<std::shared_ptr<net::Tls>> member_tls_of(const Args& args) {
  const net::TlsFiles files = tls_files_of(args);
  WEIR_ASSIGN(auto tls, net::Tls::open_member(files));
  warn_of_open_key(files.key);
  return tls;
}

Result<std::shared_ptr<net::Tls>> asking_tls_of(const Args& args) {
  const auto file = [&args](const char* option, const char* variable) {
    const char* const otherwise = std::getenv(variable);
    return args.text(option, otherwise != nullptr ? otherwise : "");
  };
  const net::TlsFiles files{file("tls-ca", "WEIR_TLS_CA"), file("tls-cert", "WEIR_TLS_CERT"),
                            file("tls-key", "WEIR_TLS_KEY")};
  if (files.ca.empty() && files.cert.empty() && files.key.empty()) return {nullptr};
  WEIR_ASSIGN(auto tls, net::Tls::open(files));
  warn_of_open_key(files.key);
  return tls;
}

Result<cluster::Address> parse_address(const std::string& option, const std::string& text,
                                       bool any_port) {
  const Error wrong{ErrorCode::invalid_argument,
                    "--" + option + ": '" + text + "' is not HOST:PORT"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  std::string host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || (port == 0 && !any_port) || host.empty()) {
    return wrong;
  }
  return cluster::Address{host, port};
}

}  // namespace weir::cli
