// Which steps share a task.
#include "weir/runtime/plan.h"

#include <gtest/gtest.h>

#include "weir/testing.h"

namespace weir {
namespace {

struct Row {
  std::string key;
  std::int64_t n = 0;
};
WEIR_DESCRIBE(Row, key, n);

class PlanTest : public ::testing::Test {
 protected:
  SourceStream<Row> source(const std::string& name, std::uint32_t parallelism = 0) {
    return in_.stream<Row>(job_, name, {.parallelism = parallelism});
  }
  static Row same(const Row& r) { return r; }
  /// The steps of each task, as "a b | c".
  std::string tasks(std::uint32_t parallelism) {
    const Plan plan = make_plan(job_.graph(), parallelism);
    std::string text;
    for (const PlanVertex& vertex : plan.vertices) {
      text += text.empty() ? "" : " | ";
      for (std::size_t i = 0; i < vertex.steps.size(); ++i) {
        text += (i > 0 ? " " : "") + job_.graph().step(vertex.steps[i]).name;
      }
    }
    return text;
  }

  Job job_{"test", {}};
  testing::InputMap inputs_;
  testing::Inputs in_{inputs_};
};

TEST_F(PlanTest, APipelineAtParallelismOneIsOneTask) {
  source("s").map("m", same).key_by(&Row::key).process<std::int64_t>("p", [](auto&...) {});
  EXPECT_EQ(tasks(1), "s m p");
  EXPECT_EQ(tasks(2), "s m | p");
}

TEST_F(PlanTest, ARebalanceAndAnotherParallelismBeginATask) {
  auto m = source("s").rebalance().map("m", same);
  m.map("wide", same, {.parallelism = 3}).discard("end");
  EXPECT_EQ(tasks(1), "s m | wide | end");
  EXPECT_EQ(tasks(2), "s | m | wide | end");
  EXPECT_EQ(tasks(3), "s | m wide end");
}

TEST_F(PlanTest, DeadLettersFlowFromEveryTaskButThoseBehindThem) {
  auto rows = source("s");
  auto letters = job_.dead_letters().map("shown", [](const DeadLetter& l) { return l.message; });
  letters.rebalance()
      .map("wide", [](const std::string& s) { return s; }, {.parallelism = 2})
      .discard("far");
  rows.key_by(&Row::key).process<std::int64_t>("p", [](auto&...) {});
  EXPECT_EQ(tasks(3), "s | dead-letters shown | wide | far | p");
  std::vector<std::uint32_t> from;
  for (const PlanEdge& edge : make_plan(job_.graph(), 3).edges) {
    if (edge.letters) from.push_back(edge.from_vertex);
  }
  EXPECT_EQ(from, (std::vector<std::uint32_t>{0, 4}));
}

TEST_F(PlanTest, AUnionJoinsTheTaskThatHoldsAllItsInputs) {
  auto a = source("a");
  auto left = a.map("left", same), right = a.map("right", same);
  left.union_with("both", right).discard("end");
  EXPECT_EQ(tasks(2), "a left right both end");
  source("b").union_with("other", left).discard("end2");
  EXPECT_EQ(tasks(2), "a left right both end | b | other end2");
}

TEST_F(PlanTest, ACombinerStandsOnlyBeforeAnExchange) {
  source("s")
      .key_by(&Row::key)
      .aggregate<std::int64_t>(
          "sum", [](std::int64_t& sum, const Row& r) { sum += r.n; },
          [](std::int64_t& sum, const std::int64_t& other) { sum += other; })
      .discard("end");
  EXPECT_TRUE(make_plan(job_.graph(), 1).edges.empty());
  const Plan plan = make_plan(job_.graph(), 2);
  ASSERT_EQ(plan.edges.size(), 1u);
  EXPECT_TRUE(plan.edges[0].combined);
  EXPECT_EQ(plan.vertex_of[plan.edges[0].to], plan.edges[0].to_vertex);
}

}  // namespace
}  // namespace weir
