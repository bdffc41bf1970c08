// Telling state folders apart.
#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"

namespace weir {
namespace {

using testing::must;
using testing::overwrite;

class IdentityTest : public ::testing::Test {
 protected:
  StateIdentity of(const std::string& folder, std::uint64_t seed) {
    return must(must(CheckpointStore::open(storage_, folder))->identity(seed));
  }
  MemoryStorage storage_;
};

TEST_F(IdentityTest, IsMadeOnceAndOutlivesAPowerLoss) {
  const StateIdentity first = of("/here/state", 1);
  EXPECT_EQ(first.path, "/here/state");
  storage_.crash(1);
  EXPECT_EQ(of("/here/state", 2).id, first.id);
  EXPECT_NE(of("/here/other", 3).id, first.id);
}

TEST_F(IdentityTest, MovesWithTheFolderButIsNotCopied) {
  const StateIdentity first = of("/here/state", 1);
  ASSERT_TRUE(storage_.rename("/here/state", "/here/moved").ok());
  EXPECT_EQ(of("/here/moved", 2).id, first.id);
  EXPECT_EQ(of("/here/moved", 3).path, "/here/moved");

  must(CheckpointStore::open(storage_, "/here/copy"));
  overwrite(storage_, "/here/copy/identity", must(read_file(storage_, "/here/moved/identity")));
  const StateIdentity copy = of("/here/copy", 4);
  EXPECT_NE(copy.id, first.id);
  EXPECT_EQ(of("/here/copy", 5).id, copy.id);
  EXPECT_EQ(of("/here/moved", 6).id, first.id);
}

TEST_F(IdentityTest, DamageIsSaid) {
  for (const std::string bytes : {"", "id", "id\n", "\n/path\n", "id\n/path"}) {
    of("/here/state", 1);
    overwrite(storage_, "/here/state/identity", bytes);
    const auto read = must(CheckpointStore::open(storage_, "/here/state"))->identity(2);
    ASSERT_FALSE(read.ok()) << bytes;
    EXPECT_NE(read.error().message.find("/here/state/identity is damaged"), std::string::npos);
    ASSERT_TRUE(storage_.remove("/here/state/identity").ok());
  }
}

}  // namespace
}  // namespace weir
