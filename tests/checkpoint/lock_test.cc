// One holder a state folder.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/checkpoint/fixture.h"

namespace weir {
namespace {

class LockTest : public ::testing::Test {
 protected:
  LockTest() : root_(::testing::TempDir() + "weir_lock_" + std::to_string(::getpid())) {}
  ~LockTest() override { std::filesystem::remove_all(root_); }

  /// True when a new process gets the lock.
  bool other_process_gets_it() const {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(StateLock::acquire(root_).ok() ? 0 : 1);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  std::string root_;
};

TEST_F(LockTest, ASecondHolderIsRefusedByName) {
  const auto lock = StateLock::acquire(root_);
  ASSERT_TRUE(lock.ok()) << lock.error().message;
  const auto second = StateLock::acquire(root_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::already_exists);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().message;
  EXPECT_FALSE(other_process_gets_it());
}

TEST_F(LockTest, HoldsWhenItsFileIsRemovedByHand) {
  const auto lock = testing::must(StateLock::acquire(root_));
  std::filesystem::remove(root_ + "/lock");
  const auto second = StateLock::acquire(root_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another process"), std::string::npos)
      << second.error().message;
  EXPECT_FALSE(other_process_gets_it());
}

TEST_F(LockTest, IsSharedByThoseThatClaimsKeepApart) {
  const auto lock = testing::must(StateLock::acquire(root_));
  const auto refused = StateLock::acquire_shared(root_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::already_exists);
  EXPECT_TRUE(refused.error().retryable) << "who has it may only be looking";
}

TEST_F(LockTest, KeepsOneForItselfOutWhileShared) {
  std::filesystem::create_directories(root_);
  const auto one = testing::must(StateLock::acquire_shared(root_));
  const auto two = testing::must(StateLock::acquire_shared(root_));
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(StateLock::acquire(root_).ok());
  EXPECT_FALSE(other_process_gets_it());
}

TEST_F(LockTest, IsReleasedByTheDestructor) {
  { const auto lock = testing::must(StateLock::acquire(root_)); }
  EXPECT_TRUE(other_process_gets_it());
}

TEST_F(LockTest, IsReleasedByTheEndOfTheProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = StateLock::acquire(root_);
    ::_exit(lock.ok() ? 0 : 1);  // without running destructors
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(StateLock::acquire(root_).ok());
}

TEST_F(LockTest, AFolderThatCannotBeMadeIsSaid) {
  const auto lock = StateLock::acquire("/proc/weir");
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code, ErrorCode::io);
  EXPECT_NE(lock.error().message.find("/proc/weir"), std::string::npos);
}

}  // namespace
}  // namespace weir
