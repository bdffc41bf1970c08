// Checks and pictures of the logical graph; see graph.h.
#include "weir/runtime/graph.h"

#include <algorithm>
#include <map>

#include "weir/runtime/sink_operator.h"

namespace weir {
namespace {

std::string place_text(const std::source_location& place) {
  return std::string(place.file_name()) + ":" + std::to_string(place.line());
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '-' || c == '.';
         });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

/// Where a sink writes, if it wants that for itself. Its operator is asked, which alone knows it.
std::string destination_of(const GraphStep& step) {
  if (!step.sink || !step.make) return {};
  const std::unique_ptr<Operator> made = step.make();
  const auto* sink = dynamic_cast<const UntypedSinkOperator*>(made.get());
  return sink == nullptr ? std::string() : sink->destination();
}

}  // namespace

// Out of line, because every job would compile them again.
GraphStep::GraphStep() = default;
GraphStep::GraphStep(GraphStep&&) noexcept = default;
GraphStep& GraphStep::operator=(GraphStep&&) noexcept = default;
GraphStep::~GraphStep() = default;

GraphError::GraphError(const std::string& step, const std::source_location& place,
                       const std::string& what)
    : std::runtime_error(place_text(place) + ": " + (step.empty() ? "" : "step '" + step + "': ") +
                         what) {}

const char* to_string(Exchange exchange) {
  switch (exchange) {
    case Exchange::forward:
      return "forward";
    case Exchange::hash:
      return "by key";
    case Exchange::rebalance:
      return "rebalance";
  }
  return "?";
}

StepId Graph::add(GraphStep&& step) {
  if (!good_name(step.name)) {
    throw GraphError(step.name, step.place,
                     step.name.empty() ? "every step needs a name; its state is kept under it"
                                       : "a name has 1 to 100 letters, digits, '_', '-' or '.'");
  }
  if (!names_.insert(step.name).second) {
    throw GraphError(step.name, step.place,
                     "the name is taken by the step at " + place_text(find(step.name)->place) +
                         "; names key the state of steps and must be unique");
  }
  step.id = static_cast<StepId>(steps_.size());
  for (const GraphEdge& edge : step.inputs) {
    // Streams are values that exist before they are used, so an edge back can only be a mistake.
    if (edge.from >= steps_.size()) {
      throw GraphError(step.name, step.place, "its input comes from a later step: a cycle");
    }
    consume(edge.from, edge.port);
  }
  note_letters(step);
  steps_.push_back(std::move(step));
  return steps_.back().id;
}

/// Dead letters are few, and their order matters: one subtask unless the author wants more.
void Graph::note_letters(GraphStep& step) const {
  const GraphStep* taken = letters_step();
  if (step.takes_letters && taken != nullptr) {
    throw GraphError(step.name, step.place,
                     "the dead letters of the job are taken by the step '" + taken->name + "' at " +
                         place_text(taken->place) + "; use its stream twice instead");
  }
  step.of_letters = step.takes_letters ||
                    (!step.inputs.empty() && std::all_of(step.inputs.begin(), step.inputs.end(),
                                                         [&](const GraphEdge& edge) {
                                                           return steps_[edge.from].of_letters;
                                                         }));
  if (step.of_letters && step.parallelism == 0) step.parallelism = 1;
}

const GraphStep* Graph::letters_step() const {
  for (const GraphStep& step : steps_) {
    if (step.takes_letters) return &step;
  }
  return nullptr;
}

const GraphStep* Graph::find(std::string_view name) const {
  for (const GraphStep& step : steps_) {
    if (step.name == name) return &step;
  }
  return nullptr;
}

void Graph::check() const {
  const bool has_source = std::any_of(steps_.begin(), steps_.end(),
                                      [](const GraphStep& s) { return s.source.has_value(); });
  if (!has_source) {
    throw GraphError("", steps_.empty() ? std::source_location::current() : steps_[0].place,
                     "the job has no source; begin with job.source(name, source, options)");
  }
  for (const GraphStep& step : steps_) {
    for (const GraphPort& port : step.outputs) {
      if (port.consumed || port.optional) continue;
      throw GraphError(step.name, step.place,
                       "nobody takes its " + (port.name.empty() ? "" : "'" + port.name + "' ") +
                           "stream of " + port.type + "; end it with .sink(...) or .discard()");
    }
  }
  for (const GraphStep& step : steps_) {
    if (step.needs_event_time) check_event_time(step);
    if (step.needs_end) check_end(step);
  }
  check_destinations();
}

/// `step` and all steps whose records may come to it.
std::vector<const GraphStep*> Graph::upward_of(const GraphStep& step) const {
  std::set<StepId> seen{step.id};
  std::vector<const GraphStep*> found{&step};
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const GraphEdge& edge : found[next]->inputs) {
      if (seen.insert(edge.from).second) found.push_back(&steps_[edge.from]);
    }
  }
  return found;
}

void Graph::check_event_time(const GraphStep& step) const {
  for (const GraphStep* above : upward_of(step)) {
    if (above->takes_letters) {
      throw GraphError(step.name, step.place,
                       "it goes by event time, and dead letters have none that goes on; use "
                       "processing time");
    }
    if (above->source && !above->source->event_time) {
      throw GraphError(step.name, step.place,
                       "it goes by event time, but the records of source '" + above->name +
                           "' at " + place_text(above->place) +
                           " have none; give that source .event_time, such as &Event::time");
    }
  }
}

void Graph::check_end(const GraphStep& step) const {
  for (const GraphStep* above : upward_of(step)) {
    if (!above->takes_letters) continue;
    throw GraphError(step.name, step.place,
                     "it says its results at the end, and dead letters come behind that too; use "
                     ".emit = Emit::on_change");
  }
}

void Graph::check_destinations() const {
  std::map<std::string, const GraphStep*> owners;
  for (const GraphStep& step : steps_) {
    const std::string destination = destination_of(step);
    if (destination.empty()) continue;
    const auto [owner, added] = owners.emplace(destination, &step);
    if (added) continue;
    throw GraphError(step.name, step.place,
                     "it writes to " + destination + ", which is also that of sink '" +
                         owner->second->name + "' at " + place_text(owner->second->place) +
                         "; two sinks would replace and remove each other's output, so give each "
                         "its own, or join their streams with union_with");
  }
}

std::string Graph::to_text() const {
  std::string out;
  for (const GraphStep& step : steps_) {
    out += step.name + "  (" + step.kind +
           (step.parallelism ? ", parallelism " + std::to_string(step.parallelism) : "") + ")";
    if (!step.description.empty()) out += "  " + step.description;
    out += "\n";
    for (const GraphEdge& edge : step.inputs) {
      const GraphStep& from = steps_[edge.from];
      const std::string& port = from.outputs[edge.port].name;
      out += "    <- " + from.name + (port.empty() ? "" : "." + port) + "  " +
             to_string(edge.exchange) + "\n";
    }
  }
  return out;
}

std::string Graph::to_dot() const {
  std::string out = "digraph job {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n";
  for (const GraphStep& step : steps_) {
    out +=
        "  " + quoted(step.name) + " [label=" + quoted(step.name + " (" + step.kind + ")") + "];\n";
    for (const GraphEdge& edge : step.inputs) {
      const GraphStep& from = steps_[edge.from];
      std::string label = edge.exchange == Exchange::forward ? "" : to_string(edge.exchange);
      const std::string& port = from.outputs[edge.port].name;
      if (!port.empty()) label = port + (label.empty() ? "" : ", ") + label;
      out += "  " + quoted(from.name) + " -> " + quoted(step.name) +
             (label.empty() ? "" : " [label=" + quoted(label) + "]") + ";\n";
    }
  }
  return out + "}\n";
}

}  // namespace weir
