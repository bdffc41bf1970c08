// See own_address.h.
#include "weir/cluster/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace weir::cluster {
namespace {

bool leads_elsewhere(const sockaddr* address) {
  if (address == nullptr) return false;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return (ntohl(v4->sin_addr.s_addr) >> 24) != 127;
  }
  if (address->sa_family != AF_INET6) return false;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) == 0 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) == 0;
}

bool leads_elsewhere(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (!leads_elsewhere(one->ai_addr)) return false;  // others may take this one
  }
  return true;
}

/// Of IPv4 where there is one; empty where there is none at all.
std::string address_of_an_interface() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(all, ::freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      const bool usable = (one->ifa_flags & IFF_UP) != 0 && leads_elsewhere(one->ifa_addr);
      if (!usable || one->ifa_addr->sa_family != family) continue;
      char text[NI_MAXHOST];
      const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      if (::getnameinfo(one->ifa_addr, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
        return text;
      }
    }
  }
  return "";
}

}  // namespace

std::string own_address(bool by_name) {
  char name[256] = {};
  const bool named = ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0';
  if (named && (by_name || leads_elsewhere(std::string(name)))) return name;
  const std::string address = address_of_an_interface();
  if (!address.empty()) return address;
  return named ? name : "localhost";
}

bool is_any_address(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

}  // namespace weir::cluster
