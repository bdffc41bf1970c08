// The socket STATE/control.sock, or for a state on S3 one on this host (control_folder.h), over
// which other processes speak to a running job: one JSON object a line, one answer for each
// request. Only the owner of the folder may connect.
//
//   request := {"request": "status"}
//            | {"request": "graph"} | {"request": "exceptions"} | {"request": "checkpoints"}
//            | {"request": "subtasks", "step": name}         "": of all steps
//            | {"request": "dead_letters", "step": name, "reason": text, "after": id,
//               "limit": number}                             "": any
//            | {"request": "savepoint", "to": path, "stop": bool}
//            | {"request": "stop"}
//            | {"request": "replay", "ids": [id], "edits": [[kind, text]]}
//            | {"request": "drop", "ids": [id]}
//   answer  := {"ok": true, ...} | {"ok": false, "code": number, "message": text}
//
// What is shown has the fields that docs/openapi.yaml describes.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "weir/base/result.h"

namespace weir::cli {

/// Serves the socket on threads of its own: one that accepts, one for each of at most 16 callers.
class ControlServer {
 public:
  /// Answers a request; called on the thread of its connection, several at a time. Blocks as long
  /// as the work takes; when the job ends it must return.
  using Handler = std::function<Result<boost::json::object>(const boost::json::object& request)>;

  /// Listens in `state_dir`, whose lock the caller holds, so an old socket there is nobody's.
  static Result<std::unique_ptr<ControlServer>> start(const std::string& state_dir,
                                                      Handler handler);
  /// Closes the socket, waits for the requests under way. Callers that do not read their answers
  /// are cut off after two seconds.
  ~ControlServer();

 private:
  struct Connection {
    int fd = -1;
    std::atomic<bool> done{false};
    std::thread thread;
  };
  ControlServer(std::string path, int fd, int wake, Handler handler);
  void accept_loop();
  void serve(Connection& connection);
  void join_finished();
  void shut_down_connections();

  std::string path_;
  int fd_, wake_;
  Handler handler_;
  std::mutex mutex_;  // guards connections_
  std::list<Connection> connections_;
  std::thread thread_;
};

/// Sends one request to the job that runs on `state_dir` and waits for the answer. Error: not_found
/// when no job runs there; io when its process does not react within ten seconds; otherwise what
/// the job answered, which it may take any time for.
Result<boost::json::object> ask_running_job(const std::string& state_dir,
                                            const boost::json::object& request);

/// Whether a job listens on `state_dir`, be it one that does not react.
bool job_is_running(const std::string& state_dir);

}  // namespace weir::cli
