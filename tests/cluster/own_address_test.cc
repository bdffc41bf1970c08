// How others reach this host. See cluster/own_address.h.
#include "weir/cluster/own_address.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include "weir/cluster/http_server.h"

namespace weir::cluster {
namespace {

TEST(OwnAddress, IsNoneOfLoopbackWhereThereIsAnother) {
  const std::string own = own_address();
  ASSERT_FALSE(own.empty());
  addrinfo* found = nullptr;
  if (::getaddrinfo(own.c_str(), nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this host has no address but loopback, and its name none at all";
  }
  char text[NI_MAXHOST] = {};
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  EXPECT_FALSE(is_loopback(text)) << own << " is " << text;
  EXPECT_FALSE(is_any_address(text));
}

TEST(OwnAddress, AllAddressesAreNoHost) {
  EXPECT_TRUE(is_any_address("0.0.0.0"));
  EXPECT_TRUE(is_any_address("::"));
  EXPECT_FALSE(is_any_address("10.0.0.1"));
  EXPECT_FALSE(is_any_address(""));
}

}  // namespace
}  // namespace weir::cluster
