// Drawing a shape; see shape.h.
#include "tests/sim/shape.h"

#include <initializer_list>

namespace weir::sim {
namespace {

template <class T>
T one_of(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[random.below(choices.size())];
}

std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

void shape_input(Shape& shape, Random& random) {
  shape.web_splits = 1 + random.below(random.chance(0.2) ? 6 : 3);
  shape.app_splits = 1 + random.below(3);
  shape.most_items = one_of<std::uint64_t>(random, {20, 120, 120, 300});
  shape.users = one_of<std::uint64_t>(random, {1, 3, 7, 7, 40, 200});
  shape.items = one_of<std::uint64_t>(random, {1, 5, 5, 30});
  shape.hot = one_of(random, {0.0, 0.0, 0.5, 0.9});
  shape.stray = one_of(random, {0.0, 0.1, 0.1, 0.4});
  shape.far = one_of<std::uint64_t>(random, {60, 150, 400});
  shape.repeats = one_of(random, {0.0, 0.15, 0.5});
  shape.fragile = one_of(random, {0.0, 0.03, 0.2});
  shape.sleeper = random.chance(0.25);
  shape.most_records = one_of<std::uint64_t>(random, {1, 4, 20, 200});
}

void shape_job(Shape& shape, Random& random) {
  shape.out_of_order_ms = one_of<std::int64_t>(random, {0, 5, 50, 50, 200});
  shape.aligned = random.chance(0.3);
  shape.dedupe_ms = between(random, 5, 300);
  shape.bucket_ms = between(random, 10, 150);
  shape.gap_ms = between(random, 1, 60);
  shape.window_ms = between(random, 10, 200);
  shape.slide_ms = random.chance(0.5) ? shape.window_ms : between(random, 5, shape.window_ms);
  shape.lenient_ms = between(random, 10, 150);
  shape.lateness_ms = random.chance(0.2) ? 0 : between(random, 1, 200);
  shape.forget_ms = random.chance(0.5) ? 0 : between(random, 1, 150);
  shape.has_ordered = random.chance(0.7);
  shape.has_joined = random.chance(0.5);
  shape.has_nudges = random.chance(0.5);
  shape.has_lenient = random.chance(0.7);
  shape.key_groups = one_of(random, {4u, 5u, 16u, 256u});
  shape.roll_bytes = random.chance(0.5) ? 1 << 20 : 200 + random.below(3000);
  shape.roll_ms = between(random, 1, 80);
}

void shape_life(Shape& shape, Random& random) {
  shape.interruptions = random.chance(0.1) ? 0 : 1 + random.below(8);
  shape.storm = one_of(random, {1.0, 3.0, 8.0});
  shape.slow_messages = random.chance(0.5);
  shape.keep_checkpoints = 1 + random.below(4);
}

}  // namespace

Shape make_shape(Random& random) {
  Shape shape;
  shape_input(shape, random);
  shape_job(shape, random);
  shape_life(shape, random);
  return shape;
}

std::string Shape::text() const {
  const auto one = [](const char* name, auto value) {
    return std::string(name) + " " + std::to_string(value) + ", ";
  };
  return one("splits", web_splits + app_splits) + one("records a split", most_items) +
         one("users", users) + one("items", items) + one("hot", hot) + one("stray", stray) +
         one("fragile", fragile) + (sleeper ? "a sleeper, " : "") + (aligned ? "aligned, " : "") +
         one("window", window_ms) + one("slide", slide_ms) + one("key groups", key_groups) +
         (slow_messages ? "slow messages, " : "") + one("storm", storm) + "kept " +
         std::to_string(keep_checkpoints);
}

}  // namespace weir::sim
