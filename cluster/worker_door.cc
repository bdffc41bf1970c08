// What processes say to their worker, and what they are asked; see worker_processes.h.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "weir/base/json.h"
#include "weir/base/log.h"
#include "weir/cluster/link_options.h"
#include "weir/cluster/worker_processes.h"

namespace weir::cluster {
namespace {

/// More than a leader may send (worker_leader.cc), so that all of it can be passed on.
constexpr std::size_t kMaxMessage = 64 << 20;
constexpr std::size_t kMaxFailure = 16 << 10;  // bytes of text
constexpr std::size_t kMaxHost = 255;
constexpr std::size_t kMaxQuestions = 1000;
constexpr std::uint64_t kMaxLog = 4 << 20;

ProcessId id_of(const net::Hello& hello) { return {hello.job, hello.attempt, hello.process}; }

/// How many bytes of its log a request wants; nothing when it is not for us.
std::optional<std::uint64_t> log_request(const std::string& json) {
  boost::system::error_code failed;
  const auto value = boost::json::parse(json, failed);
  if (failed || !value.is_object()) return {};
  const auto* request = value.get_object().if_contains("request");
  if (request == nullptr || !request->is_string() || request->get_string() != "log") return {};
  const auto* bytes = value.get_object().if_contains("bytes");
  if (bytes == nullptr) return 64 << 10;
  const auto number = bytes->to_number<std::uint64_t>(failed);
  return failed ? kMaxLog : std::min(number, kMaxLog);
}

}  // namespace

// ---- the door -----------------------------------------------------------------------------------

Status Processes::open() {
  WEIR_ASSIGN(port_, door_.listen(
                         "127.0.0.1", 0, link_options(settings_.tls, kMaxMessage),
                         [this](const net::Hello& theirs) { return greet(theirs); },
                         [this](const net::Hello& theirs, std::unique_ptr<net::Link> link) {
                           arrived(theirs, std::move(link));
                         }));
  return {};
}

Result<net::Hello> Processes::greet(const net::Hello& theirs) {
  const ProcessId id = id_of(theirs);
  const Process* process = find(id);
  if (process == nullptr || process->token.empty()) {
    return Error{ErrorCode::incompatible,
                 "no process '" + to_string(id) + "' is awaited by this worker"};
  }
  const net::Hello mine{theirs.build, id.job, id.attempt, id.process, process->token};
  const Status known = net::check_hello(mine, theirs);
  if (!known.ok()) {
    return Error{ErrorCode::incompatible,
                 "it is not process " + to_string(id) + ", which was given a token for this door"};
  }
  return mine;
}

void Processes::arrived(const net::Hello& theirs, std::unique_ptr<net::Link> link) {
  const ProcessId id = id_of(theirs);
  Process* process = find(id);
  if (process == nullptr || process->token.empty()) return;
  process->token.clear();
  process->silent = {};
  process->link = std::move(link);
  process->link->start(
      [this, id](const Error&) {
        if (Process* gone = find(id)) gone->hung_up = true;
      },
      [this, id](std::string_view bytes) { heard(id, bytes); });
  process->link->send(
      encode(Assignment{process->start, process->library, settings_.host, settings_.token}));
  if (process->peers) process->link->send(encode(*process->peers));
}

// ---- what they say ------------------------------------------------------------------------------

void Processes::heard(const ProcessId& id, std::string_view bytes) {
  Process* process = find(id);
  if (process == nullptr) return;
  if (process->report.phase != ProcessPhase::ended) process->silent = {};
  auto message = decode(bytes);
  if (!message.ok()) {
    const std::string& why = message.error().message;
    return fail(*process,
                {ErrorCode::corrupt,
                 "Process " + to_string(id) + " was ended for what it said: " + why + ".", true});
  }
  if (std::holds_alternative<Heartbeat>(*message)) return;
  if (auto* report = std::get_if<ProcessReport>(&*message)) return on_report(*process, *report);
  if (auto* answer = std::get_if<Answer>(&*message)) return on_answer(id, std::move(*answer));
  fail(*process,
       {ErrorCode::incompatible,
        "Process " + to_string(id) + " said what no process says, and was ended.", false});
}

/// A process speaks for itself alone, briefly, and not any more after its end.
void Processes::on_report(Process& process, ProcessReport report) {
  if (process.report.phase == ProcessPhase::ended || process.dropped) return;
  report.id = process.report.id;
  if (report.address.host.size() > kMaxHost) report.address.host.resize(kMaxHost);
  if (report.failure && report.failure->message.size() > kMaxFailure) {
    report.failure->message.resize(kMaxFailure);
  }
  process.report = std::move(report);
  leader_.report(process.report);
}

void Processes::on_answer(const ProcessId& id, Answer answer) {
  const auto question = questions_.find(answer.request);
  if (question == questions_.end() || question->second.id != id) return;
  answer.request = question->second.request;
  leader_.answer(question->second.connection, answer);
  questions_.erase(question);
}

// ---- what they are asked ------------------------------------------------------------------------

void Processes::ask(std::uint64_t connection, const Ask& order) {
  std::erase_if(questions_, [&](const auto& question) {
    return question.second.connection != connection;  // nobody waits for that one any more
  });
  if (const auto bytes = log_request(order.json)) {
    return leader_.answer(connection, log_answer(order, *bytes));
  }
  const auto refuse = [&](const std::string& why) {
    const Error error{ErrorCode::not_found, "Process " + to_string(order.id) + " " + why, true};
    leader_.answer(connection, {order.request, "", error});
  };
  const Process* process = find(order.id);
  if (process == nullptr || process->hung_up) return refuse("does not run on this worker.");
  if (!process->link) return refuse("is being started.");
  if (questions_.size() >= kMaxQuestions) return refuse("has too many requests to answer.");
  questions_[++last_question_] = {connection, order.request, order.id};
  process->link->send(encode(Ask{last_question_, order.id, order.json}));
}

Answer Processes::log_answer(const Ask& order, std::uint64_t bytes) const {
  const auto log = is_plain_name(order.id.job)
                       ? logs_.tail(order.id, bytes)
                       : Result<std::string>(Error{ErrorCode::invalid_argument,
                                                   "'" + order.id.job + "' is no job's id."});
  if (!log.ok()) return {order.request, "", log.error()};
  std::string json = R"({"ok":true,"log":)";
  to_json(json, *log);
  return {order.request, json + "}", {}};
}

void Processes::answer_open_questions(const ProcessId& id) {
  std::erase_if(questions_, [&](const auto& entry) {
    const Question& question = entry.second;
    if (question.id != id) return false;
    const Error error{ErrorCode::cancelled,
                      "Process " + to_string(id) + " ended before it answered.", true};
    leader_.answer(question.connection, {question.request, "", error});
    return true;
  });
}

}  // namespace weir::cluster
