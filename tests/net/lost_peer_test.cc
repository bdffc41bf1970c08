// How the loss of a peer is told, by which a cluster knows that the cause lies elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

TEST(LostPeer, IsACodeOfItsOwn) {
  const Hello hello;
  Network here;
  auto door = std::make_unique<Network>();
  std::promise<std::unique_ptr<Link>> arrived;
  const auto port = door->listen(
      "127.0.0.1", 0, {}, [&](const Hello&) -> Result<Hello> { return hello; },
      [&](const Hello&, std::unique_ptr<Link> link) { arrived.set_value(std::move(link)); });
  ASSERT_TRUE(port.ok());
  const auto link = here.connect("127.0.0.1", *port, {}, hello, 10s);
  ASSERT_TRUE(link.ok()) << link.error().message;
  std::unique_ptr<Link> there = arrived.get_future().get();
  there->start([](const Error&) {});
  std::promise<Error> lost;
  (*link)->start([&](const Error& why) { lost.set_value(why); });
  there.reset();
  const Error why = lost.get_future().get();
  EXPECT_EQ(why.code, ErrorCode::peer_lost) << why.message;
  EXPECT_TRUE(why.retryable);
}

}  // namespace
}  // namespace weir::net
