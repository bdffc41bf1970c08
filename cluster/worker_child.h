// A child process that leads a group of its own, and that the kernel kills when the thread that
// started it ends, however it ends (PR_SET_PDEATHSIG, prctl(2)). One thread.
//
// What a child starts in its turn may leave its group, by setsid(2), and its parents, by ending in
// between. Such orphans become children of who adopts them (PR_SET_CHILD_SUBREAPER), and are known
// by what their environment says, which they inherit.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/result.h"

namespace weir::cluster {

class ChildProcess {
 public:
  struct Command {
    std::string program;                 ///< a path
    std::vector<std::string> arguments;  ///< behind the name
    /// Set beside, or instead of, those of this process; an empty value removes one.
    std::vector<std::pair<std::string, std::string>> environment;
    int output = -1;  ///< where its standard output and error go; stays the caller's
  };
  /// How one ended.
  struct End {
    bool success = false;  ///< with exit status 0
    std::string text;      ///< "was ended by signal SIGSEGV (Segmentation fault)"
    bool killed = false;   ///< by a signal that comes from outside, as far as one can know
  };

  /// Starts `command`, which has no descriptors but the standard ones. Error: io (retryable), also
  /// when the program cannot be executed.
  static Result<std::unique_ptr<ChildProcess>> start(const Command& command);
  /// Kills, and waits for the end.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Sends SIGKILL to its group. What has ended stays as it is.
  void kill();
  /// How it ended, once it has; what was left of its group is killed then. Does not block.
  std::optional<End> ended();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<End> end_;
};

/// From now on this process adopts what processes below it leave behind. False where the kernel
/// does not do that.
bool adopt_orphans();
/// Takes note of the ends of children other than `known`, which nobody else waits for.
void bury_orphans(const std::set<pid_t>& known);
/// Kills all children of this process that were started with one of these in their environment
/// ("NAME=value"), and what then becomes its child, for a moment. Whether none is left; one that
/// does not end at once, because it hangs in the kernel, is.
bool end_orphans(const std::set<std::string>& marks);

}  // namespace weir::cluster
