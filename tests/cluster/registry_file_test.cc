// What is particular to the registry in a folder: processes that die, writes that are cut off.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "tests/cluster/temporary_folder.h"
#include "weir/base/clock.h"
#include "weir/base/storage.h"
#include "weir/cluster/registry.h"

namespace weir::cluster {
namespace {

using Records = std::map<std::string, std::string>;

Leader must_lead(Registry& registry, const std::string& address) {
  const auto leader = registry.campaign(address);
  WEIR_CHECK(leader.ok(), leader.ok() ? "" : leader.error().message.c_str());
  WEIR_CHECK(leader->address == address, "nobody else leads");
  return *leader;
}

/// A value that shows whether it is whole and which one it is.
std::string numbered(std::uint64_t number) {
  std::string value;
  while (value.size() < 100'000) value += std::to_string(number) + " ";
  return value;
}

/// Leads and writes until it is killed; tells, after each write, its epoch and the number written.
[[noreturn]] void lead_and_write(const std::string& folder, int tell) {
  const auto registry = open_file_registry(folder).value();
  const Leader leader = must_lead(*registry, "child");
  std::uint64_t number = 0;
  if (const Records old = registry->list("").value(); !old.empty()) {
    number = std::stoull(old.begin()->second);
  }
  for (;;) {
    const std::uint64_t told[] = {leader.epoch, number};
    if (::write(tell, told, sizeof told) != sizeof told) ::_exit(1);
    if (!registry->put(leader.epoch, "a/b", numbered(++number)).ok()) ::_exit(1);
  }
}

TEST(FileRegistryDeath, KilledLeadersLeaveTheLeadAndWholeRecords) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const TemporaryFolder folder;
  std::uint64_t last_epoch = 0;
  for (int life = 0; life < 15; ++life) {
    int tell[2];
    ASSERT_EQ(::pipe2(tell, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) lead_and_write(folder.path(), tell[1]);
    ::close(tell[1]);
    std::uint64_t told[2] = {};
    const std::uint64_t writes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < writes; ++i) {
      ASSERT_EQ(::read(tell[0], told, sizeof told), static_cast<ssize_t>(sizeof told));
    }
    const auto registry = open_file_registry(folder.path()).value();
    EXPECT_EQ(registry->campaign("parent")->address, "child");
    ::usleep(static_cast<useconds_t>(random.below(3000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::uint64_t more[2];
    while (::read(tell[0], more, sizeof more) > 0) std::copy_n(more, 2, told);
    ::close(tell[0]);

    EXPECT_FALSE(registry->leader().value().has_value());
    EXPECT_GT(told[0], last_epoch);
    last_epoch = must_lead(*registry, "parent").epoch;
    EXPECT_GT(last_epoch, told[0]);
    const Records records = registry->list("").value();
    const std::uint64_t found = records.empty() ? 0 : std::stoull(records.at("a/b"));
    EXPECT_GE(found, told[1]);
    EXPECT_LE(found, told[1] + 1);
    EXPECT_TRUE(found == 0 || records.at("a/b") == numbered(found)) << "torn";
  }
}

TEST(FileRegistry, AStoppedLeaderKeepsTheLead) {
  const TemporaryFolder folder;
  int tell[2];
  ASSERT_EQ(::pipe2(tell, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto registry = open_file_registry(folder.path()).value();
    const std::uint64_t epoch = must_lead(*registry, "child").epoch;
    if (::write(tell[1], &epoch, sizeof epoch) != sizeof epoch) ::_exit(1);
    for (;;) ::pause();
  }
  std::uint64_t epoch = 0;
  ASSERT_EQ(::read(tell[0], &epoch, sizeof epoch), static_cast<ssize_t>(sizeof epoch));
  ::kill(child, SIGSTOP);
  const auto registry = open_file_registry(folder.path()).value();
  EXPECT_EQ(registry->campaign("parent")->epoch, epoch);
  EXPECT_EQ(registry->leader().value()->address, "child");
  EXPECT_EQ(registry->put(epoch, "k", "v").error().code, ErrorCode::not_found);
  EXPECT_EQ(registry->list("").value(), Records());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GT(must_lead(*registry, "parent").epoch, epoch);
  ::close(tell[0]);
  ::close(tell[1]);
}

TEST(FileRegistry, ALeaderWhoseFolderWasRemovedLeadsNoMore) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/registry";
  const auto old = open_file_registry(path).value();
  const Leader first = must_lead(*old, "old");
  std::filesystem::remove_all(path);
  const auto next = open_file_registry(path).value();
  // A new folder counts anew, so the epochs are the same: what tells them apart is the file.
  EXPECT_EQ(must_lead(*next, "next").epoch, first.epoch);
  EXPECT_EQ(old->put(first.epoch, "k", "v").error().code, ErrorCode::not_found);
  EXPECT_EQ(old->renew(first.epoch).error().code, ErrorCode::not_found);
  EXPECT_EQ(old->campaign("old")->address, "next");
  EXPECT_EQ(next->list("").value(), Records());
}

TEST(FileRegistry, ADamagedCounterIsNotStartedAnew) {
  const TemporaryFolder folder;
  const auto registry = open_file_registry(folder.path()).value();
  for (const char* const text : {"", "x", "12", "0 a", "-1 a"}) {
    ASSERT_TRUE(write_file_atomically(*make_posix_storage(), folder.path() + "/epoch", text).ok());
    EXPECT_EQ(registry->campaign("x").error().code, ErrorCode::corrupt) << text;
  }
}

TEST(FileRegistry, AValueThatCannotBeReadIsNoneOfTheOthersBusiness) {
  const TemporaryFolder folder;
  const auto disk = std::make_shared<MemoryStorage>();
  const auto registry = open_file_registry(folder.path(), disk).value();
  const std::uint64_t epoch = must_lead(*registry, "x").epoch;
  for (const char* key : {"jobs/j-1", "jobs/j-2", "jobs/j-3"}) {
    ASSERT_TRUE(registry->put(epoch, key, key).ok());
  }
  disk->set_fault([](std::string_view, const std::string& path) -> Status {
    if (!path.ends_with("jobs+j-2")) return {};
    return Error{ErrorCode::io, "Cannot read " + path + ": Input/output error"};
  });
  const auto listing = registry->read("jobs/");
  ASSERT_TRUE(listing.ok()) << listing.error().message;
  EXPECT_EQ(listing->values, (Records{{"jobs/j-1", "jobs/j-1"}, {"jobs/j-3", "jobs/j-3"}}));
  ASSERT_EQ(listing->unreadable.size(), 1u);
  EXPECT_EQ(listing->unreadable.begin()->first, "jobs/j-2");
  EXPECT_NE(listing->unreadable.begin()->second.message.find("records/jobs+j-2: Input"),
            std::string::npos);
  EXPECT_FALSE(registry->list("jobs/").ok());
  EXPECT_TRUE(registry->put(epoch, "jobs/j-1", "new").ok());
}

/// A disk that loses power at its `last`th operation from now on.
void fail_from(MemoryStorage& disk, int last) {
  auto left = std::make_shared<int>(last);
  disk.set_fault([left](std::string_view, const std::string& path) -> Status {
    if ((*left)-- > 0) return {};
    return Error{ErrorCode::io, "no power at " + path};
  });
}

/// One life on a disk that fails at operation `operation`: takes the lead, writes, erases. Then
/// power is lost, and another life looks. Returns whether the first came to its end.
bool survives_loss_of_power(int operation, std::uint64_t seed) {
  const TemporaryFolder folder;  // for the lock
  const auto disk = std::make_shared<MemoryStorage>();
  auto registry = open_file_registry(folder.path(), disk).value();
  const std::uint64_t before = must_lead(*registry, "before").epoch;
  EXPECT_TRUE(registry->put(before, "changed", "old").ok());
  EXPECT_TRUE(registry->put(before, "erased", "old").ok());
  registry->resign(before);

  fail_from(*disk, operation);
  std::uint64_t epoch = 0;
  bool added = false, changed = false, erased = false;
  if (const auto leader = registry->campaign("during"); leader.ok()) {
    epoch = leader->epoch;
    added = registry->put(epoch, "added", "new").ok();
    changed = registry->put(epoch, "changed", "new").ok();
    erased = registry->erase(epoch, "erased").ok();
  }
  registry.reset();
  disk->set_fault(nullptr);
  disk->crash(seed);

  registry = open_file_registry(folder.path(), disk).value();
  EXPECT_FALSE(registry->leader().value().has_value());
  EXPECT_GT(must_lead(*registry, "after").epoch, std::max(before, epoch));
  const auto listed = registry->list("");
  EXPECT_TRUE(listed.ok());
  const Records records = listed.ok() ? *listed : Records();
  const auto value = [&records](const char* key) {
    const auto found = records.find(key);
    return found == records.end() ? std::string("none") : found->second;
  };
  const auto is = [](const std::string& value, const char* old_value, const char* new_value,
                     bool durable) {
    return value == new_value || (!durable && value == old_value);
  };
  EXPECT_TRUE(is(value("added"), "none", "new", added)) << value("added");
  EXPECT_TRUE(is(value("changed"), "old", "new", changed)) << value("changed");
  EXPECT_TRUE(is(value("erased"), "old", "none", erased)) << value("erased");
  return added && changed && erased;
}

TEST(FileRegistryCrash, AWriteCutOffAnywhereLeavesTheOldOrTheNewValue) {
  int operation = 0;
  for (bool complete = false; !complete; ++operation) {
    ASSERT_LT(operation, 100);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE("operation " + std::to_string(operation) + ", seed " + std::to_string(seed));
      complete = survives_loss_of_power(operation, seed);
    }
  }
  EXPECT_GT(operation, 12);  // three atomic writes and a removal have more than that
}

}  // namespace
}  // namespace weir::cluster
