// The control socket, both ends; see control_socket.h.
#include "cli/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "cli/control_folder.h"
#include "cli/control_request.h"

namespace weir::cli {
namespace {

namespace json = boost::json;
constexpr std::size_t kMaxLine = std::size_t{256} << 20;
constexpr std::size_t kMaxConnections = 16;
constexpr std::chrono::seconds kPatience{10};       // with a process that should answer at once
constexpr std::chrono::milliseconds kGrace{2'000};  // for callers that do not read, at the end

/// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error socket_error(const std::string& what, int error_number) {
  return {ErrorCode::io, what + ": " + std::strerror(error_number)};
}

/// Lets calls on `fd` that would wait longer than this fail with EAGAIN; 0: they wait for ever.
void limit_waiting(int fd, int option, std::chrono::seconds time) {
  const timeval limit{time.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit);
}

/// The job's process listens, but does not react.
Error no_reaction(const std::string& state_dir, int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  return {ErrorCode::io,
          "The job on " + state_dir + (known ? " (process " + std::to_string(peer.pid) + ")" : "") +
              " does not react: no answer within " + std::to_string(kPatience.count()) +
              " s. Its process may be suspended, or the machine overloaded.",
          true};
}

/// Addresses hold 108 bytes, folders may have longer names: so name the folder by a descriptor.
sockaddr_un address_in(int folder_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock",
                folder_fd);
  return address;
}

bool send_line(int fd, const json::object& object) {
  const std::string line = json::serialize(object) + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

/// Reads lines; bytes behind one are kept for the next.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  bool read(std::string& line) {
    for (;;) {
      const std::size_t end = buffer_.find('\n', searched_);
      if (end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        return true;
      }
      searched_ = buffer_.size();
      if (buffer_.size() > kMaxLine) return false;
      char bytes[16384];
      errno = 0;
      const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      buffer_.append(bytes, static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
  std::string buffer_;
  std::size_t searched_ = 0;
};

json::object error_answer(const Error& error) {
  return {{"ok", false}, {"code", static_cast<int>(error.code)}, {"message", error.message}};
}

/// A connection to the job that runs on `state_dir`.
Result<int> connect_to(const std::string& state_dir) {
  const Error nobody{ErrorCode::not_found, "No job is running on the state folder " + state_dir};
  WEIR_ASSIGN(const std::string place, control_folder(state_dir, false));
  const Fd folder(::open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) {
    return Error{ErrorCode::not_found,
                 "Cannot open the state folder " + state_dir + ": " + std::strerror(errno)};
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return socket_error("Cannot make a socket", errno);
  const sockaddr_un address = address_in(folder.get());
  limit_waiting(fd.get(), SO_SNDTIMEO, kPatience);
  limit_waiting(fd.get(), SO_RCVTIMEO, kPatience);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return fd.release();
  }
  if (errno == EAGAIN) return no_reaction(state_dir, fd.get());  // many wait already
  if (errno == ENOENT || errno == ECONNREFUSED) return nobody;
  return socket_error("Cannot reach the job that runs on " + state_dir, errno);
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::string& state_dir,
                                                            Handler handler) {
  WEIR_ASSIGN(const std::string place, control_folder(state_dir, true));
  const std::string path = place + "/control.sock";
  // No lock keeps a second process from a state on S3. It would fence the first; if that is on this
  // host it need not come to that.
  if (place != state_dir && job_is_running(state_dir)) {
    return Error{ErrorCode::already_exists,
                 "The state folder " + state_dir +
                     " is in use by another process of this host. Stop that job first, or give "
                     "this one another folder with --state."};
  }
  const Fd folder(::open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return socket_error("Cannot open " + place, errno);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return socket_error("Cannot make a socket", errno);
  ::unlink(path.c_str());
  const sockaddr_un address = address_in(folder.get());
  // The file gets the mode of the socket: nobody else can connect, not even for a moment.
  if (::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 8) != 0) {
    return socket_error("Cannot listen on " + path, errno);
  }
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  if (wake < 0) return socket_error("Cannot make an event", errno);
  return std::unique_ptr<ControlServer>(
      new ControlServer(path, fd.release(), wake, std::move(handler)));
}

ControlServer::ControlServer(std::string path, int fd, int wake, Handler handler)
    : path_(std::move(path)), fd_(fd), wake_(wake), handler_(std::move(handler)) {
  thread_ = std::thread([this] { accept_loop(); });
}

ControlServer::~ControlServer() {
  ::unlink(path_.c_str());
  ::eventfd_write(wake_, 1);
  thread_.join();
  shut_down_connections();
  for (Connection& connection : connections_) {
    connection.thread.join();
    ::close(connection.fd);
  }
  ::close(fd_);
  ::close(wake_);
}

/// Ends reads at once; an answer that is being worked on is still sent, to those who take it.
void ControlServer::shut_down_connections() {
  for (Connection& connection : connections_) ::shutdown(connection.fd, SHUT_RD);
  const auto all_done = [this] {
    return std::all_of(connections_.begin(), connections_.end(),
                       [](const Connection& connection) { return connection.done.load(); });
  };
  const auto end = std::chrono::steady_clock::now() + kGrace;
  while (!all_done() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (Connection& connection : connections_) ::shutdown(connection.fd, SHUT_RDWR);
}

void ControlServer::accept_loop() {
  for (;;) {
    pollfd waiting[] = {{fd_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    limit_waiting(fd, SO_SNDTIMEO, kPatience);
    join_finished();
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= kMaxConnections) {
      send_line(fd,
                error_answer({ErrorCode::io, "Too many commands speak to this job at once", true}));
      ::close(fd);
      continue;
    }
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void ControlServer::join_finished() {
  const std::lock_guard lock(mutex_);
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (!it->done) {
      ++it;
      continue;
    }
    it->thread.join();
    ::close(it->fd);
    it = connections_.erase(it);
  }
}

void ControlServer::serve(Connection& connection) {
  LineReader lines(connection.fd);
  for (std::string line; lines.read(line);) {
    auto request = parse_control_line(line);
    json::object answer;
    if (!request.ok()) {
      answer = error_answer(request.error());
    } else if (auto result = handler_(*request); result.ok()) {
      answer = std::move(*result);
      answer["ok"] = true;
    } else {
      answer = error_answer(result.error());
    }
    if (!send_line(connection.fd, answer)) break;
  }
  ::shutdown(connection.fd, SHUT_RDWR);
  connection.done = true;
}

Result<json::object> ask_running_job(const std::string& state_dir, const json::object& request) {
  WEIR_ASSIGN(const int connected, connect_to(state_dir));
  const Fd fd(connected);
  const Error lost{ErrorCode::io, "The job on " + state_dir + " ended before it answered"};
  LineReader lines(fd.get());
  std::string line;
  // First what is answered at once: a request itself may take long in a process that is well.
  if (!send_line(fd.get(), {{"request", "status"}}) || !lines.read(line)) {
    return errno == EAGAIN ? no_reaction(state_dir, fd.get()) : lost;
  }
  if (request.at("request") != "status") {
    limit_waiting(fd.get(), SO_RCVTIMEO, std::chrono::seconds(0));
    if (!send_line(fd.get(), request) || !lines.read(line)) return lost;
  }
  WEIR_ASSIGN(json::object answer, parse_control_line(line));
  const json::value* ok = answer.if_contains("ok");
  if (ok != nullptr && ok->is_bool() && ok->get_bool()) return answer;
  const json::value* code = answer.if_contains("code");
  const json::value* message = answer.if_contains("message");
  if (code == nullptr || message == nullptr || !code->is_int64() || !message->is_string()) {
    return Error{ErrorCode::corrupt,
                 "The job on " + state_dir + " gave no answer that makes sense"};
  }
  return Error{static_cast<ErrorCode>(code->get_int64()), std::string(message->get_string())};
}

bool job_is_running(const std::string& state_dir) {
  const auto connected = connect_to(state_dir);
  if (connected.ok()) ::close(*connected);
  // What cannot be reached for another reason may run all the same: whoever asks it is told why.
  return connected.ok() || connected.error().code != ErrorCode::not_found;
}

}  // namespace weir::cli
