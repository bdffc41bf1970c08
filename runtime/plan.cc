// Planning; see plan.h.
#include "weir/runtime/plan.h"

#include <algorithm>

namespace weir {
namespace {

/// Records stay in their subtask on `edge` when both sides have this parallelism.
bool stays(const GraphEdge& edge, std::uint32_t from_parallelism, std::uint32_t to_parallelism) {
  if (from_parallelism != to_parallelism) return false;
  return edge.exchange == Exchange::forward || to_parallelism == 1;
}

bool can_join(const GraphStep& step, const Plan& plan) {
  if (step.source || step.inputs.empty()) return false;
  const std::uint32_t vertex = plan.vertex_of[step.inputs[0].from];
  return std::all_of(step.inputs.begin(), step.inputs.end(), [&](const GraphEdge& edge) {
    return plan.vertex_of[edge.from] == vertex &&
           stays(edge, plan.parallelism_of[edge.from], plan.parallelism_of[step.id]);
  });
}

/// The vertices that records of `vertex` can come to, itself included.
std::vector<bool> behind(const Plan& plan, std::uint32_t vertex) {
  std::vector<bool> reached(plan.vertices.size());
  std::vector<std::uint32_t> open{vertex};
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    if (reached[at]) continue;
    reached[at] = true;
    for (const PlanEdge& edge : plan.edges) {
      if (edge.from_vertex == at) open.push_back(edge.to_vertex);
    }
  }
  return reached;
}

/// Dead letters flow from every vertex to the step that takes them. Not so from those behind it:
/// that would be a circle.
void add_letter_edges(const Graph& graph, Plan& plan) {
  const GraphStep* taker = graph.letters_step();
  if (taker == nullptr) return;
  const std::uint32_t to = plan.vertex_of[taker->id];
  const std::vector<bool> excluded = behind(plan, to);
  for (const PlanVertex& vertex : plan.vertices) {
    if (excluded[vertex.id]) continue;
    const GraphEdge edge{vertex.steps[0], 0, 0, Exchange::rebalance, nullptr};
    plan.edges.push_back({vertex.id, to, edge.from, taker->id, edge, false, true});
  }
}

}  // namespace

std::vector<PlanChannel> channels_of(const Plan& plan) {
  std::vector<PlanChannel> channels;
  for (const PlanEdge& edge : plan.edges) {
    for (std::uint32_t from = 0; from < plan.vertices[edge.from_vertex].parallelism; ++from) {
      for (std::uint32_t to = 0; to < plan.vertices[edge.to_vertex].parallelism; ++to) {
        channels.push_back({static_cast<std::uint32_t>(channels.size()), &edge, from, to});
      }
    }
  }
  return channels;
}

std::uint32_t first_task_of(const Plan& plan, std::uint32_t vertex) {
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < vertex; ++i) first += plan.vertices[i].parallelism;
  return first;
}

std::function<std::unique_ptr<BatchBase>()> batch_maker(const Graph& graph, const PlanEdge& edge) {
  if (edge.letters) return [] { return std::make_unique<Batch<DeadLetter>>(); };
  if (edge.combined) return graph.step(edge.to).make_combined_batch;
  return graph.step(edge.from).outputs[edge.edge.port].make_batch;
}

Plan make_plan(const Graph& graph, std::uint32_t parallelism) {
  Plan plan;
  for (const GraphStep& step : graph.steps()) {
    plan.parallelism_of.push_back(step.parallelism ? step.parallelism : parallelism);
    if (can_join(step, plan)) {
      const std::uint32_t vertex = plan.vertex_of[step.inputs[0].from];
      plan.vertices[vertex].steps.push_back(step.id);
      plan.vertex_of.push_back(vertex);
      continue;
    }
    const auto vertex = static_cast<std::uint32_t>(plan.vertices.size());
    plan.vertices.push_back({vertex, plan.parallelism_of[step.id], {step.id}});
    plan.vertex_of.push_back(vertex);
    for (const GraphEdge& edge : step.inputs) {
      plan.edges.push_back({plan.vertex_of[edge.from], vertex, edge.from, step.id, edge,
                            edge.exchange == Exchange::hash && step.make_combiner != nullptr});
    }
  }
  add_letter_edges(graph, plan);
  return plan;
}

std::string Plan::to_text(const Graph& graph) const {
  std::string out;
  for (const PlanVertex& vertex : vertices) {
    out += "task " + std::to_string(vertex.id) + " x" + std::to_string(vertex.parallelism) + ":";
    for (const StepId step : vertex.steps) out += " " + graph.step(step).name;
    out += "\n";
    for (const PlanEdge& edge : edges) {
      if (edge.from_vertex != vertex.id) continue;
      out += "    -> task " + std::to_string(edge.to_vertex) + "  " +
             (edge.letters ? "dead letters" : to_string(edge.edge.exchange)) +
             (edge.combined ? ", combined before" : "") + "\n";
    }
  }
  return out;
}

}  // namespace weir
