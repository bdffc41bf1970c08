// What the API says of the cluster as a whole; see http_api.h.
#include "weir/cluster/http_api.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "weir/build_id.h"
#include "weir/cluster/http_client.h"
#include "weir/cluster/http_json.h"
#include "weir/cluster/job_metrics.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kProbeEvery{1};
constexpr std::chrono::seconds kMetricsTimeout{3};

/// Who asks a coordinator that does not lead is told where to go.
HttpReply elsewhere(const CoordinatorServer& server) {
  const Standing standing = server.standing();
  const std::string& leader = standing.leader.http;
  if (standing.leads || leader.empty()) {
    HttpReply reply =
        http_error(503, "no_leader", "No coordinator leads at this moment; try again");
    reply.headers["Retry-After"] = "1";
    return reply;
  }
  const std::string url = http_url(server.options(), leader);
  const json::object error{{"code", "not_leader"},
                           {"message", "This coordinator does not lead; ask " + url}};
  return json_reply(421, {{"leader", url}, {"error", error}});
}

HttpReply not_here() {
  return http_error(404, "not_found",
                    "There is nothing under this path; docs/openapi.yaml lists what there is");
}

}  // namespace

HttpReply json_reply(unsigned status, const json::object& object) {
  return {status, json::serialize(object) + "\n"};
}

HttpReply wrong_method(const std::string& allowed) {
  HttpReply reply = http_error(405, "invalid_argument", "Here the method must be " + allowed);
  reply.headers["Allow"] = allowed;
  return reply;
}

Result<std::unique_ptr<HttpApi>> HttpApi::start(CoordinatorServer& server) {
  auto api = std::unique_ptr<HttpApi>(new HttpApi(server));
  const CoordinatorOptions& options = server.options();
  HttpServerOptions http;
  http.host = options.http_host;
  http.port = options.http_port;
  http.token = options.token;
  http.tls = options.tls;
  http.open_paths = {"/health", "/ready", "/api/v1/health", "/api/v1/ready"};
  http.upload_path = "/api/v1/libraries/";
  http.upload_folder = options.storage + "/libraries";
  WEIR_ASSIGN(api->http_, HttpServer::start(http, [api = api.get()](HttpCall call, Reply reply) {
                api->handle(std::move(call), std::move(reply));
              }));
  return api;
}

void HttpApi::handle(HttpCall call, Reply reply) {
  Path path = call.path;
  const bool api = path.size() >= 2 && path[0] == "api" && path[1] == "v1";
  if (api) path.erase(path.begin(), path.begin() + 2);
  if (path.size() == 1 && (path[0] == "health" || path[0] == "ready" || path[0] == "metrics")) {
    if (call.method != "GET") return reply(wrong_method("GET"));
    if (path[0] == "ready") return ready(reply);
    if (path[0] == "metrics") return metrics(reply);
    return reply(json_reply(200, {{"status", "ok"}, {"version", WEIR_BUILD_ID}}));
  }
  if (!api || path.empty()) return reply(not_here());
  handle_api(std::move(call), path, std::move(reply));
}

void HttpApi::handle_api(HttpCall call, const Path& path, Reply reply) {
  if (!server_.standing().leads) return reply(elsewhere(server_));
  if (path.size() == 1 && (path[0] == "cluster" || path[0] == "workers")) {
    if (call.method != "GET") return reply(wrong_method("GET"));
    return path[0] == "cluster" ? cluster(reply) : workers(reply);
  }
  if (path.size() == 2 && path[0] == "libraries") return handle_library(call, path[1], reply);
  if (path.size() == 1 && path[0] == "jobs") {
    if (call.method == "GET") return list_jobs(reply);
    if (call.method == "POST") return submit(call, std::move(reply));
    return reply(wrong_method("GET, POST"));
  }
  if (path[0] == "jobs" && path.size() <= 3) return handle_job(std::move(call), path, reply);
  reply(not_here());
}

void HttpApi::with_leader(Reply reply, std::function<void(ClusterLeader&, Reply)> work) {
  server_.with_leader([&server = server_, reply = std::move(reply),
                       work = std::move(work)](ClusterLeader* leader) mutable {
    if (leader == nullptr) return reply(elsewhere(server));
    work(*leader, std::move(reply));
  });
}

void HttpApi::with_job(const std::string& text, Reply reply,
                       std::function<void(ClusterLeader&, const std::string&, Reply)> work) {
  with_leader(std::move(reply), [text, work = std::move(work)](ClusterLeader& leader, Reply to) {
    const auto id = leader.find(text);
    if (!id.ok()) return to(http_error(id.error()));
    if (leader.job(*id) == nullptr) {
      return to(http_error(404, "not_found", "There is no job '" + text + "' any more"));
    }
    work(leader, *id, std::move(to));
  });
}

void HttpApi::cluster(const Reply& reply) {
  with_leader(reply, [&server = server_](ClusterLeader& leader, const Reply& to) {
    std::uint64_t slots = 0, used = 0;
    const auto workers = leader.workers();
    for (const WorkerInfo& worker : workers) {
      slots += worker.view.slots;
      used += worker.view.used;
    }
    const LeaderAddress self = server.standing().self;
    std::map<std::string, std::uint64_t> states;
    for (const JobRecord* job : leader.jobs()) ++states[to_string(job->state)];
    json::object jobs;
    for (const auto& [state, count] : states) jobs[state] = count;
    if (!leader.unreadable().empty()) jobs["unreadable"] = leader.unreadable().size();
    to(json_reply(
        200,
        {{"cluster", server.options().cluster},
         {"version", WEIR_BUILD_ID},
         {"leader", {{"workers", self.workers}, {"http", http_url(server.options(), self.http)}}},
         {"epoch", leader.epoch()},
         {"storage", server.options().storage},
         {"workers", workers.size()},
         {"slots", slots},
         {"slots_used", used},
         {"jobs", jobs}}));
  });
}

void HttpApi::workers(const Reply& reply) {
  with_leader(reply, [](ClusterLeader& leader, const Reply& to) {
    json::array list;
    for (const WorkerInfo& worker : leader.workers()) {
      json::array processes;
      for (const JobRecord* job : leader.jobs()) {
        for (std::size_t i = 0; i < job->processes.size() && !is_over(job->state); ++i) {
          if (job->processes[i].worker != worker.view.id) continue;
          processes.push_back({{"job", job->id},
                               {"name", job->spec.name},
                               {"process", i},
                               {"slots", job->processes[i].slots}});
        }
      }
      list.push_back({{"id", worker.view.id},
                      {"host", worker.view.host},
                      {"slots", worker.view.slots},
                      {"slots_used", worker.view.used},
                      {"version", worker.build_id},
                      {"silent_ms", worker.silent_ms},
                      {"processes", std::move(processes)}});
    }
    to(json_reply(200, {{"workers", std::move(list)}}));
  });
}

// ---- for monitors -------------------------------------------------------------------------------

void HttpApi::ready(const Reply& reply) {
  const Standing standing = server_.standing();
  if (standing.leads) {
    const std::string url = http_url(server_.options(), standing.self.http);
    return reply(json_reply(200, {{"ready", true}, {"leader", url}}));
  }
  const std::string& leader = standing.leader.http;
  const std::string url = http_url(server_.options(), leader);
  if (!leader.empty() && reaches(url)) {
    return reply(json_reply(200, {{"ready", true}, {"leader", url}}));
  }
  reply(json_reply(503,
                   {{"ready", false},
                    {"reason", leader.empty() ? "no coordinator leads at this moment"
                                              : "the leader at " + url + " cannot be reached"}}));
}

/// Asked at most once a second, whoever wants to know.
bool HttpApi::reaches(const std::string& leader) {
  const std::lock_guard lock(probe_mutex_);
  const SteadyTime now = clock_->steady_now();
  if (probed_ == leader && now - probed_at_ < kProbeEvery) return probed_well_;
  HttpRequest request;
  request.url = leader + "/health";
  request.tls = server_.options().tls;
  const auto answer = http_request(request, std::chrono::seconds(1));
  probed_ = leader;
  probed_at_ = clock_->steady_now();
  probed_well_ = answer.ok() && answer->status == 200;
  return probed_well_;
}

namespace {

/// Everything that metrics are made of, while masters are answering.
struct Scrape {
  std::vector<JobSample> jobs;
  std::vector<WorkerInfo> workers;
  std::size_t unreadable = 0;  ///< jobs
  std::size_t waiting = 0;
  std::uint64_t epoch = 0;
};

void add_own(PrometheusText& out, const Standing& standing) {
  out.family("weir_build_info", "gauge", "Which Weir this is.");
  out.sample({{"version", WEIR_BUILD_ID}}, 1);
  out.family("weir_leader", "gauge", "Whether this coordinator leads.");
  out.sample({}, standing.leads ? 1 : 0);
}

HttpReply metrics_reply(const PrometheusText& out) { return {200, out.text(), out.kType}; }

std::string metrics_of(const Scrape& scrape, const Standing& standing, EventTime wall) {
  PrometheusText out;
  add_own(out, standing);
  out.family("weir_leader_epoch", "gauge", "Grows with each change of leader.");
  out.sample({}, static_cast<double>(scrape.epoch));
  out.family("weir_workers", "gauge", "Workers that are connected.");
  out.sample({}, static_cast<double>(scrape.workers.size()));
  out.family("weir_jobs_unreadable", "gauge", "Jobs whose records the leader cannot read.");
  out.sample({}, static_cast<double>(scrape.unreadable));
  for (const WorkerInfo& worker : scrape.workers) {
    const PrometheusText::Labels labels{{"worker", worker.view.id}, {"host", worker.view.host}};
    out.family("weir_worker_slots", "gauge", "How many subtasks a worker is made for.");
    out.sample(labels, worker.view.slots);
    out.family("weir_worker_slots_used", "gauge", "Slots that jobs have been given.");
    out.sample(labels, worker.view.used);
  }
  add_job_metrics(out, scrape.jobs, wall);
  return out.text();
}

}  // namespace

void HttpApi::metrics(const Reply& reply) {
  const Standing standing = server_.standing();
  if (!standing.leads) {
    PrometheusText out;
    add_own(out, standing);
    return reply(metrics_reply(out));
  }
  with_leader(reply, [this, standing](ClusterLeader& leader, const Reply& to) {
    const auto scrape = std::make_shared<Scrape>();
    scrape->workers = leader.workers();
    scrape->epoch = leader.epoch();
    scrape->unreadable = leader.unreadable().size();
    for (const JobRecord* job : leader.jobs()) scrape->jobs.push_back({*job, std::nullopt});
    scrape->waiting = 1;
    // Only the leader's thread comes here.
    const auto finish = [scrape, standing, to, wall = clock_->wall_now()] {
      if (--scrape->waiting > 0) return;
      to({200, metrics_of(*scrape, standing, wall), PrometheusText::kType});
    };
    for (std::size_t i = 0; i < scrape->jobs.size(); ++i) {
      if (scrape->jobs[i].record.state != JobState::running) continue;
      ++scrape->waiting;
      leader.ask_master(scrape->jobs[i].record.id, R"({"request":"status"})", kMetricsTimeout,
                        [scrape, finish, i](const Result<std::string>& answer) {
                          if (answer.ok()) scrape->jobs[i].status = *answer;
                          finish();
                        });
    }
    finish();
  });
}

}  // namespace weir::cluster
