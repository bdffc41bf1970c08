// How the loss of a peer is told, by which a cluster knows that the cause lies elsewhere; what is
// no loss; and that nobody else holds the connection, who would hide the loss.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

/// Two ends of a link.
class LostPeer : public ::testing::Test {
 protected:
  /// Who is called has a network of its own thread, or one that stands still but for `drive_until`.
  void connect(Network::Drive drive = Network::Drive::own_thread) {
    here_ = std::make_unique<Network>();
    door_ = std::make_unique<Network>(drive);
    std::promise<std::unique_ptr<Link>> arrived;
    auto arrives = arrived.get_future();
    const auto port = door_->listen(
        "127.0.0.1", 0, options_, [&](const Hello&) -> Result<Hello> { return hello_; },
        [&](const Hello&, std::unique_ptr<Link> link) { arrived.set_value(std::move(link)); });
    ASSERT_TRUE(port.ok());
    auto called = std::async(std::launch::async, [this, port] {
      return here_->connect("127.0.0.1", *port, options_, hello_, 10s);
    });
    if (drive == Network::Drive::by_caller) drive_until(arrives);
    there_link_ = arrives.get();
    auto link = called.get();
    ASSERT_TRUE(link.ok()) << link.error().message;
    here_link_ = std::move(*link);
    here_link_->start([this](const Error& why) { lost_.set_value(why); });
  }
  template <class T>
  void drive_until(std::future<T>& done) {
    while (done.wait_for(0s) != std::future_status::ready) door_->wait(10ms);
  }

  const Hello hello_;
  LinkOptions options_{.silence = 2s};
  std::promise<Error> lost_;  // set by the network's thread, until the links are gone
  std::unique_ptr<Network> here_, door_;
  std::unique_ptr<Link> here_link_, there_link_;
};

TEST_F(LostPeer, IsACodeOfItsOwn) {
  connect();
  there_link_->start([](const Error&) {});
  there_link_.reset();
  const Error why = lost_.get_future().get();
  EXPECT_EQ(why.code, ErrorCode::peer_lost) << why.message;
  EXPECT_TRUE(why.retryable);
}

/// Sets the loopback of this thread's network up or down.
bool set_loopback(bool up) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = up ? IFF_UP : 0;
  const bool done = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return done;
}

TEST_F(LostPeer, IsAHostThatDoesNotAnswer) {
  // A thread with a network of its own, which nobody else is cut off from.
  bool possible = false;
  Error why;
  std::thread apart([&] {
    if (::unshare(CLONE_NEWNET) != 0 || !set_loopback(true)) return;
    possible = true;
    connect();
    there_link_->start([](const Error&) {});
    // Idle for longer than it may be silent: it is asked, and answers.
    auto lost = lost_.get_future();
    EXPECT_EQ(lost.wait_for(4s), std::future_status::timeout);
    EXPECT_TRUE(set_loopback(false));
    why = lost.get();
    here_link_.reset();
    there_link_.reset();
  });
  apart.join();
  if (!possible) GTEST_SKIP() << "no network of its own can be made here: only root can";
  EXPECT_EQ(why.code, ErrorCode::peer_lost);
  EXPECT_THAT(why.message, ::testing::HasSubstr("its host has not answered for"));
}

TEST_F(LostPeer, IsNotOneThatIsBusy) {
  connect(Network::Drive::by_caller);
  // More than the systems take, so that the window closes, for longer than silence may last.
  const std::string message(32 << 20, 'x');
  here_link_->send(message);
  auto lost = lost_.get_future();
  ASSERT_EQ(lost.wait_for(7s), std::future_status::timeout);
  std::promise<std::size_t> taken;
  auto size = taken.get_future();
  there_link_->start([](const Error& why) { ADD_FAILURE() << why.message; },
                     [&](std::string_view bytes) { taken.set_value(bytes.size()); });
  drive_until(size);
  EXPECT_EQ(size.get(), message.size());
  there_link_.reset();
}

/// The sockets of this process that programs which it starts would inherit.
int inherited_sockets() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || !target.string().starts_with("socket:")) continue;
    const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
  }
  return count;
}

TEST(HeldPeer, ProgramsThatAProcessStartsHoldNoneOfItsSockets) {
  const int before = inherited_sockets();
  const Hello hello;
  for (const auto drive : {Network::Drive::own_thread, Network::Drive::by_caller}) {
    Network here(drive), door;
    std::promise<std::unique_ptr<Link>> arrived;
    const auto port = door.listen(
        "127.0.0.1", 0, {}, [&](const Hello&) -> Result<Hello> { return hello; },
        [&](const Hello&, std::unique_ptr<Link> link) { arrived.set_value(std::move(link)); });
    ASSERT_TRUE(port.ok());
    const auto link = here.connect("localhost", *port, {}, hello, 10s);  // of several addresses
    ASSERT_TRUE(link.ok()) << link.error().message;
    const auto there = arrived.get_future().get();
    EXPECT_EQ(inherited_sockets(), before);
  }
}

}  // namespace
}  // namespace weir::net
