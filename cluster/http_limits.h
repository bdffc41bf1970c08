// What callers of the HTTP server may hold at a time: connections, all together and those from one
// address, and memory for bodies. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::cluster {

/// Who is connected. Where there is no room for a newcomer, the one has to go that has got least
/// far, and of those the one that has been there for longest: who holds connections and says
/// nothing shuts nobody out.
class HttpGuests {
 public:
  /// In the order in which they have to go.
  enum class Standing : std::uint8_t {
    arriving,  ///< has not said a whole head yet
    idle,      ///< between two requests, or about to end
    stranger,  ///< in a request that needed no token
    known,     ///< in a request that is carried out: never has to go
  };
  struct Limits {
    std::size_t all = 512;
    std::size_t of_address = 64;
    std::size_t of_this_host = 384;  ///< each of its addresses: proxies and tunnels call from there
  };
  using Id = std::uint64_t;  ///< not 0
  using Go = std::function<void()>;

  explicit HttpGuests(Limits limits) : limits_(limits) {}

  /// Lets somebody in who is arriving from there; nothing when there is no room, and nobody has to
  /// go. `go` is called once, on any thread, when this one has to go; not under a lock.
  std::optional<Id> enter(const std::string& address, bool this_host, Go go);
  /// How far a guest has got now. False: it had to go already.
  bool becomes(Id guest, Standing standing);
  void leave(Id guest);
  /// All have to go, and nobody is let in any more.
  void close();

 private:
  struct Guest {
    std::string address;
    Go go;
    Standing standing = Standing::arriving;
    std::uint64_t since = 0;  ///< counts changes of standing, of all
  };
  using Guests = std::map<Id, Guest>;
  Guests::iterator first_to_go(const std::string* address);
  Go take_out(Guests::iterator guest);

  const Limits limits_;
  std::mutex mutex_;  // guards what follows
  bool closed_ = false;
  std::uint64_t changes_ = 0;
  Guests guests_;
  std::map<std::string, std::size_t> of_address_;
};

/// Bytes that many share.
class ByteBudget {
 public:
  explicit ByteBudget(std::uint64_t most) : most_(most) {}
  /// False, and nothing taken, when that is not left.
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { taken_.fetch_sub(bytes); }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace weir::cluster
