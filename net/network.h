// What moves the bytes of links, and the door by which other processes come in.
//
// A network has a thread of its own, or it is driven by a thread that has other work too and sleeps
// here: then that thread hands bytes to the tasks that it runs itself without waking anybody, which
// on few cores is most of what a network thread costs (`./dev bench wire` has both).
//
// Threads: all methods from any thread; callbacks run on the network thread, the own one or that
// which drives, and must not block.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/net/hello.h"

namespace weir::net {

class Link;
struct LinkOptions;

class Network {
 public:
  enum class Drive : std::uint8_t { own_thread, by_caller };
  explicit Network(Drive drive = Drive::own_thread);
  /// Closes all connections and joins its own thread. Links must have been destroyed.
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // ---- for the thread that drives
  /// Does what can be done at once; true when that was something.
  bool poll();
  /// The same, but sleeps until there is something, for no longer than `limit`.
  bool wait(std::chrono::nanoseconds limit);
  /// Ends a `wait`, at once or when it begins. Any thread.
  void interrupt();

  /// Who is greeted at the door: for a hello, what to greet with, or why the caller is refused.
  using Greet = std::function<Result<Hello>(const Hello& theirs)>;
  /// A link to whoever was let in. It is not started yet.
  using Arrived = std::function<void(Hello theirs, std::unique_ptr<Link> link)>;
  /// Listens on `host` (an address, "127.0.0.1") and `port` (0: any free one); returns the port.
  /// Callers have five seconds and `kMaxHello` bytes to say who they are, and at most 200 at a
  /// time may be about to; the others are closed with a line in the log. Once. Error: io.
  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port,
                               const LinkOptions& options, Greet greet, Arrived arrived);

  /// Lets nobody in any more; who is about to greet still comes.
  void close_door();

  /// Connects to `host` and `port` and greets; blocks for no longer than `timeout`. Errors: io when
  /// nobody answers (retryable); incompatible with the reason when the other end refuses, or is
  /// not whom `check_hello` allows.
  Result<std::unique_ptr<Link>> connect(const std::string& host, std::uint16_t port,
                                        const LinkOptions& options, const Hello& mine,
                                        std::chrono::milliseconds timeout);

 private:
  friend class Link;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::net
