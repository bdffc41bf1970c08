// Calls of the API; see cluster_client.h.
#include "cli/cluster_client.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "cli/cluster_options.h"
#include "weir/cluster/http_client.h"
#include "weir/cluster/http_target.h"
#include "weir/cluster/stored_view.h"

namespace weir::cli {
namespace {

namespace json = boost::json;
using cluster::HttpRequest;
using cluster::HttpResponse;

constexpr const char* kThisHost = "127.0.0.1:7070";
constexpr std::chrono::seconds kPatience{10};

bool is_https(const std::string& url) { return url.starts_with("https://"); }

/// The code that an error of the API names.
ErrorCode code_of(const std::string& name) {
  return name == "unauthorized" ? ErrorCode::incompatible : parse_error_code(name);
}

json::object parse_body(const HttpResponse& response) {
  json::error_code failed;
  json::value value = json::parse(response.body, failed, {}, cluster::deep_json());
  return !failed && value.is_object() ? std::move(value.as_object()) : json::object();
}

std::string error_code(const json::object& body) {
  const json::value* error = body.if_contains("error");
  return error != nullptr && error->is_object() ? field(error->get_object(), "code") : "";
}

Result<json::object> interpret(const HttpResponse& response, const std::string& url) {
  json::object body = parse_body(response);
  if (response.status / 100 == 2 && !body.empty()) return body;
  const std::string code = error_code(body);
  std::string message;
  if (!code.empty()) message = field(body.at("error").as_object(), "message");
  if (message.empty()) {
    message = url + " answered what no coordinator does (status " +
              std::to_string(response.status) + "); is that the address of its API?";
  }
  if (response.status == 401) {
    message += ". Give it with --token-file FILE or the environment variable WEIR_TOKEN.";
  }
  return Error{code.empty() ? ErrorCode::io : code_of(code), message, code == "no_leader"};
}

}  // namespace

std::string field(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return "";
  if (value->is_string()) return std::string(value->get_string());
  return json::serialize(*value);
}

Result<ClusterClient> ClusterClient::of(const Args& args) {
  ClusterClient client;
  std::string text = args.text("cluster");
  if (text.empty()) {
    const char* variable = std::getenv("WEIR_CLUSTER");
    text = variable != nullptr ? variable : "";
  }
  client.given_ = !text.empty();
  if (text.empty()) text = kThisHost;
  WEIR_ASSIGN(client.tls_, asking_tls_of(args));
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string url = text.substr(begin, comma - begin);
    if (url.find("://") == std::string::npos) url = (client.tls_ ? "https://" : "http://") + url;
    while (url.ends_with('/')) url.pop_back();
    const bool known = url.starts_with("http://") || is_https(url);
    if (!known || url.ends_with(":")) {
      return Error{ErrorCode::invalid_argument,
                   "'" + url + "' is no address of a cluster: http://HOST:PORT, or https"};
    }
    client.urls_.push_back(std::move(url));
    begin = comma + 1;
  }
  WEIR_ASSIGN(client.token_, token_of(args));
  return client;
}

Error ClusterClient::nobody(const std::string& why) const {
  std::string list;
  for (const std::string& url : urls_) list += (list.empty() ? "" : ", ") + url;
  return {ErrorCode::io,
          "No coordinator answers at " + list + " (" + why + "). " +
              (given_ ? "Does it run there, and is that the address of its API (--http)?"
                      : "'weir local 2' starts a cluster on this host; --cluster URL or the "
                        "environment variable WEIR_CLUSTER name another."),
          true};
}

Result<json::object> ClusterClient::send(const Call& call) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  bool reached = false;
  std::string why;
  for (;;) {
    std::vector<std::string> urls = urls_;
    for (std::size_t i = 0; i < urls.size() && i < urls_.size() + 3; ++i) {
      HttpRequest request;
      request.method = call.method;
      request.url = urls[i] + "/api/v1" + call.path;
      request.body = call.body;
      request.content_type = call.type;
      request.bearer_token = token_;
      request.tls = tls_;
      bool maybe_sent = false;
      const auto response = cluster::http_request(request, call.timeout, &maybe_sent);
      if (!response.ok()) {
        why = response.error().message;
        if (!maybe_sent || call.again) continue;
        return Error{ErrorCode::io, "The coordinator at " + urls[i] + " did not answer (" + why +
                                        "); whether it did what was asked is not known"};
      }
      reached = true;
      const json::object body = parse_body(*response);
      if (response->status == 421) {
        const std::string leader = field(body, "leader");
        if (is_https(urls[i]) && !is_https(leader)) {
          return Error{ErrorCode::incompatible,
                       "The coordinator at " + urls[i] + " sends on to the leader at " + leader +
                           ", which is not encrypted: give TLS to all coordinators, or to none"};
        }
        urls.push_back(leader);
        continue;
      }
      auto answer = interpret(*response, urls[i]);
      if (answer.ok() || error_code(body) != "no_leader") return answer;
      why = answer.error().message;
    }
    if (!reached) return nobody(why);
    if (std::chrono::steady_clock::now() >= until) {
      return Error{ErrorCode::io, "No coordinator leads (" + why + ")", true};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Result<json::object> ClusterClient::get(const std::string& path) {
  return send({"GET", path, "", "", std::chrono::seconds(60), true});
}

Result<json::object> ClusterClient::post(const std::string& path, const json::object& body,
                                         std::chrono::milliseconds timeout) {
  const bool again = body.contains("id");  // the leader knows that it is the same
  return send({"POST", path, json::serialize(body), "application/json", timeout, again});
}

Result<json::object> ClusterClient::put(const std::string& path, std::string bytes) {
  return send(
      {"PUT", path, std::move(bytes), "application/octet-stream", std::chrono::minutes(10), true});
}

Result<json::object> ClusterClient::job(const std::string& text) {
  auto job = get("/jobs/" + cluster::percent_encode(text));
  if (!job.ok()) return with_near_names(job.error(), text);
  return job;
}

Result<json::object> ClusterClient::post_job(const std::string& text, const std::string& verb,
                                             const json::object& body,
                                             std::chrono::milliseconds timeout) {
  auto answer = post("/jobs/" + cluster::percent_encode(text) + "/" + verb, body, timeout);
  if (!answer.ok()) return with_near_names(answer.error(), text);
  return answer;
}

/// An unknown job may have been meant to be one that there is.
Error ClusterClient::with_near_names(Error error, const std::string& text) {
  if (error.code != ErrorCode::not_found) return error;
  const auto jobs = get("/jobs");
  if (!jobs.ok()) return error;
  std::vector<std::string> names;
  for (const json::value& job : jobs->at("jobs").as_array()) {
    names.push_back(field(job.as_object(), "name"));
    names.push_back(field(job.as_object(), "id"));
    if (names.front() == text || names.back() == text) return error;
  }
  if (const std::string near = suggestion(text, names); !near.empty()) {
    while (error.message.ends_with('.')) error.message.pop_back();
    error.message += near;
  }
  return error;
}

namespace {

/// Tells who waits for a job what the job waits for: when that takes more than two seconds, and
/// then every ten seconds if it is something else.
class SayWhy {
 public:
  void look_at(const json::object& job) {
    const auto now = std::chrono::steady_clock::now();
    const std::string waits = field(job, "waits_for");
    if (waits.empty() || waits == said_ || now < next_) return;
    said_ = waits;
    next_ = now + std::chrono::seconds(10);
    std::fprintf(stderr, "weir: job %s (%s) is %s and waits for %s\n", field(job, "name").c_str(),
                 field(job, "id").c_str(), field(job, "state").c_str(), waits.c_str());
  }

 private:
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(2);
  std::string said_;
};

}  // namespace

Result<json::object> wait_until_over(ClusterClient& client, const std::string& id) {
  SayWhy why;
  for (auto pause = std::chrono::milliseconds(50);;
       pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
    WEIR_ASSIGN(json::object job, client.get("/jobs/" + cluster::percent_encode(id)));
    const json::value* over = job.if_contains("over");
    if (over != nullptr && over->is_bool() && over->get_bool()) return job;
    why.look_at(job);
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace weir::cli
