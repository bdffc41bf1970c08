// What the API shows of jobs; see http_api.h. Of one that runs its master tells, by the requests of
// the control socket; what lies in its state folder is read here, on a thread of the server.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "weir/cluster/http_api.h"
#include "weir/cluster/http_json.h"
#include "weir/cluster/log_choice.h"
#include "weir/cluster/stored_view.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kStatusTimeout{5}, kTimeout{30};

/// A parameter that is a whole number, or `otherwise` when it is not given; nothing when it is
/// none.
std::optional<std::uint64_t> number_in(const HttpCall& call, const char* name,
                                       std::uint64_t otherwise) {
  const auto found = call.query.find(name);
  if (found == call.query.end()) return otherwise;
  const std::string& digits = found->second;
  const bool plain = !digits.empty() && digits.size() <= 9 &&
                     digits.find_first_not_of("0123456789") == std::string::npos;
  return plain ? std::optional<std::uint64_t>(std::stoull(digits)) : std::nullopt;
}

std::string text_in(const HttpCall& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? "" : found->second;
}

/// Of a job's status only the steps.
void keep_steps(json::object& status) {
  json::value* steps = status.if_contains("steps");
  status = {{"steps", steps != nullptr ? std::move(*steps) : json::array()}};
}

/// Says of each subtask which worker it runs on.
void add_workers(json::object& answer, const std::vector<ProcessPlace>& places) {
  json::value* subtasks = answer.if_contains("subtasks");
  if (subtasks == nullptr || !subtasks->is_array()) return;
  for (json::value& each : subtasks->get_array()) {
    if (!each.is_object()) continue;
    const json::value* process = each.get_object().if_contains("process");
    const bool number = process != nullptr && process->is_int64() && process->get_int64() >= 0;
    const auto index = number ? static_cast<std::size_t>(process->get_int64()) : places.size();
    each.get_object()["worker"] = index < places.size() ? places[index].worker : "";
  }
}

/// The workers of a job that have been given more than they are made for, by all jobs together.
json::array overcommitted(const ClusterLeader& leader, const JobRecord& record) {
  json::array list;
  for (const WorkerInfo& worker : leader.workers()) {
    const WorkerView& view = worker.view;
    const bool its_own =
        std::any_of(record.processes.begin(), record.processes.end(),
                    [&](const ProcessPlace& place) { return place.worker == view.id; });
    if (!its_own || view.used <= view.slots) continue;
    list.push_back({{"worker", view.id}, {"slots", view.slots}, {"slots_used", view.used}});
  }
  return list;
}

}  // namespace

bool HttpApi::looks_at(const std::string& verb) {
  static constexpr const char* kVerbs[] = {"graph",      "steps", "subtasks",    "checkpoints",
                                           "exceptions", "log",   "dead-letters"};
  return std::find(std::begin(kVerbs), std::end(kVerbs), verb) != std::end(kVerbs);
}

void HttpApi::look(const HttpCall& call, const std::string& text, const std::string& verb,
                   Reply reply) {
  if (verb.empty()) return show_job(text, std::move(reply));
  if (verb == "checkpoints") return checkpoints(call, text, std::move(reply));
  if (verb == "log") return log_of(call, text, std::move(reply));
  if (verb == "dead-letters") return dead_letters(call, text, std::move(reply));
  if (verb == "exceptions") {
    return with_job(text, std::move(reply),
                    [](ClusterLeader& leader, const std::string& id, const Reply& to) {
                      json::object record = record_json(*leader.job(id));
                      to(json_reply(200, {{"id", id}, {"exceptions", record["exceptions"]}}));
                    });
  }
  json::object request{{"request", verb == "steps" ? "status" : verb}};
  if (verb == "subtasks") request["step"] = text_in(call, "step");
  with_job(text, std::move(reply),
           [verb, request = json::serialize(request)](ClusterLeader& leader, const std::string& id,
                                                      const Reply& to) {
             const auto places = leader.job(id)->processes;
             leader.ask_master(id, request, kTimeout,
                               [verb, id, places, to](const Result<std::string>& answer) {
                                 auto object = answer_object(answer);
                                 if (!object.ok()) return to(http_error(object.error()));
                                 if (verb == "subtasks") add_workers(*object, places);
                                 if (verb == "steps") keep_steps(*object);
                                 (*object)["id"] = id;
                                 to(json_reply(200, *object));
                               });
           });
}

/// The record, and how the job says that it stands, when it can.
void HttpApi::show_job(const std::string& text, Reply reply) {
  with_job(text, std::move(reply),
           [](ClusterLeader& leader, const std::string& id, const Reply& to) {
             json::object record = record_json(*leader.job(id), leader.waits_for(id));
             record["overcommitted"] = overcommitted(leader, *leader.job(id));
             record["status"] = nullptr;
             if (!leader.runs(id)) return to(json_reply(200, record));
             leader.ask_master(id, R"({"request":"status"})", kStatusTimeout,
                               [to, record = std::move(record)](const Result<std::string>& answer) {
                                 json::object shown = record;
                                 auto status = answer_object(answer);
                                 if (status.ok()) {
                                   shown["status"] = *std::move(status);
                                 } else {
                                   shown["status_problem"] = status.error().message;
                                 }
                                 to(json_reply(200, shown));
                               });
           });
}

/// What its master says, which knows how they went; of a job that does not run what is stored.
void HttpApi::checkpoints(const HttpCall& call, const std::string& text, Reply reply) {
  with_job(text, std::move(reply),
           [this, what = to_string(call)](ClusterLeader& leader, const std::string& id,
                                          const Reply& to) {
             const std::string folder = leader.job(id)->spec.state_dir;
             const auto stored = [this, what, folder, id, to] {
               http_->run(what, to, [folder, id] {
                 auto list = stored_checkpoints(folder);
                 if (!list.ok()) return http_error(list.error());
                 return json_reply(200, {{"id", id},
                                         {"state_dir", folder},
                                         {"checkpoints", std::move(*list)},
                                         {"history", json::array()},
                                         {"totals", nullptr}});
               });
             };
             if (!leader.runs(id)) return stored();
             leader.ask_master(id, R"({"request":"checkpoints"})", kStatusTimeout,
                               [folder, id, to, stored](const Result<std::string>& answer) {
                                 auto object = answer_object(answer);
                                 if (!object.ok()) return stored();
                                 (*object)["id"] = id;
                                 (*object)["state_dir"] = folder;
                                 to(json_reply(200, *object));
                               });
           });
}

void HttpApi::dead_letters(const HttpCall& call, const std::string& text, Reply reply) {
  const auto limit = number_in(call, "limit", 100);
  if (!limit) return reply(http_error(400, "invalid_argument", "'limit' must be a number"));
  LettersAsked asked{text_in(call, "step"), text_in(call, "reason"), text_in(call, "after"),
                     *limit};
  with_job(text, std::move(reply),
           [this, asked, what = to_string(call)](ClusterLeader& leader, const std::string& id,
                                                 const Reply& to) {
             http_->run(what, to, [folder = leader.job(id)->spec.state_dir, id, asked] {
               auto letters = stored_letters(folder, asked);
               if (!letters.ok()) return http_error(letters.error());
               (*letters)["id"] = id;
               return json_reply(200, *letters);
             });
           });
}

void HttpApi::log_of(const HttpCall& call, const std::string& text, Reply reply) {
  const auto attempt = number_in(call, "attempt", 0), process = number_in(call, "process", 0),
             bytes = number_in(call, "bytes", 64 << 10);
  if (!attempt || !process || !bytes) {
    return reply(
        http_error(400, "invalid_argument", "'attempt', 'process' and 'bytes' must be numbers"));
  }
  LogAsked asked;
  if (call.query.contains("attempt")) asked.attempt = *attempt;
  if (call.query.contains("process")) asked.process = static_cast<std::uint32_t>(*process);
  const std::string request = json::serialize(json::object{{"request", "log"}, {"bytes", *bytes}});
  with_job(text, std::move(reply),
           [asked, request](ClusterLeader& leader, const std::string& id, const Reply& to) {
             const auto chosen = chosen_log(*leader.job(id), asked);
             if (!chosen.ok()) return to(http_error(chosen.error()));
             leader.ask_log(*chosen, request, kTimeout,
                            [to, chosen = *chosen](const Result<std::string>& answer,
                                                   const std::string& worker) {
                              auto object = answer_object(answer);
                              if (!object.ok()) return to(http_error(object.error()));
                              (*object)["attempt"] = chosen.attempt;
                              (*object)["process"] = chosen.process;
                              (*object)["worker"] = worker;
                              to(json_reply(200, *object));
                            });
           });
}

}  // namespace weir::cluster
