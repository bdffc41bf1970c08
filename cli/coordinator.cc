// `weir coordinator`: a coordinator of a cluster, until it is told to end.
#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/exit_codes.h"
#include "cli/stop_signal.h"
#include "weir/base/storage.h"
#include "weir/cluster/coordinator_server.h"

namespace weir::cli {
namespace {

using cluster::Address;
using cluster::CoordinatorOptions;
using cluster::CoordinatorServer;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    if (comma > begin) parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

Result<CoordinatorOptions> coordinator_options(const Args& args) {
  CoordinatorOptions options;
  options.cluster = args.text("name", options.cluster);
  WEIR_ASSIGN(const Address workers,
              parse_address("address", args.text("address", "127.0.0.1:7071"), true));
  options.host = workers.host;
  options.port = workers.port;
  WEIR_ASSIGN(const Address http, parse_address("http", args.text("http", "127.0.0.1:7070"), true));
  options.http_host = http.host;
  options.http_port = http.port;
  options.advertise = args.text("advertise");
  options.storage = args.text("storage");
  options.registry = args.text("registry");
  options.etcd = split(args.text("etcd"));
  if (args.has("etcd") && args.has("registry")) {
    return Error{ErrorCode::invalid_argument,
                 "Give either --etcd or --registry: the records are kept in one place"};
  }
  WEIR_ASSIGN(options.etcd_tls, net::Tls::open({args.text("etcd-ca", args.text("tls-ca")),
                                                args.text("etcd-cert"), args.text("etcd-key")}));
  WEIR_ASSIGN(options.term, args.duration("term", options.term));
  if (options.term < std::chrono::seconds(1) || options.term > std::chrono::minutes(10)) {
    return Error{ErrorCode::invalid_argument, "--term must be from 1s to 10min"};
  }
  WEIR_ASSIGN(options.token, token_of(args));
  warn_of_open_key(args.text("etcd-key"));
  WEIR_ASSIGN(options.tls, member_tls_of(args));
  return options;
}

Result<int> run(const Args& given) {
  WEIR_ASSIGN(const Args args, with_configuration(given));
  WEIR_ASSIGN(CoordinatorOptions options, coordinator_options(args));
  StopSignal signals;
  WEIR_ASSIGN(const auto server, CoordinatorServer::start(std::move(options)));
  signals.wait();
  return kOk;
}

}  // namespace

Command coordinator_command() {
  return {
      "coordinator",
      "",
      0,
      0,
      "Lead a cluster, or stand by to",
      {
          {"storage", "DIR", "a folder that all hosts share: libraries, state of jobs"},
          {"address", "HOST:PORT", "where to listen for workers; default 127.0.0.1:7071"},
          {"http", "HOST:PORT", "where to serve the API; default 127.0.0.1:7070"},
          {"advertise", "HOST",
           "how others reach this host; default as it listens; when it listens on all addresses "
           "its "
           "name, or an address of it if the name leads to loopback"},
          {"registry", "DIR",
           "for coordinators of one host: where the lead and the records are kept; default "
           "STORAGE/registry"},
          {"etcd", "URL[,URL]", "keep them in etcd instead, for coordinators on several hosts"},
          {"etcd-ca", "FILE",
           "the CA of https:// endpoints of etcd, PEM; default that of --tls-ca, or those that the "
           "system trusts"},
          {"etcd-cert", "FILE", "a certificate to show to etcd, PEM"},
          {"etcd-key", "FILE", "its key, PEM"},
          {"term", "TIME", "with --etcd: how long a lead lasts without being renewed; default 2s"},
          {"name", "NAME", "the name of the cluster; default 'default'"},
          {"token-file", "FILE",
           "holds the token that workers and callers must have; default the variable WEIR_TOKEN. "
           "Needed unless it listens on loopback only."},
          kTlsCaOption,
          kTlsCertOption,
          kTlsKeyOption,
          {"config", "FILE", "a YAML file with these options", false, nullptr, false},
      },
      "Start several for fail-over: one leads, the others take over when it ends or hangs. None "
      "of\n"
      "that stops what runs. Ctrl-C or SIGTERM ends it and gives the lead back.\n"
      "Each option may also be a variable, WEIR_COORDINATOR_STORAGE for --storage, or stand in "
      "the\n"
      "file of --config: the command line wins over the environment, that over the file.\n",
      run};
}

}  // namespace weir::cli
