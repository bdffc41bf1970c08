// A bare loop over TCP; see wire_twin.h.
#include "bench/twins/wire_twin.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "bench/twins/cost_twin.h"

namespace weir::bench {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

bool send_events(int fd, std::uint64_t events, std::uint64_t keys) {
  std::vector<CostEvent> buffer(kBuffer / sizeof(CostEvent));
  CostGenerator generator(keys);
  for (std::uint64_t i = 0; i < events;) {
    std::size_t n = 0;
    for (; n < buffer.size() && i < events; ++n, ++i) generator.next(i, buffer[n]);
    if (!send_all(fd, reinterpret_cast<const char*>(buffer.data()), n * sizeof(CostEvent))) {
      return false;
    }
  }
  return true;
}

std::int64_t receive_events(int fd, std::uint64_t events) {
  std::vector<char> buffer(kBuffer);
  std::int64_t sum = 0;
  std::size_t have = 0;
  for (std::uint64_t got = 0; got < events;) {
    const ssize_t n = recv(fd, buffer.data() + have, buffer.size() - have, 0);
    if (n <= 0) return -1;
    have += static_cast<std::size_t>(n);
    const std::size_t whole = have / sizeof(CostEvent);
    for (std::size_t i = 0; i < whole; ++i) {
      CostEvent event;
      std::memcpy(&event, buffer.data() + i * sizeof event, sizeof event);
      sum += event.val;
    }
    got += whole;
    have -= whole * sizeof(CostEvent);
    std::memmove(buffer.data(), buffer.data() + whole * sizeof(CostEvent), have);
  }
  return sum;
}

int listen_on_loopback(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 1) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(fd);
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

int connect_to_loopback(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace weir::bench
