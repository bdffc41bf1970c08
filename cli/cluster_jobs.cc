// `weir jobs`, `cancel`, `rescale`, `logs` and `workers`: a cluster and its jobs.
#include <boost/json/array.hpp>
#include <charconv>
#include <cstdio>
#include <thread>

#include "cli/cluster_client.h"
#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "weir/cluster/http_target.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

/// What went wrong, or what it waits for.
std::string problem_of(const json::object& job) {
  const std::string problem = field(job, "problem"), waits = field(job, "waits_for");
  return problem.empty() && !waits.empty() ? "waits for " + waits : problem;
}

Result<int> jobs(const Args& args) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object answer, client.get("/jobs"));
  Table table({"ID", "NAME", "STATE", "PARALLELISM", "ATTEMPT", "CHECKPOINT", "SINCE", "PROBLEM"});
  for (const json::value& value : answer.at("jobs").as_array()) {
    const json::object& job = value.as_object();
    const bool over = field(job, "over") == "true";
    if (over && !args.has("all") && !args.has("json")) continue;
    if (args.has("json")) print_json(job);
    table.add({field(job, "id"), field(job, "name"), field(job, "state"), field(job, "parallelism"),
               field(job, "attempt"), field(job, "last_checkpoint"), field(job, "changed_at"),
               one_line(problem_of(job), 60)});
  }
  if (args.has("json")) return kOk;
  if (table.empty()) {
    std::puts(args.has("all") ? "no jobs" : "no jobs run; --all also shows those that are over");
  } else {
    table.print();
  }
  return kOk;
}

int report(const Args& args, const json::object& job, const std::string& text) {
  if (args.has("json")) {
    print_json(job);
  } else {
    std::printf("job %s (%s) %s\n", field(job, "name").c_str(), field(job, "id").c_str(),
                text.c_str());
  }
  return kOk;
}

Result<int> cancel(const Args& args) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object job, client.post_job(args.operands()[0], "cancel"));
  return report(args, job,
                "is cancelled; its newest checkpoint is " + field(job, "last_checkpoint"));
}

Result<int> rescale(const Args& args) {
  const std::string& text = args.operands()[1];
  const char* end = text.data() + text.size();
  std::uint32_t parallelism = 0;
  const auto parsed = std::from_chars(text.data(), end, parallelism);
  if (parsed.ec != std::errc() || parsed.ptr != end || parallelism < 1 || parallelism > 32768) {
    return Error{ErrorCode::invalid_argument,
                 "'" + text + "' is no parallelism: a whole number from 1 to 32768"};
  }
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object job,
              client.post_job(args.operands()[0], "rescale", {{"parallelism", parallelism}}));
  return report(args, job, "takes a last checkpoint and goes on at parallelism " + text);
}

Result<int> workers(const Args& args) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object answer, client.get("/workers"));
  Table table({"WORKER", "HOST", "SLOTS", "USED", "PROCESSES"});
  for (const json::value& value : answer.at("workers").as_array()) {
    const json::object& worker = value.as_object();
    if (args.has("json")) print_json(worker);
    std::string processes;
    for (const json::value& process : worker.at("processes").as_array()) {
      processes += (processes.empty() ? "" : ", ") + field(process.as_object(), "name") + "/" +
                   field(process.as_object(), "process");
    }
    table.add({field(worker, "id"), field(worker, "host"), field(worker, "slots"),
               field(worker, "slots_used"), processes});
  }
  if (args.has("json")) return kOk;
  if (table.empty()) {
    std::puts("no workers; 'weir worker --coordinator HOST:PORT' starts one");
  } else {
    table.print();
  }
  return kOk;
}

/// What of `now` was not in `before`, which it continues or has replaced.
std::string_view news(const std::string& before, const std::string& now) {
  const std::string_view end =
      std::string_view(before).substr(before.size() - std::min<std::size_t>(before.size(), 4096));
  const std::size_t at = end.empty() ? std::string::npos : now.rfind(end);
  return at == std::string::npos ? now : std::string_view(now).substr(at + end.size());
}

/// The log that is asked for, without the job.
Result<std::string> log_query(const Args& args) {
  WEIR_ASSIGN(const std::uint64_t bytes, args.bytes("bytes", 64 << 10));
  std::string query = "/log?bytes=" + std::to_string(std::min<std::uint64_t>(bytes, 4 << 20));
  if (args.has("attempt")) {
    WEIR_ASSIGN(const std::uint64_t attempt, args.number("attempt", 0, 1, 999'999'999));
    query += "&attempt=" + std::to_string(attempt);
  }
  if (args.has("process")) {
    WEIR_ASSIGN(const std::uint64_t process, args.number("process", 0, 0, 100'000));
    query += "&process=" + std::to_string(process);
  }
  return query;
}

Result<int> logs(const Args& args) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object job, client.job(args.operands()[0]));
  WEIR_ASSIGN(const std::string query, log_query(args));
  const std::string path = "/jobs/" + cluster::percent_encode(field(job, "id")) + query;
  std::string seen, of;
  for (;;) {
    const auto now = client.job(field(job, "id"));
    const bool last = !args.has("follow") || (now.ok() && field(*now, "over") == "true");
    const auto answer = client.get(path);
    if (!answer.ok() && (last || of.empty())) return answer.error();
    if (answer.ok()) {
      const std::string whose = "attempt " + field(*answer, "attempt") + ", process " +
                                field(*answer, "process") + ", on " + field(*answer, "worker");
      if (whose != of) {
        std::fprintf(stderr, "weir: %s\n", whose.c_str());
        seen.clear();
        of = whose;
      }
      const std::string log = field(*answer, "log");
      print_foreign(news(seen, log));
      std::fflush(stdout);
      seen = log;
    }
    if (last) return kOk;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

const Option kJson{"json", nullptr, "print JSON, one object a line"};

}  // namespace

Command jobs_command() {
  return {"jobs",
          "",
          0,
          0,
          "List the jobs of a cluster",
          asking({{"all", nullptr, "also those that are over"}, kJson}),
          "",
          jobs};
}
Command cancel_command() {
  return {"cancel",
          "JOB",
          1,
          1,
          "End a job of a cluster at once",
          asking({kJson}),
          "Without a last checkpoint: what came after the newest one is read again by whoever "
          "goes\non from there. 'weir stop' takes one.\n",
          cancel};
}
Command rescale_command() {
  return {
      "rescale",       "JOB N", 2,      2, "Go on at another parallelism after a last checkpoint",
      asking({kJson}), "",      rescale};
}
Command workers_command() {
  return {"workers",       "", 0,      0, "List the workers of a cluster, and what runs on them",
          asking({kJson}), "", workers};
}
Command logs_command() {
  return {"logs",
          "JOB",
          1,
          1,
          "Show what a process of a job in a cluster has said",
          asking({{"attempt", "N", "of which attempt; default the newest"},
                  {"process", "N",
                   "which process; default the one that failed first, or 0, the job's master"},
                  {"bytes", "SIZE", "at most so much of its end, up to 4MiB; default 64KiB"},
                  {"follow", nullptr, "go on until the job is over"}}),
          "Also of a job that is over, as long as the worker on which the process ran is there and "
          "keeps\nits log. On a terminal control characters that a job has written are shown as "
          "\\x1b; into a\nfile or a pipe the log goes as it is.\n",
          logs};
}

}  // namespace weir::cli
