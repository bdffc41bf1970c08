// Two ends of TLS with no socket between them: who accepts whom and why not, what reaches the other
// end, bytes that were changed on the way, noise, and certificates that are renewed.
#include "weir/net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/net/certificates.h"
#include "weir/net/tls_session.h"

namespace weir::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string take_out(TlsSession& session) { return std::exchange(session.out(), {}); }

/// All that `session` has to read.
Result<std::string> read_all(TlsSession& session) {
  std::string all;
  char some[1000];
  for (;;) {
    WEIR_ASSIGN(const std::size_t n, session.read(some, sizeof some));
    if (n == 0) return all;
    all.append(some, n);
  }
}

/// The two ends of a connection.
struct Pair {
  Pair(SslPtr caller, SslPtr door) : here(std::move(caller)), there(std::move(door)) {}

  /// Lets them speak until both agree or one does not; what each says in the end, "" for yes.
  void meet() {
    for (bool any = true; any;) {
      any = step(here, there, said_here);
      any |= step(there, here, said_there);
    }
  }
  TlsSession here, there;
  std::string said_here = kNothing, said_there = kNothing;

 private:
  static constexpr const char* kNothing = "is not done";

  /// False when nothing has come of it.
  static bool step(TlsSession& who, TlsSession& other, std::string& said) {
    const std::string come = take_out(other);
    if (!said.empty() && said != kNothing) return false;
    who.feed(come);
    if (!who.done()) {
      const auto shaken = who.shake();
      if (!shaken.ok()) {
        said = shaken.error().message;
      } else if (*shaken) {
        said = "";
      }
    }
    if (who.done()) {
      const auto rest = read_all(who);
      if (!rest.ok()) said = rest.error().message;
    }
    return !who.out().empty();
  }
};

class TlsTest : public ::testing::Test {
 protected:
  Authority ca_;
};

TEST_F(TlsTest, BothEndsAgreeAndHearEachOther) {
  const auto tls = ca_.member();
  Pair pair(tls->call("localhost"), tls->accept(Tls::Caller::must_show));
  pair.meet();
  ASSERT_EQ(pair.said_here, "");
  ASSERT_EQ(pair.said_there, "");
  std::string words;
  for (int i = 0; i < 100'000; ++i) words += std::to_string(i) + " ";
  ASSERT_TRUE(pair.here.write(words).ok());
  const std::string sent = take_out(pair.here);
  EXPECT_EQ(sent.find("1000 1001 1002"), std::string::npos);
  EXPECT_LT(sent.size(), words.size() + words.size() / 100);
  std::string came;
  for (std::size_t at = 0; at < sent.size(); at += 10'007) {  // in pieces as a socket gives them
    const std::string piece = sent.substr(at, 10'007);
    pair.there.feed(piece);
    const auto read = read_all(pair.there);
    ASSERT_TRUE(read.ok());
    came += *read;
  }
  EXPECT_EQ(came, words);
}

TEST_F(TlsTest, CallersWithoutACertificateOfTheCaAreRefused) {
  const auto door = ca_.member();
  Pair nothing(ca_.asker()->call("localhost"), door->accept(Tls::Caller::must_show));
  nothing.meet();
  EXPECT_EQ(nothing.said_there, "it shows no certificate; give it tls-cert and tls-key");
  EXPECT_THAT(nothing.said_here, HasSubstr("the other end does not accept the certificate shown"));
  Pair by_choice(ca_.asker()->call("localhost"), door->accept(Tls::Caller::may_show));
  by_choice.meet();
  EXPECT_EQ(by_choice.said_here + by_choice.said_there, "");

  Authority other("another CA");
  TlsFiles mixed = other.issue();
  mixed.ca = ca_.ca();
  for (const auto caller : {Tls::Caller::must_show, Tls::Caller::may_show}) {
    Pair strange((*Tls::open(mixed))->call("localhost"), door->accept(caller));
    strange.meet();
    EXPECT_THAT(strange.said_there, HasSubstr("its certificate is not accepted: unable to get"));
    EXPECT_THAT(strange.said_there, HasSubstr("it must be of the CA in tls-ca, /"));
    EXPECT_THAT(strange.said_here, HasSubstr("does not accept the certificate shown"));
  }
}

TEST_F(TlsTest, CallersAcceptOnlyWhomTheyAsked) {
  const auto said = [this](const std::shared_ptr<Tls>& caller, const std::string& host,
                           const CertificateWish& wish) {
    Pair pair(caller->call(host), ca_.member(wish)->accept(Tls::Caller::may_show));
    pair.meet();
    return pair.said_here;
  };
  const auto asker = ca_.asker();
  EXPECT_EQ(said(asker, "127.0.0.1", {}), "");
  EXPECT_EQ(said(asker, "", {.alternatives = "DNS:elsewhere"}), "");
  EXPECT_EQ(said(asker, "c2.weir.test", {.alternatives = "DNS:*.weir.test"}), "");
  EXPECT_THAT(said(asker, "elsewhere", {}), HasSubstr("hostname mismatch"));
  EXPECT_THAT(said(asker, "10.0.0.1", {}), HasSubstr("IP address mismatch"));
  EXPECT_THAT(said(asker, "localhost", {.from = -2h, .until = -1h}),
              HasSubstr("certificate has expired (renew it"));
  EXPECT_THAT(said(asker, "localhost", {.from = 1h, .until = 2h}), HasSubstr("not yet valid"));
  EXPECT_THAT(said(asker, "localhost", {.usage = "clientAuth"}), HasSubstr("certificate purpose"));
  EXPECT_THAT(said(Authority().asker(), "localhost", {}), HasSubstr("of the CA in tls-ca"));
  EXPECT_THAT(said(*Tls::open({}), "localhost", {}), HasSubstr("its certificate is not accepted"));
}

TEST_F(TlsTest, BytesChangedOnTheWayAreNoticed) {
  const auto tls = ca_.member();
  Pair pair(tls->call(), tls->accept(Tls::Caller::must_show));
  pair.meet();
  ASSERT_TRUE(pair.here.write("some words").ok());
  std::string sent = take_out(pair.here);
  sent[sent.size() / 2] ^= 1;
  pair.there.feed(sent);
  EXPECT_FALSE(read_all(pair.there).ok());
}

TEST_F(TlsTest, NoiseNeitherCrashesNorGrows) {
  const auto tls = ca_.member();
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 rng(seed);
  std::string hello;
  {
    TlsSession caller(tls->call());
    ASSERT_TRUE(caller.shake().ok());
    hello = take_out(caller);
  }
  for (int i = 0; i < 500; ++i) {
    std::string bytes = hello.substr(0, rng() % (hello.size() + 1));
    for (std::size_t n = rng() % 5; n > 0 && !bytes.empty(); --n) {
      bytes[rng() % bytes.size()] = static_cast<char>(rng());
    }
    bytes.resize(bytes.size() + rng() % 300, static_cast<char>(rng()));
    TlsSession door(tls->accept(Tls::Caller::must_show));
    door.feed(bytes);
    const auto shaken = door.shake();
    EXPECT_FALSE(shaken.ok() && *shaken);
    EXPECT_LT(door.out().size(), 10'000u);
  }
}

TEST_F(TlsTest, FilesThatCannotBeUsedAreNamed) {
  const TlsFiles good = ca_.issue();
  const auto why = [](const TlsFiles& files) {
    const auto tls = Tls::open(files);
    return tls.ok() ? "" : tls.error().message;
  };
  EXPECT_EQ(why(good), "");
  TlsFiles bad = good;
  bad.cert = "/no/such/file";
  EXPECT_THAT(why(bad), HasSubstr("Cannot use /no/such/file as a certificate: No such file"));
  bad = good;
  bad.ca = good.key;
  EXPECT_THAT(why(bad), HasSubstr("Cannot use " + good.key + " as the certificate of a CA: "));
  bad = good;
  bad.key = ca_.issue({.name = "other"}).key;
  EXPECT_THAT(why(bad), HasSubstr("key values mismatch"));
  bad = good;
  bad.key = "";
  EXPECT_THAT(why(bad), HasSubstr("give both of them"));
  EXPECT_THAT(Tls::open_member(ca_.only_ca()).error().message, HasSubstr("--tls-cert"));
  EXPECT_EQ(*Tls::open_member({}), nullptr);
}

TEST_F(TlsTest, RenewedFilesHoldForNewConnectionsAndHalfWrittenOnesDoNot) {
  const auto tls = ca_.member();
  const auto asker = ca_.asker();
  const auto said = [&](const std::string& host) {
    Pair pair(asker->call(host), tls->accept(Tls::Caller::may_show));
    pair.meet();
    return pair.said_here;
  };
  EXPECT_EQ(said("localhost"), "");
  EXPECT_THAT(said("c9"), HasSubstr("mismatch"));
  ca_.issue({.alternatives = "DNS:c9"});
  EXPECT_EQ(said("c9"), "");
  std::filesystem::resize_file(tls->files().cert, 100);
  EXPECT_EQ(said("c9"), "");
  ca_.issue({.alternatives = "DNS:c10"});
  EXPECT_EQ(said("c10"), "");
}

TEST(LooksLikeTls, TellsByThreeBytes) {
  EXPECT_TRUE(looks_like_tls("\x16\x03\x01\x02"));
  EXPECT_TRUE(looks_like_tls("\x15\x03\x03"));
  EXPECT_FALSE(looks_like_tls("\x16\x03"));
  EXPECT_FALSE(looks_like_tls(std::string("\x16\x03\0\0", 4)));  // a frame of 790 bytes
  EXPECT_FALSE(looks_like_tls("GET / HTTP/1.1"));
}

}  // namespace
}  // namespace weir::net
