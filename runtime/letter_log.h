// The dead letters of one step in one subtask since the last barrier. Used by the thread of the
// task.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/metrics.h"

namespace weir {

class LetterLog final : public DeadLetterSink {
 public:
  LetterLog(Clock& clock, std::string step, std::string job, std::string job_version,
            StepMetrics& metrics)
      : clock_(clock),
        step_(std::move(step)),
        job_(std::move(job)),
        job_version_(std::move(job_version)),
        metrics_(metrics) {}

  void add(DeadLetter letter) override;

  /// A failed replay of `letter`: its next attempt takes the old one's place.
  void add_again(const DeadLetter& letter, const Status& status);
  /// A letter whose replay succeeded, or that was dropped.
  void remove(std::string id);

  /// All letters since the last call, with their ids given: "CHECKPOINT.TASK.NUMBER", where
  /// `number` counts on over all steps of the task.
  std::vector<DeadLetter> take(std::uint64_t checkpoint, std::uint32_t task, std::uint32_t& number);
  std::vector<std::string> take_removed() { return std::exchange(removed_, {}); }

 private:
  Clock& clock_;
  std::string step_, job_, job_version_;
  StepMetrics& metrics_;
  std::vector<DeadLetter> letters_;
  std::vector<std::string> removed_;
};

/// The row of a letter in the runs of dead letters: "CHECKPOINT.TASK.NUMBER" padded so that rows
/// sort in the order of arrival.
std::string letter_row_key(const std::string& id);

}  // namespace weir
