// What holds of every registry: election, fencing, records. Each test runs on a folder and on a
// real etcd.
#include "weir/cluster/registry.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/cluster/etcd_server.h"
#include "tests/cluster/temporary_folder.h"

namespace weir::cluster {
namespace {

using Records = std::map<std::string, std::string>;

class RegistryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (of_etcd()) {
      WEIR_NEEDS_ETCD();
      etcd_ = std::make_unique<EtcdCluster>(1);
    }
  }
  bool of_etcd() const { return GetParam() == std::string("etcd"); }

  /// As another process would open it.
  std::unique_ptr<Registry> open() {
    if (!of_etcd()) return open_file_registry(folder_.path() + "/registry").value();
    EtcdOptions options;
    options.endpoints = etcd_->urls();
    options.timeout = std::chrono::seconds(20);
    options.term = std::chrono::seconds(20);
    return open_etcd_registry(options).value();
  }
  /// The epoch of a campaign that must be won.
  static std::uint64_t win(Registry& registry, const std::string& address) {
    const auto leader = registry.campaign(address);
    WEIR_CHECK(leader.ok(), leader.ok() ? "" : leader.error().message.c_str());
    WEIR_CHECK(leader->address == address, "nobody else leads");
    return leader->epoch;
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<EtcdCluster> etcd_;
};

TEST_P(RegistryTest, OfManyCampaignsAtOnceOneIsWon) {
  constexpr std::size_t kCandidates = 6;
  std::vector<std::unique_ptr<Registry>> registries;
  for (std::size_t i = 0; i < kCandidates; ++i) registries.push_back(open());
  std::uint64_t last = 0;
  for (int round = 0; round < 8; ++round) {
    std::vector<Result<Leader>> seen(kCandidates, Result<Leader>(Error{}));
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kCandidates; ++i) {
      threads.emplace_back([&, i] { seen[i] = registries[i]->campaign(std::to_string(i)); });
    }
    for (std::thread& thread : threads) thread.join();

    ASSERT_TRUE(seen[0].ok()) << seen[0].error().message;
    const Leader leader = *seen[0];
    EXPECT_GT(leader.epoch, last);
    last = leader.epoch;
    for (std::size_t i = 0; i < kCandidates; ++i) {
      ASSERT_TRUE(seen[i].ok()) << seen[i].error().message;
      EXPECT_EQ(seen[i]->epoch, leader.epoch);
      EXPECT_EQ(seen[i]->address, leader.address);
      const bool won = leader.address == std::to_string(i);
      EXPECT_EQ(registries[i]->put(leader.epoch, "who", std::to_string(i)).ok(), won);
      EXPECT_EQ(registries[i]->renew(leader.epoch).ok(), won);
    }
    EXPECT_EQ(registries[0]->list("").value(), (Records{{"who", leader.address}}));
    registries[std::stoul(leader.address)]->resign(leader.epoch);
  }
}

TEST_P(RegistryTest, EverybodySeesWhoLeads) {
  const auto a = open(), b = open();
  EXPECT_FALSE(b->leader().value().has_value());
  const std::uint64_t epoch = win(*a, "host:1 with\nany \xff bytes");
  EXPECT_GT(epoch, 0u);
  for (Registry* const registry : {a.get(), b.get()}) {
    const auto leader = registry->leader().value();
    ASSERT_TRUE(leader.has_value());
    EXPECT_EQ(leader->epoch, epoch);
    EXPECT_EQ(leader->address, "host:1 with\nany \xff bytes");
  }
  EXPECT_EQ(b->campaign("b")->epoch, epoch);
  a->resign(epoch);
  EXPECT_FALSE(a->leader().value().has_value());
  EXPECT_FALSE(b->leader().value().has_value());
}

TEST_P(RegistryTest, WhoLeadsGetsItsOwnEpochAgain) {
  const auto a = open();
  const std::uint64_t epoch = win(*a, "a");
  EXPECT_EQ(win(*a, "a"), epoch);
  ASSERT_TRUE(a->put(epoch, "k", "v").ok());
  EXPECT_EQ(win(*a, "a"), epoch);
  EXPECT_TRUE(a->renew(epoch).ok());
  EXPECT_TRUE(a->put(epoch, "k", "w").ok());
  EXPECT_EQ(a->list("").value(), (Records{{"k", "w"}}));
}

TEST_P(RegistryTest, ResigningHandsOverAndEndsTheEpoch) {
  const auto a = open(), b = open();
  const std::uint64_t first = win(*a, "a");
  ASSERT_TRUE(a->put(first, "k", "of a").ok());
  b->resign(first);  // not its own: nothing
  EXPECT_TRUE(a->renew(first).ok());
  a->resign(first);
  EXPECT_EQ(a->renew(first).error().code, ErrorCode::not_found);
  const std::uint64_t second = win(*b, "b");
  EXPECT_GT(second, first);

  EXPECT_EQ(a->put(first, "k", "late").error().code, ErrorCode::not_found);
  EXPECT_EQ(a->put(second, "k", "stolen").error().code, ErrorCode::not_found);
  EXPECT_EQ(a->erase(first, "k").error().code, ErrorCode::not_found);
  EXPECT_EQ(b->put(first, "k", "old").error().code, ErrorCode::not_found);
  EXPECT_EQ(b->put(second + 1, "k", "new").error().code, ErrorCode::not_found);
  a->resign(first);  // nothing
  EXPECT_EQ(b->list("").value(), (Records{{"k", "of a"}}));
  EXPECT_TRUE(b->put(second, "k", "of b").ok());
  EXPECT_EQ(a->list("").value(), (Records{{"k", "of b"}}));
  b->resign(second);
  EXPECT_GT(win(*a, "a"), second);
}

TEST_P(RegistryTest, EpochsAndRecordsOutliveAllProcesses) {
  std::uint64_t last = 0;
  for (int life = 0; life < 5; ++life) {
    const auto registry = open();
    const std::uint64_t epoch = win(*registry, "x");
    EXPECT_GT(epoch, last);
    last = epoch;
    EXPECT_EQ(registry->list("").value().size(), static_cast<std::size_t>(life));
    ASSERT_TRUE(registry->put(epoch, "life/" + std::to_string(life), "was").ok());
    registry->resign(epoch);
  }
}

TEST_P(RegistryTest, ListsByPrefix) {
  const auto registry = open();
  EXPECT_EQ(registry->list("").value(), Records());
  const std::uint64_t epoch = win(*registry, "x");
  const Records all{{"a", "1"},          {"jobs", "2"},     {"jobs-old/x", "3"}, {"jobs/j-1", "4"},
                    {"jobs/j-1/x", "5"}, {"jobs/j-2", "6"}, {"jobs/tmp", "7"},   {"z_Z/9", "8"}};
  for (const auto& [key, value] : all) ASSERT_TRUE(registry->put(epoch, key, value).ok()) << key;
  EXPECT_EQ(registry->list("").value(), all);
  EXPECT_EQ(
      registry->list("jobs/").value(),
      (Records{{"jobs/j-1", "4"}, {"jobs/j-1/x", "5"}, {"jobs/j-2", "6"}, {"jobs/tmp", "7"}}));
  EXPECT_EQ(registry->list("jobs/j-1").value(), (Records{{"jobs/j-1", "4"}, {"jobs/j-1/x", "5"}}));
  EXPECT_EQ(registry->list("jobs/j-3").value(), Records());
}

TEST_P(RegistryTest, ErasesOneKey) {
  const auto registry = open();
  const std::uint64_t epoch = win(*registry, "x");
  for (const char* const key : {"k", "k/1", "k/2"}) {
    ASSERT_TRUE(registry->put(epoch, key, "v").ok());
  }
  ASSERT_TRUE(registry->erase(epoch, "k/1").ok());
  EXPECT_TRUE(registry->erase(epoch, "k/1").ok());
  EXPECT_TRUE(registry->erase(epoch, "never").ok());
  EXPECT_EQ(registry->list("").value(), (Records{{"k", "v"}, {"k/2", "v"}}));
}

TEST_P(RegistryTest, ValuesHoldAnyBytes) {
  const auto registry = open();
  const std::uint64_t epoch = win(*registry, "x");
  std::string every;
  for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
  Records all{{"empty", ""}, {"zero", std::string(1, '\0')}, {"every", every}};
  // Lengths around those at which base64 pads, and together more than one message holds.
  for (std::size_t n = 0; n < 8; ++n) {
    all["long/" + std::to_string(n)] = std::string(kMaxValueBytes - n, static_cast<char>(n));
  }
  all[std::string(kMaxKeyBytes, 'k')] = "a long name";
  for (const auto& [key, value] : all) {
    const Status done = registry->put(epoch, key, value);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  EXPECT_TRUE(open()->list("").value() == all);
}

TEST_P(RegistryTest, RefusesWhatItCannotKeep) {
  const auto registry = open();
  const std::uint64_t epoch = win(*registry, "x");
  for (const std::string& key :
       {std::string(), std::string("a.b"), std::string("a+b"), std::string("a b"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(kMaxKeyBytes + 1, 'k')}) {
    EXPECT_EQ(registry->put(epoch, key, "v").error().code, ErrorCode::invalid_argument) << key;
    EXPECT_EQ(registry->erase(epoch, key).error().code, ErrorCode::invalid_argument) << key;
  }
  EXPECT_EQ(registry->list("../").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(registry->put(epoch, "k", std::string(kMaxValueBytes + 1, 'v')).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(registry->list("").value(), Records());
}

TEST_P(RegistryTest, ServesManyThreads) {
  const auto registry = open(), other = open();
  const std::uint64_t epoch = win(*registry, "x");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string number = std::to_string(i);
        EXPECT_TRUE(registry->put(epoch, "t/" + std::to_string(t), number).ok());
        EXPECT_TRUE(registry->renew(epoch).ok());
        EXPECT_TRUE(other->list("").ok());
        EXPECT_EQ(other->campaign("y").value().epoch, epoch);
        EXPECT_EQ(registry->campaign("x").value().epoch, epoch);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(other->list("").value(),
            (Records{{"t/0", "9"}, {"t/1", "9"}, {"t/2", "9"}, {"t/3", "9"}}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, RegistryTest, ::testing::Values("file", "etcd"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace weir::cluster
