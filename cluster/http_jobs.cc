// What the API does with jobs; see http_api.h. Looking at them is in http_views.cc.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "weir/base/log.h"
#include "weir/base/path.h"
#include "weir/base/plain_text.h"
#include "weir/base/s3/s3.h"
#include "weir/cluster/http_api.h"
#include "weir/cluster/http_json.h"
#include "weir/cluster/job_names.h"
#include "weir/runtime/run.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kTimeout{30}, kGraphTimeout{5};
constexpr std::size_t kMaxRequest = 100;  // bytes of what a job's master is asked
constexpr const char* kMustBeSeen =
    " must be an absolute path in the storage that all hosts share, or s3://BUCKET/NAME";

/// As far as its form says.
bool all_hosts_see(const std::string& path) {
  return path.starts_with('/') || is_object_path(path);
}

/// Whether a job may have so many subtasks, of which its graph says how many it may. Nothing can be
/// said without that.
Status check_by_graph(std::uint32_t wanted, const Result<std::string>& graph) {
  const auto answer = answer_object(graph);
  const json::value* most = answer.ok() ? answer->if_contains("max_parallelism") : nullptr;
  json::error_code none;
  const auto number = most != nullptr ? most->to_number<std::uint32_t>(none) : 0;
  if (most == nullptr || none) return {};
  return check_parallelism(wanted, number);
}

std::string new_job_id() {
  char id[16];
  std::snprintf(id, sizeof id, "j-%08x", static_cast<unsigned>(entropy_seed()));
  return id;
}

bool is_job_id(const std::string& text) {
  return text.size() == 10 && text.starts_with("j-") &&
         text.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
}

/// Takes "id" out of a request to submit: who may have to ask twice chooses it.
Result<std::string> take_id(json::object& object) {
  const json::value* id = object.if_contains("id");
  if (id == nullptr) return new_job_id();
  if (!id->is_string() || !is_job_id(std::string(id->get_string()))) {
    return Error{ErrorCode::invalid_argument, "'id' must be j- and eight hexadecimal digits"};
  }
  std::string text(id->get_string());
  object.erase("id");
  return text;
}

Status check_new(const JobSpec& spec) {
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  if (spec.name.empty()) return wrong("A job needs a name");
  if (is_job_id(spec.name)) return wrong("A job's name must not look like an id");
  if (!spec.state_dir.empty() && !all_hosts_see(spec.state_dir)) {
    return wrong(std::string("'state_dir'") + kMustBeSeen);
  }
  return {};
}

/// The answer to a request that changed a job: how it stands then.
ClusterLeader::Done changed(ClusterLeader& leader, const std::string& id, unsigned status,
                            const HttpServer::Reply& reply) {
  return [&leader, id, status, reply](const Status& done) {
    if (!done.ok()) return reply(http_error(done.error()));
    const JobRecord* record = leader.job(id);  // the leader calls this: it is there
    reply(json_reply(status, record != nullptr ? record_json(*record, leader.waits_for(id))
                                               : json::object{{"id", id}}));
  };
}

std::string request_of(const json::object& object) {
  const json::value* request = object.if_contains("request");
  return request != nullptr && request->is_string() ? std::string(request->get_string()) : "";
}

}  // namespace

void HttpApi::list_jobs(const Reply& reply) {
  with_leader(reply, [](ClusterLeader& leader, const Reply& to) {
    json::array list;
    for (const JobRecord* job : leader.jobs()) {
      list.push_back(summary_json(*job, leader.waits_for(job->id)));
    }
    for (const auto& [id, left] : leader.unreadable()) list.push_back(summary_json(left));
    to(json_reply(200, {{"jobs", std::move(list)}}));
  });
}

void HttpApi::submit(const HttpCall& call, Reply reply) {
  auto object = body_object(call.body);
  if (!object.ok()) return reply(http_error(object.error()));
  JobRecord record;
  auto id = take_id(*object);
  if (!id.ok()) return reply(http_error(id.error()));
  record.id = *id;
  Status fits = read_spec(*object, record.spec);
  if (fits.ok()) fits = check_new(record.spec);
  if (!fits.ok()) return reply(http_error(fits.error()));
  const auto there = has_library(record.spec.library_hash);
  if (!there.ok()) return reply(http_error(there.error()));
  if (!*there) {
    return reply(http_error(404, "not_found",
                            "There is no library " + record.spec.library_hash +
                                "; upload it first: PUT /api/v1/libraries/HASH"));
  }
  if (record.spec.state_dir.empty()) {
    record.spec.state_dir = server_.options().storage + "/jobs/" + record.id;
  }
  record.spec.state_at = canonical_path(record.spec.state_dir);
  log_info("api", call.peer + " submits job " + record.id + " '" + record.spec.name +
                      "' with library " + record.spec.library + " " + record.spec.library_hash);
  with_leader(
      std::move(reply), [record = std::move(record)](ClusterLeader& leader, const Reply& to) {
        if (const JobRecord* known = leader.job(record.id)) {  // asked again: the answer was lost
          const bool same = known->spec.library_hash == record.spec.library_hash &&
                            known->spec.name == record.spec.name;
          if (same) return to(json_reply(200, record_json(*known)));
          return to(http_error(409, "already_exists", "There is another job " + record.id));
        }
        const std::string job = record.id;
        leader.submit(record, changed(leader, job, 201, to));
      });
}

void HttpApi::handle_job(HttpCall call, Path path, Reply reply) {
  const std::string text = path[1], verb = path.size() > 2 ? path[2] : "";
  if (Status fits = check_plain("job", text, kMaxJobName); !fits.ok()) {
    return reply(http_error(fits.error()));
  }
  const bool reads = verb.empty() || looks_at(verb);
  const bool acts = verb == "cancel" || verb == "stop" || verb == "savepoint" ||
                    verb == "request" || verb == "rescale" || verb == "update";
  if (!reads && !acts) {
    return reply(http_error(404, "not_found", "Nothing of a job is called '" + verb + "'"));
  }
  if (call.method != (reads ? "GET" : "POST")) return reply(wrong_method(reads ? "GET" : "POST"));
  if (reads) return look(call, text, verb, std::move(reply));
  if (verb == "rescale" || verb == "update") return change(call, text, verb, std::move(reply));
  act(call, text, verb, std::move(reply));
}

void HttpApi::act(const HttpCall& call, const std::string& text, const std::string& verb,
                  Reply reply) {
  auto body = body_object(call.body);
  if (!body.ok()) return reply(http_error(body.error()));
  json::object request = *std::move(body);
  std::string kind = verb;
  if (verb == "request") kind = request_of(request);
  if (verb == "savepoint") request["request"] = "savepoint";
  if (kind.empty()) {
    return reply(http_error(400, "invalid_argument", "'request' must say what is asked"));
  }
  if (Status fits = check_plain("request", kind, kMaxRequest); !fits.ok()) {
    return reply(http_error(fits.error()));
  }
  if (kind == "savepoint") {
    const json::value* to = request.if_contains("to");
    const std::string path = to != nullptr && to->is_string() ? std::string(to->get_string()) : "";
    if (Status fits = check_path("to", path); !fits.ok()) return reply(http_error(fits.error()));
    if (!all_hosts_see(path)) {
      return reply(http_error(400, "invalid_argument", std::string("'to'") + kMustBeSeen));
    }
    if (!request.contains("stop")) request["stop"] = false;
  }
  log_info("api", call.peer + " asks job '" + text + "' to " + kind);
  with_job(text, std::move(reply),
           [kind, request = std::move(request)](ClusterLeader& leader, const std::string& id,
                                                const Reply& to) {
             if (kind == "cancel") return leader.cancel(id, changed(leader, id, 200, to));
             if (kind == "stop") return leader.stop(id, changed(leader, id, 202, to));
             const json::value* stop = request.if_contains("stop");
             if (kind == "savepoint" && stop->is_bool() && stop->get_bool()) {
               return leader.savepoint_and_stop(
                   id, json::serialize(request),
                   [to](const Result<std::string>& answer) { to(answer_reply(answer)); });
             }
             const bool quick = kind == "status" || looks_at(kind);
             leader.ask_master(
                 id, json::serialize(request),
                 quick ? std::optional<std::chrono::milliseconds>(kTimeout) : std::nullopt,
                 [to](const Result<std::string>& answer) { to(answer_reply(answer)); });
           });
}

void HttpApi::change(const HttpCall& call, const std::string& text, const std::string& verb,
                     Reply reply) {
  auto body = body_object(call.body);
  if (!body.ok()) return reply(http_error(body.error()));
  JobSpec asked;
  Status fits = read_spec(*body, asked);
  if (!fits.ok()) return reply(http_error(fits.error()));
  if (verb == "rescale" && (body->size() != 1 || !body->contains("parallelism"))) {
    return reply(http_error(400, "invalid_argument", "'parallelism' must be given, and no more"));
  }
  for (const char* fixed : {"name", "state_dir", "from"}) {
    if (!body->contains(fixed)) continue;
    return reply(http_error(400, "invalid_argument",
                            "'" + std::string(fixed) + "' of a job cannot be changed"));
  }
  if (body->contains("library_hash")) {
    const auto there = has_library(asked.library_hash);
    if (!there.ok()) return reply(http_error(there.error()));
    if (!*there) {
      return reply(http_error(404, "not_found",
                              "There is no library " + asked.library_hash + "; upload it first"));
    }
  }
  log_info("api",
           call.peer + " wants to " + verb + " job '" + text + "': " + call.body.substr(0, 500));
  with_job(text, std::move(reply),
           [verb, body = *std::move(body), asked](ClusterLeader& leader, const std::string& id,
                                                  const Reply& to) {
             const auto go_on = [&leader, verb, body, id, to] {
               const JobRecord* record = leader.job(id);
               if (record == nullptr) {
                 return to(http_error(404, "not_found", "There is no job " + id + " any more"));
               }
               if (verb == "rescale" && is_over(record->state)) {
                 return to(http_error(over_already(*record)));
               }
               JobSpec spec = record->next.empty() ? record->spec : record->next.front();
               if (Status read = read_spec(body, spec); !read.ok()) {
                 return to(http_error(read.error()));
               }
               leader.change(id, std::move(spec), changed(leader, id, 202, to));
             };
             const bool known = body.contains("library_hash") || !leader.runs(id);
             if (known || !body.contains("parallelism")) return go_on();
             leader.ask_master(
                 id, R"({"request":"graph"})", kGraphTimeout,
                 [go_on, wanted = asked.parallelism, to](const Result<std::string>& answer) {
                   if (!answer.ok() && answer.error().code == ErrorCode::cancelled) {
                     return to(http_error(answer.error()));
                   }
                   const Status fits = check_by_graph(wanted, answer);
                   fits.ok() ? go_on() : to(http_error(fits.error()));
                 });
           });
}

}  // namespace weir::cluster
