// The physical plan: which steps run together in one task, and where tasks exchange records. Pure.
//
// A step joins the task of its inputs when all of them lie in that task, no records change subtask
// on the way, and it is no source. So a pipeline at parallelism 1 is one task, key_by included.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/runtime/graph.h"

namespace weir {

struct PlanVertex {
  std::uint32_t id = 0;
  std::uint32_t parallelism = 1;
  std::vector<StepId> steps;  ///< in the order in which batches, watermarks and barriers visit them
};

struct PlanEdge {
  std::uint32_t from_vertex = 0, to_vertex = 0;
  StepId from = 0, to = 0;
  GraphEdge edge;
  bool combined = false;  ///< a combiner aggregates within each batch before the exchange
  bool letters = false;   ///< carries the dead letters of all steps of `from_vertex`
};

struct Plan {
  std::vector<PlanVertex> vertices;
  std::vector<PlanEdge> edges;  ///< between vertices; those within a vertex are the graph's
  std::vector<std::uint32_t> vertex_of;       ///< by step
  std::vector<std::uint32_t> parallelism_of;  ///< by step

  std::string to_text(const Graph& graph) const;
};

/// A channel of the plan: from one subtask to another. All processes of an attempt number them
/// alike, from 0.
struct PlanChannel {
  std::uint32_t number = 0;
  const PlanEdge* edge = nullptr;
  std::uint32_t from = 0, to = 0;  ///< subtasks of the edge's vertices
};
std::vector<PlanChannel> channels_of(const Plan& plan);

/// The number of subtask 0 of a vertex among all tasks, which all processes number alike: by
/// vertex, then subtask.
std::uint32_t first_task_of(const Plan& plan, std::uint32_t vertex);

/// Makes the batches that cross `edge`.
std::function<std::unique_ptr<BatchBase>()> batch_maker(const Graph& graph, const PlanEdge& edge);

/// Plans `graph` with `parallelism` for the steps that do not say their own.
Plan make_plan(const Graph& graph, std::uint32_t parallelism);

}  // namespace weir
