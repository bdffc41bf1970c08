// `weir health`: whether coordinators live, for probes on hosts that have no other client.
#include <cstdio>

#include "cli/cluster_client.h"
#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "weir/cluster/http_client.h"

namespace weir::cli {
namespace {

Status ask(const std::string& url, const std::string& what, Duration timeout,
           const std::shared_ptr<net::Tls>& tls) {
  cluster::HttpRequest request;
  request.tls = tls;
  request.url = url + "/" + what;
  request.body_limit = 1 << 16;
  WEIR_ASSIGN(const cluster::HttpResponse answer, cluster::http_request(request, timeout));
  if (answer.status == 200) return {};
  std::string body = answer.body;
  while (body.ends_with('\n')) body.pop_back();
  return Error{ErrorCode::io,
               request.url + " answers " + std::to_string(answer.status) + ": " + body, true};
}

/// One try at each, so that whoever probes decides about patience.
Result<int> health(const Args& args) {
  WEIR_ASSIGN(const ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const Duration timeout, args.duration("timeout", std::chrono::seconds(2)));
  const std::string what = args.has("ready") ? "ready" : "health";
  int status = kOk;
  for (const std::string& url : client.urls()) {
    if (const Status well = ask(url, what, timeout, client.tls()); !well.ok()) {
      std::fprintf(stderr, "weir: %s\n", well.error().message.c_str());
      status = kFailed;
    } else {
      std::printf("%s %s\n", url.c_str(), args.has("ready") ? "is ready" : "lives");
    }
  }
  return status;
}

}  // namespace

Command health_command() {
  return {"health",
          "",
          0,
          0,
          "Say whether each coordinator of a cluster lives",
          asking({{"ready", nullptr, "rather: whether it leads, or reaches the one that does"},
                  {"timeout", "TIME", "for each; default 2s"}}),
          "Needs no token and tries once. The exit status is 0 when all are well, otherwise 1.\n",
          health};
}

}  // namespace weir::cli
