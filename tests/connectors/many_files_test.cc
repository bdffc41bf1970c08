// More files than may be open at a time: each record comes out once all the same, whatever is
// closed, opened again, restored or moved.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/connectors/support.h"
#include "tests/operators/support.h"
#include "weir/weir.h"

namespace weir::file {
namespace {

using test::run_every_way;
using test::sorted;
using ::testing::IsEmpty;
using weir::testing::Harness;
using weir::testing::Inputs;
using weir::testing::Outputs;
using weir::testing::Snapshot;
using Strings = std::vector<std::string>;

constexpr std::size_t kMost = 3;

/// How many readers each subtask has open.
struct Census {
  std::map<std::uint32_t, std::size_t> open;
  std::size_t most = 0, openings = 0;
};

class CountedReader final : public SplitReader<std::string> {
 public:
  CountedReader(std::unique_ptr<SplitReader<std::string>> reader, Census& census,
                std::uint32_t subtask)
      : reader_(std::move(reader)), census_(census), subtask_(subtask) {
    ++census_.openings;
    census_.most = std::max(census_.most, ++census_.open[subtask_]);
  }
  ~CountedReader() override { --census_.open[subtask_]; }
  Result<ReadStatus> read(Batch<std::string>& out, DeadLetterSink& dead) override {
    Batch<std::string> few;  // short reads, so that the splits take many turns
    for (std::size_t i = kRowsARead; i < few.capacity(); ++i) few.push_empty();
    const std::size_t filled = few.size();
    Result<ReadStatus> status = reader_->read(few, dead);
    for (std::size_t i = filled; i < few.size(); ++i) out.push(std::move(few[i]), 0);
    return status;
  }
  std::string position() const override { return reader_->position(); }
  bool caught_up() const override { return reader_->caught_up(); }

 private:
  static constexpr std::size_t kRowsARead = 2;
  std::unique_ptr<SplitReader<std::string>> reader_;
  Census& census_;
  std::uint32_t subtask_;
};

/// The lines of the files of a world of its own, of which few may be open.
class FewOpen final : public Source<std::string> {
 public:
  FewOpen(testing_support::World& world, Census& census, bool follow)
      : source_(lines({.path = "/in", .follow = follow})), world_(world), census_(census) {}
  Result<Strings> discover(const SourceContext&) const override {
    return source_->discover(world_.source);
  }
  std::optional<Duration> discovery_interval() const override {
    return source_->discovery_interval();
  }
  Result<std::unique_ptr<SplitReader<std::string>>> open(
      const SourceContext& context, const std::string& split,
      const std::string& position) const override {
    WEIR_ASSIGN(auto reader, source_->open(world_.source, split, position));
    return std::unique_ptr<SplitReader<std::string>>(
        std::make_unique<CountedReader>(std::move(reader), census_, context.subtask));
  }
  std::size_t most_open_readers() const override { return kMost; }
  Result<std::string> decode(const DeadLetter& letter) const override {
    return source_->decode(letter);
  }
  std::string describe() const override { return "few"; }

 private:
  std::shared_ptr<Source<std::string>> source_;
  testing_support::World& world_;
  Census& census_;
};

std::int64_t time_of(const std::string& line) { return std::stoll(line); }
std::string path_of(int file) { return "/in/f" + std::to_string(100 + file); }
/// The lines `begin` to `end` of a file begin with their times, which interleave between files.
Strings lines_of(int file, int begin, int end) {
  Strings lines;
  for (int i = begin; i < end; ++i) {
    lines.push_back(std::to_string(1000 * i + 7 * file) + " of " + std::to_string(file));
  }
  return lines;
}
std::string text_of(const Strings& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(ManyFiles, AreReadOnceWithFewOpen) {
  testing_support::World world;
  Strings all;
  for (int file = 0; file < 25; ++file) {
    const Strings lines = lines_of(file, 0, 5 * (file % 8));
    world.put(path_of(file), text_of(lines));
    all.insert(all.end(), lines.begin(), lines.end());
  }
  for (const bool timed : {false, true}) {
    Census census;
    run_every_way(
        [&](Job& job, Inputs&, Outputs& out) {
          SourceOptions<std::string> options;
          if (timed) options.event_time = &time_of;
          auto read = job.source("read", std::make_shared<FewOpen>(world, census, false), options);
          out.collect(read, "lines");
          out.collect(read.late(), "late");
        },
        [](Harness&, int) {},
        [&](Harness& h) {
          EXPECT_EQ(sorted(h.committed<std::string>("lines")), sorted(all));
          EXPECT_THAT(h.committed<std::string>("late"), IsEmpty());
        });
    EXPECT_EQ(census.most, kMost);
    EXPECT_GT(census.openings, 25u);
  }
}

TEST(ManyFiles, AreFollowedWithFewOpen) {
  testing_support::World world;
  Census census;
  const auto build = [&](Job& job, Inputs&, Outputs& out) {
    auto read = job.source("read", std::make_shared<FewOpen>(world, census, true),
                           {.event_time = &time_of, .out_of_order = Duration(3'600'000)});
    out.collect(read, "lines");
  };
  Strings all;
  const auto grow = [&](Harness& h, int begin, int end) {
    for (int file = begin % 2; file < 12; file += 2) {
      const Strings lines = lines_of(file, begin, end);
      std::string text = world.storage.exists(path_of(file)).value()
                             ? read_file(world.storage, path_of(file)).value()
                             : std::string();
      world.put(path_of(file), text + text_of(lines));
      all.insert(all.end(), lines.begin(), lines.end());
    }
    for (int i = 0; i < 40; ++i) {
      world.clock.advance(std::chrono::milliseconds(100));
      h.advance(Duration(100));
    }
  };
  auto first = std::make_unique<Harness>(build);
  for (int i = 0; i < 12; ++i) grow(*first, 3 * i, 3 * i + 3);
  EXPECT_EQ(sorted(first->output<std::string>("lines")), sorted(all));
  const Snapshot moment = first->snapshot();
  EXPECT_EQ(sorted(first->committed<std::string>("lines")), sorted(all));
  first.reset();
  Harness again(build, moment, {.parallelism = 2});
  for (int i = 12; i < 15; ++i) grow(again, 3 * i, 3 * i + 3);
  EXPECT_EQ(sorted(again.output<std::string>("lines")), sorted(all));
  again.snapshot();
  EXPECT_EQ(sorted(again.committed<std::string>("lines")), sorted(all));
  EXPECT_EQ(census.most, kMost);
}

TEST(ManyFiles, TheFileSourcesKeepFewOpen) {
  EXPECT_LE(lines({.path = "/in"})->most_open_readers(), 64u);
}

}  // namespace
}  // namespace weir::file
