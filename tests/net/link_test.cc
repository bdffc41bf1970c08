// Links over real sockets, each test without TLS and with: order, back-pressure within the window,
// credit, greetings, broken connections, and callers that send noise. Behind that who may not come
// in for its certificate, or for speaking TLS where none is spoken.
#include "weir/net/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/net/certificates.h"
#include "weir/base/describe.h"
#include "weir/net/frame.h"
#include "weir/net/network.h"
#include "weir/net/tls_session.h"

namespace weir::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Line {
  std::int64_t number = 0;
  std::string text;
};
WEIR_DESCRIBE(Line, number, text);

std::unique_ptr<BatchBase> make_batch() { return std::make_unique<Batch<Line>>(); }

/// What comes about on the network's thread, for one that waits.
template <class T>
class Slot {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    if (!value_) value_ = std::move(value);
    ready_.notify_all();
  }
  std::optional<T> take(std::chrono::milliseconds limit = 20s) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, limit, [this] { return value_.has_value(); });
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
};

/// Whether TLS is spoken.
class LinkTest : public ::testing::TestWithParam<bool> {
 protected:
  void listen(const LinkOptions& options = {}) {
    options_ = options;
    if (is_secure()) options_.tls = ca_.member();
    const auto port = door_.listen(
        "127.0.0.1", 0, options_,
        [this](const Hello& theirs) -> Result<Hello> {
          WEIR_TRY(check_hello(hello_, theirs));
          return hello_;
        },
        [this](Hello, std::unique_ptr<Link> link) { arrived_.put(std::move(link)); });
    ASSERT_TRUE(port.ok());
    port_ = *port;
  }
  void connect() {
    auto called = caller_.connect("127.0.0.1", port_, options_, hello_, 10s);
    ASSERT_TRUE(called.ok()) << called.error().message;
    here_ = std::move(*called);
    auto there = arrived_.take();
    ASSERT_TRUE(there);
    there_ = std::move(*there);
  }
  void start() {
    here_->start([this](Error why) { failed_here_.put(std::move(why)); });
    there_->start([this](Error why) { failed_there_.put(std::move(why)); });
  }
  virtual bool is_secure() const { return GetParam(); }
  static bool push(Channel& channel, std::int64_t first, int count, std::size_t text = 0) {
    ChannelElement element;
    std::unique_ptr<BatchBase> batch = channel.take_recycled();
    if (!batch) batch = make_batch();
    for (int i = 0; i < count; ++i) {
      static_cast<Batch<Line>&>(*batch).push(Line{first + i, std::string(text, 'x')}, first + i);
    }
    element.batch = std::move(batch);
    element.watermark_ms = first;
    return channel.push(element);
  }
  static std::optional<ChannelElement> pop(Channel& channel) {
    ChannelElement element;
    for (int i = 0; i < 20'000; ++i) {
      if (channel.pop(element)) return element;
      std::this_thread::sleep_for(1ms);
    }
    return std::nullopt;
  }
  /// A socket of somebody who does not speak our language.
  int stranger() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  /// Whether the other end closes the connection; what it sends before goes to `said`.
  static bool is_closed(int fd, std::string& said) {
    timeval limit{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char bytes[1000];
    for (;;) {
      const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) return n == 0 || errno == ECONNRESET;
      said.append(bytes, static_cast<std::size_t>(n));
    }
  }

  Authority ca_;
  Network door_, caller_;
  Hello hello_{"build", "job", 3, 0, "secret"};
  LinkOptions options_;
  std::uint16_t port_ = 0;
  Slot<std::unique_ptr<Link>> arrived_;
  Slot<Error> failed_here_, failed_there_;
  std::unique_ptr<Link> here_, there_;
};

TEST_P(LinkTest, ElementsOfAChannelArriveInOrderWithAllThatTheySay) {
  listen();
  connect();
  Channel& out = here_->open_out(5);
  Channel& in = there_->open_in(5, make_batch);
  start();
  ASSERT_TRUE(push(out, 10, 3, 20));
  ChannelElement barrier;
  barrier.kind = ChannelElement::Kind::barrier;
  barrier.checkpoint = 77;
  barrier.last = true;
  ASSERT_TRUE(out.push(barrier));
  ChannelElement idle;
  idle.active = false;
  idle.since_ns = 123;
  idle.watermark_ms = INT64_MIN;
  ASSERT_TRUE(out.push(idle));
  ChannelElement end;
  end.kind = ChannelElement::Kind::end;
  ASSERT_TRUE(out.push(end));

  auto data = pop(in);
  ASSERT_TRUE(data && data->batch);
  auto& batch = static_cast<Batch<Line>&>(*data->batch);
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch[2].number, 12);
  EXPECT_EQ(batch[2].text, std::string(20, 'x'));
  EXPECT_EQ(batch.times()[2], 12);
  EXPECT_EQ(data->watermark_ms, 10);
  EXPECT_TRUE(data->active);
  const auto second = pop(in), third = pop(in), fourth = pop(in);
  ASSERT_TRUE(second && third && fourth);
  EXPECT_EQ(second->kind, ChannelElement::Kind::barrier);
  EXPECT_EQ(second->checkpoint, 77u);
  EXPECT_TRUE(second->last);
  EXPECT_FALSE(third->active);
  EXPECT_EQ(third->since_ns, 123);
  EXPECT_EQ(third->watermark_ms, INT64_MIN);
  EXPECT_EQ(fourth->kind, ChannelElement::Kind::end);
}

TEST_P(LinkTest, ManyChannelsBothWaysAtOnce) {
  listen({.window_bytes = 16 << 10, .write_bytes = 8 << 10});
  connect();
  constexpr int kChannels = 4, kBatches = 500, kRows = 20;
  std::vector<Channel*> outs, ins;
  for (std::uint32_t i = 0; i < kChannels; ++i) {
    Link& from = i % 2 == 0 ? *here_ : *there_;
    Link& to = i % 2 == 0 ? *there_ : *here_;
    outs.push_back(&from.open_out(i));
    ins.push_back(&to.open_in(i, make_batch));
  }
  start();
  std::vector<std::thread> threads;
  for (Channel* out : outs) {
    threads.emplace_back([out] {
      for (int i = 0; i < kBatches; ++i) {
        while (!push(*out, i * kRows, kRows, 50)) std::this_thread::sleep_for(100us);
      }
    });
  }
  for (Channel* in : ins) {
    threads.emplace_back([in] {
      std::int64_t next = 0;
      while (next < kBatches * kRows) {
        auto element = pop(*in);
        ASSERT_TRUE(element && element->batch);
        for (const Line& line : static_cast<Batch<Line>&>(*element->batch)) {
          ASSERT_EQ(line.number, next++);
        }
        element->batch->clear();
        in->recycle(std::move(element->batch));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(here_->counters().elements_out, 2u * kBatches);
  EXPECT_EQ(there_->counters().elements_in, 2u * kBatches);
}

TEST_P(LinkTest, AReaderThatDoesNotReadHoldsItsWriterBackAndNobodyElse) {
  listen({.window_bytes = 64 << 10});
  connect();
  Channel& stuck = here_->open_out(1);
  Channel& other = here_->open_out(2);
  Channel& never_read = there_->open_in(1, make_batch);
  Channel& read = there_->open_in(2, make_batch);
  start();
  int taken = 0;
  for (int quiet = 0; quiet < 200;) {
    if (push(stuck, taken, 10, 1000)) {
      ++taken;
      quiet = 0;
    } else {
      ++quiet;
      std::this_thread::sleep_for(1ms);
    }
  }
  // A window, one element, and the ring before it.
  EXPECT_LE(taken, (64 << 10) / 10'000 + 2 + static_cast<int>(options_.ring_elements));
  EXPECT_GE(taken, 8);
  ASSERT_TRUE(push(other, 1, 1));
  EXPECT_TRUE(pop(read));
  // Once it is read again all comes, also many that are smaller than they cost.
  std::int64_t rows = 0;
  for (int i = 0; i < taken; ++i) {
    auto element = pop(never_read);
    ASSERT_TRUE(element);
    rows += static_cast<std::int64_t>(element->batch->size());
  }
  EXPECT_EQ(rows, 10 * taken);
  for (int i = 0; i < 1000; ++i) {
    while (!push(stuck, i, 1)) {
      ASSERT_TRUE(pop(never_read));
    }
  }
}

// A thread that runs a task and the network: it is only ever asleep in the network.
TEST_P(LinkTest, ANetworkIsDrivenByTheThreadThatHasTheTasks) {
  listen();
  Network driven(Network::Drive::by_caller);
  auto called = driven.connect("127.0.0.1", port_, options_, hello_, 10s);
  ASSERT_TRUE(called.ok()) << called.error().message;
  here_ = std::move(*called);
  there_ = std::move(*arrived_.take());
  Channel& out = here_->open_out(1);
  Channel& back = here_->open_in(2, make_batch);
  Channel& in = there_->open_in(1, make_batch);
  Channel& reply = there_->open_out(2);
  start();
  std::thread echo([&] {
    for (int i = 0; i < 1000;) {
      auto element = pop(in);
      ASSERT_TRUE(element);
      while (!reply.push(*element)) std::this_thread::sleep_for(100us);
      ++i;
    }
  });
  int sent = 0, came = 0;
  std::int64_t next = 0;
  for (const auto end = std::chrono::steady_clock::now() + 20s;
       came < 1000 && std::chrono::steady_clock::now() < end;) {
    while (sent < 1000 && push(out, sent * 10, 10)) ++sent;
    ChannelElement element;
    while (back.pop(element)) {
      ++came;
      for (const Line& line : static_cast<Batch<Line>&>(*element.batch)) {
        ASSERT_EQ(line.number, next++);
      }
    }
    driven.wait(1s);
  }
  echo.join();
  EXPECT_EQ(next, 10'000);
  EXPECT_FALSE(driven.poll());
  std::thread other([&driven] { driven.interrupt(); });
  EXPECT_TRUE(driven.wait(20s));
  other.join();
  here_.reset();  // before what drives it
}

TEST_P(LinkTest, ABatchLargerThanTheWindowPasses) {
  listen({.window_bytes = 4 << 10});
  connect();
  Channel& out = here_->open_out(1);
  Channel& in = there_->open_in(1, make_batch);
  start();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(push(out, i, 1, 3 << 20));
  for (int i = 0; i < 3; ++i) {
    auto element = pop(in);
    ASSERT_TRUE(element && element->batch);
    EXPECT_EQ(static_cast<Batch<Line>&>(*element->batch)[0].text.size(), std::size_t{3} << 20);
  }
}

TEST_P(LinkTest, TheOtherEndThatGoesAwayIsNoticedAtOnce) {
  listen();
  connect();
  here_->open_out(1);
  there_->open_in(1, make_batch);
  start();
  there_.reset();
  const auto why = failed_here_.take();
  ASSERT_TRUE(why);
  EXPECT_TRUE(why->retryable);
  EXPECT_THAT(why->message, HasSubstr("127.0.0.1"));
}

TEST_P(LinkTest, AFrameForAChannelThatIsNotThereFailsTheLink) {
  listen();
  connect();
  Channel& out = here_->open_out(9);
  there_->open_in(1, make_batch);
  start();
  ASSERT_TRUE(push(out, 1, 1));
  const auto why = failed_there_.take();
  ASSERT_TRUE(why);
  EXPECT_THAT(why->message, HasSubstr("channel 9"));
}

TEST_P(LinkTest, WhoMayNotComeInIsToldWhy) {
  listen();
  Hello old = hello_;
  old.attempt = 2;
  const auto refused = caller_.connect("127.0.0.1", port_, options_, old, 10s);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
  EXPECT_THAT(refused.error().message, HasSubstr("attempt 2"));
  Hello guess = hello_;
  guess.token = "guess";
  EXPECT_THAT(caller_.connect("127.0.0.1", port_, options_, guess, 10s).error().message,
              HasSubstr("token"));
  EXPECT_FALSE(arrived_.take(50ms));
}

TEST_P(LinkTest, NobodyListeningIsAnErrorThatMayHeal) {
  listen();
  const auto none = caller_.connect("127.0.0.1", 1, options_, hello_, 10s);
  ASSERT_FALSE(none.ok());
  EXPECT_TRUE(none.error().retryable);
  EXPECT_THAT(none.error().message, HasSubstr("127.0.0.1:1"));
}

TEST_P(LinkTest, NoiseAtTheDoorIsClosedAndTheNextOneComesIn) {
  listen();
  std::string oversized(kFrameHeader, '\0');
  oversized.replace(0, 4, "\xff\xff\xff\x7f");
  oversized[12] = 1;
  std::string nothing_said;
  append_frame(nothing_said, FrameKind::element, 0, [](std::string& out) { out += "data"; });
  for (const std::string& noise :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), oversized, nothing_said}) {
    const int fd = stranger();
    EXPECT_EQ(send(fd, noise.data(), noise.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(noise.size()));
    std::string said;
    EXPECT_TRUE(is_closed(fd, said)) << noise;
    EXPECT_EQ(said, "");
    close(fd);
  }
  connect();
}

TEST_P(LinkTest, WhoSaysNothingIsNotWaitedFor) {
  listen();
  const int fd = stranger();
  std::string said;
  EXPECT_TRUE(is_closed(fd, said));
  close(fd);
}

INSTANTIATE_TEST_SUITE_P(, LinkTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Tls" : "Plain"; });

/// A door with TLS, unless a test says otherwise.
class LinkTlsTest : public LinkTest {
 protected:
  bool is_secure() const override { return secure_; }
  /// Why somebody with these options is not let in.
  std::string refusal(std::shared_ptr<Tls> tls) {
    LinkOptions options;
    options.tls = std::move(tls);
    const auto refused = caller_.connect("127.0.0.1", port_, options, hello_, 10s);
    EXPECT_FALSE(arrived_.take(50ms));
    if (refused.ok()) return "let in";
    EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
    return refused.error().message;
  }
  bool secure_ = true;
};

TEST_F(LinkTlsTest, WhoseCertificateDoesNotFitIsToldSo) {
  listen();
  EXPECT_THAT(refusal(ca_.member({.name = "old", .from = -2h, .until = -1h})),
              HasSubstr("does not accept the certificate shown"));
  EXPECT_THAT(refusal(ca_.member({.name = "door only", .usage = "serverAuth"})),
              HasSubstr("does not accept the certificate shown"));
  EXPECT_THAT(refusal(ca_.asker()), HasSubstr("does not accept the certificate shown"));
  EXPECT_THAT(refusal(Authority().member()), HasSubstr("must be of the CA in tls-ca"));
  connect();
}

TEST_F(LinkTlsTest, CallersKnowWhoCannotBeTheirDoor) {
  options_.tls = ca_.member({.name = "caller only", .usage = "clientAuth"});
  secure_ = false;
  listen(options_);
  EXPECT_THAT(refusal(ca_.member()), HasSubstr("its certificate is not accepted"));
}

TEST_F(LinkTlsTest, WhoSpeaksWithoutIsToldSo) {
  listen();
  LinkOptions plain;
  const auto refused = caller_.connect("127.0.0.1", port_, plain, hello_, 10s);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("refuses: it speaks without TLS"));
  connect();
}

TEST_F(LinkTlsTest, WhoSpeaksItWhereNobodyDoesIsToldSoAndKeepsItsToken) {
  secure_ = false;
  listen();
  EXPECT_THAT(refusal(ca_.member()),
              HasSubstr("refuses: it speaks TLS, and this process does not"));
  connect();
}

/// A false door that answers TLS in plain words, to have the hello with its token in return.
TEST_F(LinkTlsTest, AHelloIsNeverSentWithoutTls) {
  const int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(door, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(door, 1), 0);
  getsockname(door, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  std::string heard;
  std::thread false_door([&] {
    const int fd = accept(door, nullptr, nullptr);
    char bytes[4096];
    const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    heard.assign(bytes, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    std::string hello;
    append_frame(hello, FrameKind::hello, 0,
                 [this](std::string& out) { write_hello(out, hello_); });
    EXPECT_EQ(send(fd, hello.data(), hello.size(), MSG_NOSIGNAL), ssize_t(hello.size()));
    is_closed(fd, heard);
    close(fd);
  });
  EXPECT_THAT(refusal(ca_.member()), HasSubstr("it speaks without TLS"));
  false_door.join();
  close(door);
  EXPECT_TRUE(looks_like_tls(heard));
  EXPECT_EQ(heard.find(hello_.token), std::string::npos);
}

TEST_F(LinkTlsTest, BrokenHandshakesHarmNobody) {
  listen();
  std::string hello;
  {
    TlsSession caller(options_.tls->call());
    ASSERT_TRUE(caller.shake().ok());
    hello = caller.out();
  }
  for (std::size_t n = 1; n < hello.size(); n += 13) {
    std::string bytes = hello;
    bytes[n] = static_cast<char>(~bytes[n]);
    const int fd = stranger();
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    shutdown(fd, SHUT_WR);
    std::string said;
    EXPECT_TRUE(is_closed(fd, said));
    EXPECT_LT(said.size(), 10'000u);
    close(fd);
  }
  connect();
}

}  // namespace
}  // namespace weir::net
