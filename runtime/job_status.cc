// Adding up what the parts of a job have counted; see job_status.h.
#include "weir/runtime/job_status.h"

#include <algorithm>

namespace weir {

std::vector<StepSample> samples_of(const Deployment& deployment, SteadyTime now) {
  std::vector<StepSample> samples;
  for (const Deployment::Part& part : deployment.parts()) {
    const StepMetrics& metrics = *part.view.metrics;
    samples.push_back(
        {metrics.records_in.get(), metrics.records_out.get(), part.view.clock->at(now)});
  }
  return samples;
}

void add_parts(const Deployment& deployment, const RateMeter& rates, SteadyTime now,
               JobStatus& status) {
  std::vector<std::vector<std::size_t>> parts_of(status.steps.size());
  for (std::size_t i = 0; i < deployment.parts().size(); ++i) {
    const Task::StepView& view = deployment.parts()[i].view;
    const StepMetrics& metrics = *view.metrics;
    JobStatus::Step& step = status.steps[view.step->id];
    parts_of[view.step->id].push_back(i);
    for (const auto& [name, value] : view.counters()) step.counters[name] += value;
    step.watermark_ms = std::min(step.watermark_ms, metrics.watermark_ms.load());
    const std::int64_t lag = metrics.lag.load();
    if (lag >= 0) step.lag = std::max<std::int64_t>(step.lag, 0) + lag;
    step.state_entries += metrics.state_entries.get();
    step.state_bytes += metrics.state_bytes.get();
    step.times += view.clock->at(now);
  }
  for (std::size_t i = 0; i < parts_of.size(); ++i) status.steps[i].rates = rates.of(parts_of[i]);
}

void add_place(TaskId id, const Deployment& deployment, AttemptFailure& failure) {
  for (const Deployment::Part& part : deployment.parts()) {
    if (part.task != id) continue;
    failure.task += (failure.task.empty() ? "" : ", ") + part.view.step->name;
    failure.subtask = part.subtask;
    failure.process = part.process;
  }
}

std::vector<SubtaskStatus> subtasks_of(const Deployment& deployment, const RateMeter& rates,
                                       SteadyTime now) {
  std::vector<SubtaskStatus> subtasks;
  for (std::size_t i = 0; i < deployment.parts().size(); ++i) {
    const Deployment::Part& part = deployment.parts()[i];
    const Task::StepView& view = part.view;
    const StepMetrics& metrics = *view.metrics;
    SubtaskStatus one;
    one.step = view.step->id;
    one.subtask = part.subtask;
    one.process = part.process;
    one.counters = view.counters();
    one.watermark_ms = metrics.watermark_ms.load();
    one.lag = metrics.lag.load();
    one.idle = metrics.idle.load();
    one.state_entries = metrics.state_entries.get();
    one.state_bytes = metrics.state_bytes.get();
    one.times = view.clock->at(now);
    one.rates = rates.of({i});
    subtasks.push_back(std::move(one));
  }
  std::stable_sort(subtasks.begin(), subtasks.end(),
                   [](const auto& a, const auto& b) { return a.step < b.step; });
  return subtasks;
}

}  // namespace weir
