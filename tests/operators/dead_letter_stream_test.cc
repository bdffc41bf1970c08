// The dead letters of a job as a stream: each once, with the checkpoint that keeps it.
#include <map>
#include <stdexcept>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

struct Seen {
  std::int64_t count = 0;
};
WEIR_DESCRIBE(Seen, count);

/// Throws on each tenth record in a map, on others in a keyed step, and takes the letters.
void failing(Job& job, Inputs& in, Outputs& out) {
  const auto kept = in.stream<Event>(job, "events").map("check", [](const Event& e) {
    if (e.n % 10 == 0) throw std::runtime_error("a tenth");
    return e;
  });
  out.collect(kept.key_by(&Event::user)
                  .process<Seen, Event>("watch",
                                        [](Seen&, const Event& e, auto& ctx) {
                                          if (e.n % 10 == 1) throw std::runtime_error("behind it");
                                          ctx.emit(e);
                                        }),
              "out");
  out.collect(job.dead_letters().map("shown",
                                     [](const DeadLetter& letter) {
                                       Event record;
                                       const Status read = decode_letter_record(letter, record);
                                       WEIR_CHECK(read.ok(), "a letter of an event");
                                       return letter.step + " " + letter.message + " " +
                                              std::to_string(record.n);
                                     }),
              "letters");
}

void push_half(Harness& h, int half) {
  for (int i = 0; i < 200; ++i) {
    h.push("events", event("u" + std::to_string(i % 7), half * 1000 + i, half * 1000 + i));
  }
}

std::vector<std::string> expected_letters() {
  std::vector<std::string> letters;
  for (const int half : {1, 2}) {
    for (int i = 0; i < 200; ++i) {
      const std::string n = std::to_string(half * 1000 + i);
      if (i % 10 == 0) letters.push_back("check a tenth " + n);
      if (i % 10 == 1) letters.push_back("watch behind it " + n);
    }
  }
  return sorted(letters);
}

TEST(DeadLetterStream, HasEachLetterOnceAtAnyParallelismAndAcrossCrashes) {
  run_every_way(failing, push_half, [](Harness& t) {
    EXPECT_EQ(sorted(t.committed<std::string>("letters")), expected_letters());
    EXPECT_EQ(t.committed<Event>("out").size(), 320u);
  });
}

TEST(DeadLetterStream, ComesWithTheCheckpointThatKeepsTheLetter) {
  Harness h(failing, {.parallelism = 2});
  h.push("events", event("a", 1, 10));
  h.run();
  EXPECT_THAT(h.output<std::string>("letters"), IsEmpty());
  EXPECT_EQ(h.dead_letters().size(), 1u);
  EXPECT_THAT(h.committed<std::string>("letters"), ElementsAre("check a tenth 10"));
}

TEST(DeadLetterStream, KeepsTheOrderOfAKeyAndIsInTheQueueAsWell) {
  Harness h(failing, {.parallelism = 3, .seed = 5});
  for (int n = 1; n < 400; n += 10) h.push("events", event("a", n, n));
  h.run();
  const std::vector<DeadLetter> queue = h.dead_letters("watch");
  std::vector<std::string> expected;
  for (int n = 1; n < 400; n += 10) expected.push_back("watch behind it " + std::to_string(n));
  EXPECT_EQ(h.committed<std::string>("letters"), expected);
  ASSERT_EQ(queue.size(), expected.size());
  EXPECT_EQ(queue[0].job, "test");
}

TEST(DeadLetterStream, SaysItAgainWhenAReplayFailsAndNothingWhenItSucceeds) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events")
                    .map("odd",
                         [](const Event& e) {
                           if (e.n % 2 == 0) throw std::runtime_error("even");
                           return e.n;
                         }),
                "out");
    out.collect(job.dead_letters().map("shown",
                                       [](const DeadLetter& letter) {
                                         return letter.id + " try " +
                                                std::to_string(letter.attempt);
                                       }),
                "letters");
  });
  h.push("events", event("a", 1, 2));
  h.run();
  std::vector<DeadLetter> letters = h.dead_letters();
  ASSERT_EQ(letters.size(), 1u);
  const std::string id = letters[0].id;
  EXPECT_FALSE(h.replay(letters).ok());
  EXPECT_THAT(h.committed<std::string>("letters"), ElementsAre(id + " try 1", id + " try 2"));
  letters[0].bytes = encode_to_string(event("a", 1, 3));
  EXPECT_TRUE(h.replay(letters).ok());
  EXPECT_THAT(h.committed<std::int64_t>("out"), ElementsAre(3));
  EXPECT_EQ(h.committed<std::string>("letters").size(), 2u);
}

TEST(DeadLetterStream, AFailureBehindItStaysInTheQueue) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    in.stream<Event>(job, "events")
        .map("fails", [](const Event&) -> std::int64_t { throw std::runtime_error("first"); })
        .discard("end");
    out.collect(
        job.dead_letters().map(
            "shown", [](const DeadLetter&) -> std::string { throw std::runtime_error("again"); }),
        "letters");
  });
  h.push("events", event("a", 1, 2));
  h.end_all();
  h.run();
  EXPECT_TRUE(h.finished());
}

TEST(DeadLetterStream, TheGraphSaysWhatIsWrong) {
  const auto refused = [](const Harness::Build& build) -> std::string {
    try {
      Harness h(build);
    } catch (const std::exception& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refused([](Job& job, Inputs& in, Outputs& out) {
                in.stream<Event>(job, "events").discard("end");
                out.collect(job.dead_letters("one"), "a");
                out.collect(job.dead_letters("two"), "b");
              }),
              HasSubstr("taken by the step 'one'"));
  EXPECT_THAT(refused([](Job& job, Inputs& in, Outputs&) {
                in.stream<Event>(job, "events").discard("end");
                static_cast<void>(job.dead_letters());
              }),
              HasSubstr("nobody takes its stream"));
  const auto counted = [&refused](Emit emit) {
    return refused([emit](Job& job, Inputs& in, Outputs& out) {
      in.stream<Event>(job, "events").discard("end");
      const auto add = [](std::int64_t& n, const DeadLetter&) { ++n; };
      const auto combine = [](std::int64_t& n, std::int64_t more) { n += more; };
      out.collect(job.dead_letters()
                      .key_by(&DeadLetter::step)
                      .aggregate<std::int64_t>("counts", add, combine, {.emit = emit}),
                  "out");
    });
  };
  EXPECT_THAT(counted(Emit::at_end), HasSubstr("use .emit = Emit::on_change"));
  EXPECT_EQ(counted(Emit::on_change), "accepted");
}

}  // namespace
}  // namespace weir::test
