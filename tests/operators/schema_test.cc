// A new version of a job takes over the state of the old one: added, removed and renamed fields,
// migration, refusal of what does not fit.
#include "tests/operators/support.h"

namespace weir::test {
namespace {

namespace v1 {
struct Profile {
  std::int64_t visits = 0;
  std::string name;
  MapState<std::string, std::int64_t> seen;
};
WEIR_DESCRIBE(Profile, visits, name, seen);
}  // namespace v1

namespace added {
struct Profile {
  std::string city = "unknown";
  std::int64_t visits = 0;
  std::string name;
  MapState<std::string, std::int64_t> seen;
  ListState<std::int64_t> more;
};
WEIR_DESCRIBE(Profile, city, visits, name, seen, more);
}  // namespace added

namespace removed {
struct Profile {
  std::int64_t visits = 0;
};
WEIR_DESCRIBE(Profile, visits);
}  // namespace removed

namespace renamed {
struct Profile {
  std::int64_t calls = 0;
  std::string name;
  MapState<std::string, std::int64_t> seen;
  static void evolve(Evolution<Profile>& e) { e.renamed("visits", "calls"); }
};
WEIR_DESCRIBE(Profile, calls, name, seen);
}  // namespace renamed

namespace migrated {
struct Old {
  std::int64_t visits = 0;
  std::string name;
  MapState<std::string, std::int64_t> seen;
};
WEIR_DESCRIBE(Old, visits, name, seen);
struct Profile {
  std::string text;
  static void evolve(Evolution<Profile>& e) {
    e.migrate<Old>([](const Old& old) {
      return Profile{old.name + " came " + std::to_string(old.visits) + " times"};
    });
  }
};
WEIR_DESCRIBE(Profile, text);
}  // namespace migrated

namespace changed {
struct Profile {
  std::vector<std::string> visits;
  std::string name;
};
WEIR_DESCRIBE(Profile, visits, name);
}  // namespace changed

template <class Profile, class Tell>
Harness::Build profiles(Tell tell, const std::string& step = "profile") {
  return [=](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .template process<Profile, std::string>(
                        step, [tell](Profile& p, const Event& e,
                                     auto& ctx) { ctx.emit(ctx.key() + " " + tell(p, e)); }),
                "out");
  };
}

std::string visit(v1::Profile& p, const Event& e) {
  ++p.visits;
  p.name = "name of " + e.user;
  p.seen["n" + std::to_string(e.n)] += 1;
  return std::to_string(p.visits);
}

Snapshot old_state() {
  Harness h(profiles<v1::Profile>(visit), {.parallelism = 2});
  for (int i = 0; i < 20; ++i) h.push("events", event("u" + std::to_string(i % 5), i, i));
  h.run();
  return h.snapshot();
}

TEST(Schema, AddedFieldsHaveTheirDefaults) {
  const Snapshot old = old_state();
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(profiles<added::Profile>([](added::Profile& p, const Event&) {
                p.more.push_back(p.visits);
                return p.city + " " + std::to_string(p.visits) + " " + p.name + " " +
                       std::to_string(p.seen.size()) + " " + std::to_string(p.more.size());
              }),
              old, {.parallelism = parallelism});
    static_cast<void>(h.take<std::string>("out"));
    h.push("events", event("u3", 100));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u3 unknown 4 name of u3 4 1"));
    h = h.restore(h.snapshot(), {.parallelism = 3});
    h.push("events", event("u3", 101));
    h.push("events", event("u4", 102));
    h.run();
    EXPECT_EQ(
        sorted(h.take<std::string>("out")),
        (std::vector<std::string>{"u3 unknown 4 name of u3 4 2", "u4 unknown 4 name of u4 4 1"}));
  }
}

TEST(Schema, RemovedFieldsAndCollectionsAreSkipped) {
  const Snapshot old = old_state();
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(profiles<removed::Profile>(
                  [](removed::Profile& p, const Event&) { return std::to_string(p.visits); }),
              old, {.parallelism = parallelism});
    static_cast<void>(h.take<std::string>("out"));
    h.push("events", event("u1", 100));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u1 4"));
    EXPECT_EQ(h.state_rows("profile"), 5u) << "the rows of the old collection are gone";
  }
}

TEST(Schema, RenamedFieldsKeepTheirValues) {
  const Snapshot old = old_state();
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(profiles<renamed::Profile>([](renamed::Profile& p, const Event&) {
                return std::to_string(++p.calls) + " " + std::to_string(p.seen.size());
              }),
              old, {.parallelism = parallelism});
    static_cast<void>(h.take<std::string>("out"));
    h.push("events", event("u1", 100));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u1 5 4"));
    h = h.restore(h.snapshot(), {.parallelism = 2});  // now under the new name
    h.push("events", event("u1", 101));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u1 6 4"));
  }
}

TEST(Schema, AMigrationMakesTheNewStateOfTheOld) {
  const Snapshot old = old_state();
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(profiles<migrated::Profile>([](migrated::Profile& p, const Event&) {
                return std::exchange(p.text, "later");
              }),
              old, {.parallelism = parallelism});
    static_cast<void>(h.take<std::string>("out"));
    h.push("events", event("u2", 100));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u2 name of u2 came 4 times"));
    h = h.restore(h.snapshot(), {.parallelism = 2});
    h.push("events", event("u2", 101));
    h.run();
    EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u2 later"));
  }
}

TEST(Schema, AnIncompatibleChangeIsRefusedWithBothSchemas) {
  const Snapshot old = old_state();
  try {
    Harness h(profiles<changed::Profile>([](changed::Profile&, const Event&) { return ""; }), old);
    FAIL() << "it was taken";
  } catch (const HarnessError& e) {
    const std::string what = e.what();
    EXPECT_THAT(what, HasSubstr("profile"));
    EXPECT_THAT(what, HasSubstr("visits"));
    EXPECT_THAT(what, HasSubstr("list")) << "what the job has";
    EXPECT_THAT(what, HasSubstr("i64")) << "what was stored";
  }
}

TEST(Schema, StateWithoutAStepIsRefusedUnlessAllowed) {
  const Snapshot old = old_state();
  const auto renamed = profiles<v1::Profile>(visit, "other");
  try {
    Harness h(renamed, old);
    FAIL() << "the state was dropped silently";
  } catch (const HarnessError& e) {
    EXPECT_THAT(e.what(), HasSubstr("profile"));
  }
  Harness h(renamed, old, {.allow_dropped_state = true});
  static_cast<void>(h.take<std::string>("out"));
  h.push("events", event("u1", 100));
  h.run();
  EXPECT_THAT(h.take<std::string>("out"), ElementsAre("u1 1"));
}

TEST(Schema, AnotherMaxParallelismIsRefused) {
  const Snapshot old = old_state();
  try {
    Harness h(
        [](Job& job, Inputs& in, Outputs& out) {
          job.set_max_parallelism(64);
          profiles<v1::Profile>(visit)(job, in, out);
        },
        old);
    FAIL();
  } catch (const HarnessError& e) {
    EXPECT_THAT(e.what(), HasSubstr("256"));
    EXPECT_THAT(e.what(), HasSubstr("64"));
  }
}

}  // namespace
}  // namespace weir::test
