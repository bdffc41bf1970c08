// The timers of a key against a sorted set.
#include "weir/runtime/timers.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "weir/base/clock.h"

namespace weir {
namespace {

using Model = std::set<std::tuple<bool, std::int64_t, std::string>>;

Timer timer_of(const Model::value_type& t) {
  return {from_millis(std::get<1>(t)), std::get<2>(t), std::get<0>(t)};
}

void expect_equal(const TimerList& list, const Model& model) {
  ASSERT_EQ(list.size(), model.size());
  auto expected = model.begin();
  for (const KeptTimer& kept : list) {
    const Timer timer = kept.timer();
    ASSERT_EQ(std::tuple(timer.processing, to_millis(timer.time), timer.name), *expected++);
  }
}

TEST(TimerList, EqualsASortedSet) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    KeyExtras extras;
    Model model;
    for (int i = 0; i < 500; ++i) {
      const Model::value_type t{
          random.chance(0.3), static_cast<std::int64_t>(random.below(6)) - 3,
          random.chance(0.5) ? "" : "timer " + std::to_string(random.below(3))};
      if (random.chance(0.5)) {
        ASSERT_EQ(extras.timers.add(timer_of(t)), model.insert(t).second);
      } else if (random.chance(0.5)) {
        ASSERT_EQ(extras.timers.remove(timer_of(t)), model.erase(t) > 0);
      } else {
        std::vector<Timer> due, expected;
        std::erase_if(model, [&](const Model::value_type& m) {
          const bool is_due = std::get<0>(m) == std::get<0>(t) && std::get<1>(m) == std::get<1>(t);
          if (is_due) expected.push_back(timer_of(m));
          return is_due;
        });
        const EventTime time = from_millis(std::get<1>(t));
        ASSERT_EQ(extras.has_due(time, std::get<0>(t)), !expected.empty());
        extras.timers.take_due(time, std::get<0>(t), due);
        ASSERT_EQ(due.size(), expected.size());
        for (std::size_t k = 0; k < due.size(); ++k) ASSERT_EQ(due[k].name, expected[k].name);
      }
      expect_equal(extras.timers, model);
      if (random.chance(0.1)) {  // through memory and through storage
        KeyExtras moved(std::move(extras));
        extras = KeyExtras();
        std::string bytes;
        ByteWriter writer(bytes);
        encode_extras(writer, &moved);
        ByteReader reader(bytes);
        ASSERT_EQ(decode_extras(reader, extras), !model.empty());
        ASSERT_TRUE(reader.at_end());
      }
    }
  }
}

}  // namespace
}  // namespace weir
