// S3Storage against a real server, with a proxy in between that loses, delays and spoils requests.
// What every storage promises is in storage_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/base/s3_proxy.h"
#include "tests/base/s3_server.h"
#include "weir/base/clock.h"
#include "weir/base/path.h"
#include "weir/base/s3/client.h"
#include "weir/base/s3/xml.h"

namespace weir {
namespace {

using testing::Fault;
using testing::S3Proxy;
using testing::S3Server;

class S3 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!S3Server::get().missing().empty()) GTEST_SKIP() << S3Server::get().missing();
    storage_ = make_s3_storage(options());
    folder_ = S3Server::get().fresh_folder();
  }
  static S3Options options() { return S3Server::get().options(); }
  /// A storage that reaches the server through `proxy`.
  static std::unique_ptr<Storage> through(const S3Proxy& proxy, int timeout_ms = 30'000,
                                          int retry_ms = 30'000) {
    S3Options spoiled = options();
    spoiled.endpoint = proxy.url();
    spoiled.request_timeout = std::chrono::milliseconds(timeout_ms);
    spoiled.retry_for = std::chrono::milliseconds(retry_ms);
    spoiled.part_bytes = 5u << 20;
    return make_s3_storage(spoiled);
  }
  std::string path(std::string_view name) const { return join_path(folder_, name); }
  std::string read(const std::string& name) { return read_file(*storage_, path(name)).value(); }

  std::unique_ptr<Storage> storage_;
  std::string folder_;
};

/// Spoils the first request whose line holds `what` in this way, and no other.
S3Proxy::Rule once(const std::string& what, Fault fault) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  return [=](const std::string& line, int) {
    return line.find(what) != line.npos && !done->exchange(true) ? fault : Fault::none;
  };
}

S3Proxy::Rule always(const std::string& what, Fault fault) {
  return [=](const std::string& line, int) {
    return line.find(what) != line.npos ? fault : Fault::none;
  };
}

std::string noise(std::size_t size) {
  Random random(size);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

TEST_F(S3, NothingIsThereBeforeASync) {
  for (const std::size_t size : {std::size_t{3}, std::size_t{12} << 20}) {
    S3Options small = options();
    small.part_bytes = 5u << 20;
    const auto storage = make_s3_storage(small);
    auto file = storage->create(path("f")).value();
    ASSERT_TRUE(file->append(std::string(size, 'x')).ok());
    EXPECT_FALSE(storage_->exists(path("f")).value());
    ASSERT_TRUE(file->close().ok());
    EXPECT_FALSE(storage_->exists(path("f")).value());
    EXPECT_FALSE(file->sync().ok());
    EXPECT_TRUE(storage_->list(folder_)->empty());
  }
}

TEST_F(S3, AFileIsWholeAfterItsSync) {
  S3Options small = options();
  small.part_bytes = 5u << 20;
  const auto storage = make_s3_storage(small);
  // Around the sizes of parts and of pieces that are read.
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{65536}, std::size_t{65537}, std::size_t{5} << 20,
        (std::size_t{5} << 20) + 1, (std::size_t{16} << 20), (std::size_t{17} << 20) + 5}) {
    const std::string bytes = noise(size);
    auto file = storage->create(path("f")).value();
    for (std::size_t at = 0; at < size; at += 300'001) {
      ASSERT_TRUE(file->append(std::string_view(bytes).substr(at, 300'001)).ok());
    }
    const Status synced = file->sync();
    ASSERT_TRUE(synced.ok()) << synced.error().message;
    EXPECT_FALSE(file->append("more").ok());
    ASSERT_TRUE(file->close().ok());
    EXPECT_TRUE(read("f") == bytes) << size;
    ASSERT_EQ(storage_->list(folder_)->size(), 1u);
    EXPECT_EQ((*storage_->list(folder_))[0].size_bytes, size);
  }
}

TEST_F(S3, NamesMayHoldAnything) {
  for (const std::string& name :
       std::vector<std::string>{"a b", "a+b", "a%20b", "ä€", "a&<b>'\"", "=?#~", "(x)*!@$,;:"}) {
    const Status written = write_new_file(*storage_, path(name), name, "me");
    ASSERT_TRUE(written.ok()) << written.error().message;
    EXPECT_EQ(read(name), name);
    ASSERT_EQ(storage_->list(folder_)->size(), 1u) << name;
    EXPECT_EQ((*storage_->list(folder_))[0].name, name);
    ASSERT_TRUE(storage_->remove(path(name)).ok());
    EXPECT_FALSE(storage_->exists(path(name)).value());
  }
}

TEST_F(S3, FoldersAreTheBeginningsOfNames) {
  EXPECT_TRUE(storage_->list(folder_)->empty());
  EXPECT_FALSE(storage_->exists(folder_).value());
  ASSERT_TRUE(storage_->make_dirs(path("d/e")).ok());
  EXPECT_FALSE(storage_->exists(path("d")).value());
  for (const char* name : {"d/e/f", "d/g", "dx"}) {
    ASSERT_TRUE(write_file_atomically(*storage_, path(name), "123").ok());
  }
  EXPECT_TRUE(storage_->exists(path("d")).value());
  EXPECT_TRUE(storage_->exists(path("d/")).value());
  const auto entries = storage_->list(path("d/")).value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_TRUE(entries[0].name == "e" && entries[0].is_directory);
  EXPECT_TRUE(entries[1].name == "g" && entries[1].size_bytes == 3);
  ASSERT_TRUE(storage_->remove_all(path("d")).ok());
  EXPECT_FALSE(storage_->exists(path("d")).value());
  EXPECT_TRUE(storage_->exists(path("dx")).value());
}

TEST_F(S3, LongListsComeInPages) {
  S3Options small = options();
  small.list_page = 3;
  const auto storage = make_s3_storage(small);
  for (int i = 0; i < 10; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_TRUE(write_file_atomically(*storage_, path("d" + name + "/f"), "x").ok());
    ASSERT_TRUE(write_file_atomically(*storage_, path(name), "x").ok());
    EXPECT_EQ(storage->list(folder_)->size(), 2u * (static_cast<std::size_t>(i) + 1));
  }
  ASSERT_TRUE(storage->remove_all(folder_).ok());
  EXPECT_FALSE(storage_->exists(folder_).value());
}

TEST_F(S3, WhatS3CannotDoIsRefused) {
  EXPECT_EQ(storage_->rename(path("a"), path("b")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(storage_->rename_new(path("a"), path("b")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(storage_->lock(path("a")).error().code, ErrorCode::invalid_argument);
  for (const char* bad : {"s3://", "s3:///x", "s3://b ucket/x", "s3://bucket/../x", "/x", ""}) {
    EXPECT_EQ(storage_->create(bad).error().code, ErrorCode::invalid_argument) << bad;
  }
}

TEST_F(S3, ErrorsNameBucketKeyStatusAndCode) {
  const auto missing = storage_->open(path("no"));
  ASSERT_EQ(missing.error().code, ErrorCode::not_found);
  for (const std::string& part : {path("no"), std::string("404"), std::string("NoSuchKey")}) {
    EXPECT_NE(missing.error().message.find(part), std::string::npos) << missing.error().message;
  }
  const Status bucket = write_new_file(*storage_, "s3://no-such-bucket/x", "x", "me");
  if (!bucket.ok()) {  // some servers make one
    EXPECT_EQ(bucket.error().code, ErrorCode::invalid_argument) << bucket.error().message;
  }
  S3Options wrong = options();
  wrong.secret_key = "wrong";
  const auto denied = make_s3_storage(wrong)->open(path("no"));
  ASSERT_EQ(denied.error().code, ErrorCode::io);
  EXPECT_FALSE(denied.error().retryable);
  EXPECT_NE(denied.error().message.find("SignatureDoesNotMatch"), std::string::npos);
  EXPECT_EQ(denied.error().message.find("wrong"), std::string::npos) << "no secrets";
}

TEST_F(S3, NobodyListeningIsAnErrorThatMayHeal) {
  S3Options nobody = options();
  nobody.endpoint = "http://127.0.0.1:1";
  nobody.retry_for = std::chrono::milliseconds(30);
  const auto storage = make_s3_storage(nobody);
  const Status status = write_new_file(*storage, path("f"), "x", "me");
  EXPECT_EQ(status.error().code, ErrorCode::io) << "surely not there";
  EXPECT_TRUE(status.error().retryable);
}

/// Each way in which one request can go wrong and the next go well.
const Fault kPassing[] = {Fault::cut_before, Fault::cut_inside, Fault::cut_after,
                          Fault::cut_answer, Fault::hang,       Fault::hang_after,
                          Fault::busy,       Fault::error_after};

TEST_F(S3, OneBrokenRequestIsNoFailure) {
  for (const Fault fault : kPassing) {
    const std::string name = "f" + std::to_string(static_cast<int>(fault));
    SCOPED_TRACE(name);
    const std::string bytes = noise(100'000);
    {
      S3Proxy proxy(S3Server::get().address(), once("PUT", fault));
      const auto storage = through(proxy, 300);
      auto file = storage->create(path(name)).value();
      ASSERT_TRUE(file->append(bytes).ok());
      const Status synced = file->sync();
      EXPECT_TRUE(synced.ok()) << synced.error().message;
    }
    S3Proxy proxy(S3Server::get().address(), once("GET", fault));
    EXPECT_TRUE(read_file(*through(proxy, 300), path(name)).value() == bytes);
  }
}

TEST_F(S3, ANewFileIsOnesOwnHoweverItsAnswerGotLost) {
  for (const Fault fault : kPassing) {
    const std::string name = "f" + std::to_string(static_cast<int>(fault));
    SCOPED_TRACE(name);
    S3Proxy proxy(S3Server::get().address(), once("/" + name + " ", fault));
    const auto storage = through(proxy, 300);
    const Status mine = write_new_file(*storage, path(name), "mine", "me");
    EXPECT_TRUE(mine.ok()) << mine.error().message;
    EXPECT_EQ(write_new_file(*storage, path(name), "other", "me").error().code,
              ErrorCode::already_exists);
    EXPECT_EQ(read(name), "mine");
  }
}

TEST_F(S3, ConflictsAreTriedAgain) {
  S3Proxy proxy(S3Server::get().address(), once("/f ", Fault::conflict));
  EXPECT_TRUE(write_new_file(*through(proxy), path("f"), "mine", "me").ok());
}

TEST_F(S3, ANewFileIsLostToWhoeverCameBetweenTheTries) {
  const auto other = make_s3_storage(options());
  S3Proxy proxy(S3Server::get().address(), [&, first = true](const std::string& line, int) mutable {
    if (line.find("/f ") == line.npos || !std::exchange(first, false)) return Fault::none;
    EXPECT_TRUE(write_new_file(*other, path("f"), "other", "other").ok());
    return Fault::cut_before;
  });
  EXPECT_EQ(write_new_file(*through(proxy), path("f"), "mine", "me").error().code,
            ErrorCode::already_exists);
  EXPECT_EQ(read("f"), "other");
}

TEST_F(S3, ANewFileOfWhichNobodyCanTellIsSaidToBeSo) {
  for (const Fault fault : {Fault::cut_after, Fault::cut_before}) {
    // Neither the writing nor the looking after it gets through.
    S3Proxy proxy(S3Server::get().address(), always("/f ", fault));
    const Status status = write_new_file(*through(proxy, 700, 50), path("f"), "mine", "me");
    EXPECT_EQ(status.error().code, ErrorCode::fsync_failed) << status.error().message;
    ASSERT_TRUE(storage_->remove(path("f")).ok());
  }
  // It can be looked at, but is not there, and may yet come.
  S3Proxy proxy(S3Server::get().address(),
                always("PUT /" + folder_.substr(5) + "/f ", Fault::hang));
  const Status status = write_new_file(*through(proxy, 200, 50), path("f"), "mine", "me");
  EXPECT_EQ(status.error().code, ErrorCode::fsync_failed) << status.error().message;
}

TEST_F(S3, AServerThatStaysBusyEndsInAnErrorThatMayHeal) {
  S3Proxy proxy(S3Server::get().address(), always("PUT", Fault::busy));
  auto file = through(proxy, 700, 60)->create(path("f")).value();
  ASSERT_TRUE(file->append("x").ok());
  const Status status = file->sync();
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_NE(status.error().message.find("503"), std::string::npos) << status.error().message;
  EXPECT_FALSE(file->sync().ok()) << "never tried again on the same file";
  EXPECT_FALSE(storage_->exists(path("f")).value());
}

TEST_F(S3, WhatIsRefusedIsNotTriedAgain) {
  S3Proxy proxy(S3Server::get().address(), always("-", Fault::none));
  EXPECT_FALSE(through(proxy)->open(path("no")).ok());
  EXPECT_EQ(proxy.requests().size(), 1u);
}

TEST_F(S3, UploadsInPartsOutliveBrokenRequests) {
  const std::string bytes = noise(11u << 20);
  for (const char* step : {"?uploads", "partNumber=2", "POST"}) {
    for (const Fault fault : {Fault::cut_after, Fault::busy, Fault::error_after}) {
      SCOPED_TRACE(step);
      auto seen = std::make_shared<std::atomic<int>>(0);
      // "POST": the second one, which completes the upload.
      const bool last = std::string_view(step) == "POST";
      S3Proxy proxy(S3Server::get().address(), [=](const std::string& line, int) {
        if (line.find(step) == line.npos) return Fault::none;
        return seen->fetch_add(1) == (last ? 1 : 0) ? fault : Fault::none;
      });
      auto file = through(proxy)->create(path("big")).value();
      ASSERT_TRUE(file->append(bytes).ok());
      const Status synced = file->sync();
      ASSERT_TRUE(synced.ok()) << synced.error().message;
      EXPECT_TRUE(read("big") == bytes);
      ASSERT_TRUE(storage_->remove(path("big")).ok());
    }
  }
}

// A server may begin to answer with status 200 and fail then.
TEST_F(S3, AnUploadIsCompleteOnlyIfTheServerSaysSoToItsEnd) {
  for (const bool heals : {true, false}) {
    S3Proxy proxy(S3Server::get().address(),
                  heals ? once("?uploadId", Fault::pretend) : always("?uploadId", Fault::pretend));
    auto file = through(proxy)->create(path("big")).value();
    ASSERT_TRUE(file->append(noise(6u << 20)).ok());
    EXPECT_EQ(file->sync().ok(), heals);
    EXPECT_EQ(storage_->exists(path("big")).value(), heals);
    ASSERT_TRUE(storage_->remove(path("big")).ok());
  }
}

TEST_F(S3, AServerThatIgnoresConditionsIsRefused) {
  S3Proxy proxy(S3Server::get().address(), always("PUT", Fault::pretend));
  const Status status = write_new_file(*through(proxy), path("f"), "x", "me");
  ASSERT_EQ(status.error().code, ErrorCode::incompatible);
  EXPECT_NE(status.error().message.find("If-None-Match"), std::string::npos);
}

TEST_F(S3, ServersAreTriedOnceAndNothingStaysOfIt) {
  S3Proxy proxy(S3Server::get().address(), always("-", Fault::none));
  const auto storage = through(proxy);
  ASSERT_TRUE(write_new_file(*storage, path("a"), "x", "me").ok());
  const std::size_t before = proxy.requests().size();
  ASSERT_TRUE(write_new_file(*storage, path("b"), "x", "me").ok());
  EXPECT_EQ(proxy.requests().size(), before + 1);
  EXPECT_EQ(storage_->list(folder_)->size(), 2u);
}

TEST_F(S3, OfTwoThatRaceThroughABadNetworkOneWins) {
  constexpr int kRounds = 40;
  Random random(7);
  std::mutex mutex;
  S3Proxy proxy(S3Server::get().address(), [&](const std::string& line, int) {
    const std::lock_guard lock(mutex);
    if (line.find("/n") == line.npos || random.next() % 3 != 0) return Fault::none;
    const Fault faults[] = {Fault::cut_before, Fault::cut_after, Fault::busy, Fault::error_after,
                            line.starts_with("PUT") ? Fault::conflict : Fault::busy};
    return faults[random.next() % 5];
  });
  const auto a = through(proxy), b = through(proxy);
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "n" + std::to_string(round);
    Status of_a, of_b;
    std::thread other([&] { of_b = write_new_file(*b, path(name), "b", "b"); });
    of_a = write_new_file(*a, path(name), "a", "a");
    other.join();
    ASSERT_NE(of_a.ok(), of_b.ok()) << name;
    EXPECT_EQ((of_a.ok() ? of_b : of_a).error().code, ErrorCode::already_exists);
    EXPECT_EQ(read(name), of_a.ok() ? "a" : "b");
  }
}

TEST(S3Path, IsTakenApart) {
  EXPECT_EQ(parent_path("s3://b/x/y"), "s3://b/x");
  EXPECT_EQ(parent_path("s3://b/x/"), "s3://b");
  EXPECT_EQ(parent_path("s3://b"), "s3://b");
  EXPECT_EQ(canonical_path("s3://b//x/./y/"), "s3://b/x/y");
  EXPECT_EQ(absolute_path("s3://b/x"), "s3://b/x");
  EXPECT_EQ(join_path("s3://b", "x"), "s3://b/x");
  EXPECT_EQ(s3::parse_place("s3://b/x//y/")->text(), "s3://b/x/y");
  EXPECT_EQ(s3::parse_place("s3://b")->key, "");
}

TEST(S3Xml, ReadsAnswers) {
  const auto list = s3::read_xml(
      "<?xml version=\"1.0\"?>\n<!-- c --><a:L xmlns:a='u'><K>x &lt;&#38;&#x20AC;&quot;</K><E/>"
      "<K>2</K>  </a:L>\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->name, "L");
  EXPECT_EQ(list->text_of("K"), "x <&\xe2\x82\xac\"");
  EXPECT_EQ(list->children.size(), 3u);
  EXPECT_EQ(list->text_of("none"), "");
}

TEST(S3Xml, RefusesTheRest) {
  for (const char* bad : {"",
                          "x",
                          "<",
                          "<a",
                          "<a>",
                          "<a></b>",
                          "<a>&x;</a>",
                          "<a>&#0;</a>",
                          "<a>&#xD800;</a>",
                          "<a>&#;</a>",
                          "<a>&</a>",
                          "<!DOCTYPE a><a/>",
                          "<a><![CDATA[x]]></a>",
                          "<a/><b/>",
                          "<a b/>",
                          "<a b=c/>",
                          "<a b='<'/>",
                          "<a>x",
                          "<a><b></a></b>",
                          "<?xml",
                          "<a><!-- </a>",
                          "<1/>"}) {
    EXPECT_FALSE(s3::read_xml(bad)) << bad;
  }
  std::string deep;
  for (int i = 0; i < 17; ++i) deep += "<a>";
  for (int i = 0; i < 17; ++i) deep += "</a>";
  EXPECT_FALSE(s3::read_xml(deep));
}

TEST(S3Xml, TakesAnyBytes) {
  const std::string good = "<?xml version=\"1.0\"?><L a='1'><K>x&amp;&#65;</K><!-- c --><E/></L>";
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (std::uint64_t n = random.next() % 4 + 1; n > 0; --n) {
      const std::size_t at = random.next() % bytes.size();
      if (random.next() % 3 == 0) {
        bytes.erase(at, random.next() % 5);
        bytes += 'x';
      } else {
        bytes[at] = static_cast<char>(random.next());
      }
    }
    static_cast<void>(s3::read_xml(bytes));  // whatever it says, the sanitizers watch
  }
}

}  // namespace
}  // namespace weir
