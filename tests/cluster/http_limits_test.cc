// Who has to go when there is no room, and how memory is shared.
#include "weir/cluster/http_limits.h"

#include <gtest/gtest.h>

namespace weir::cluster {
namespace {

using Standing = HttpGuests::Standing;

class HttpGuestsTest : public testing::Test {
 protected:
  HttpGuests::Id enter(const std::string& name, const std::string& address = "a",
                       bool this_host = false) {
    const auto id = guests_.enter(address, this_host, [this, name] { gone_ += name; });
    return id.value_or(0);
  }
  std::string gone() { return std::exchange(gone_, ""); }

  HttpGuests guests_{{.all = 4, .of_address = 3, .of_this_host = 4}};
  std::string gone_;
};

TEST_F(HttpGuestsTest, WhoHasGotLeastFarHasToGoAndOfThoseTheOldest) {
  const auto a = enter("a", "1"), b = enter("b", "2"), c = enter("c", "3"), d = enter("d", "4");
  EXPECT_TRUE(guests_.becomes(b, Standing::stranger));
  EXPECT_TRUE(guests_.becomes(a, Standing::idle));
  EXPECT_TRUE(guests_.becomes(c, Standing::known));
  EXPECT_TRUE(guests_.becomes(d, Standing::known));
  const auto e = enter("e", "5");
  EXPECT_EQ(gone(), "a");
  EXPECT_FALSE(guests_.becomes(a, Standing::known));
  EXPECT_TRUE(guests_.becomes(e, Standing::known));
  const auto f = enter("f", "6");
  EXPECT_EQ(gone(), "b");
  enter("g", "7");
  EXPECT_EQ(gone(), "f");
  EXPECT_FALSE(guests_.becomes(f, Standing::known));
  EXPECT_TRUE(guests_.becomes(c, Standing::idle));
  EXPECT_TRUE(guests_.becomes(d, Standing::idle));
  enter("h", "8");
  EXPECT_EQ(gone(), "g");
}

TEST_F(HttpGuestsTest, NobodyIsLetInWhereAllAreKnown) {
  HttpGuests::Id last = 0;
  for (const char* name : {"1", "2", "3", "4"}) {
    last = enter(name, name);
    EXPECT_TRUE(guests_.becomes(last, Standing::known));
  }
  EXPECT_EQ(enter("x", "5"), 0u);
  guests_.leave(last);
  EXPECT_NE(enter("y", "5"), 0u);
  EXPECT_EQ(gone(), "");
}

TEST_F(HttpGuestsTest, AnAddressPushesOutOnlyItsOwn) {
  const auto other = enter("o", "2");
  const auto first = enter("a"), second = enter("b");
  enter("c");
  enter("d");
  EXPECT_EQ(gone(), "a");
  EXPECT_TRUE(guests_.becomes(other, Standing::arriving));
  for (const auto each : {first, second}) guests_.leave(each);
  enter("e");
  EXPECT_EQ(gone(), "");
  enter("f", "127.0.0.1", true);  // all are there, and this host has its own limit
  EXPECT_EQ(gone(), "c");
}

TEST_F(HttpGuestsTest, AllGoAtTheEnd) {
  enter("a");
  const auto left = enter("b");
  guests_.leave(left);
  enter("c");
  guests_.close();
  EXPECT_EQ(gone(), "ac");
  EXPECT_EQ(enter("d"), 0u);
}

TEST(ByteBudget, IsNeverOverdrawn) {
  ByteBudget budget(10);
  EXPECT_TRUE(budget.take(4));
  EXPECT_FALSE(budget.take(7));
  EXPECT_FALSE(budget.take(UINT64_MAX));
  EXPECT_TRUE(budget.take(6));
  EXPECT_FALSE(budget.take(1));
  EXPECT_TRUE(budget.take(0));
  budget.give_back(6);
  EXPECT_TRUE(budget.take(5));
}

}  // namespace
}  // namespace weir::cluster
