// Where a step sends records that came too late for it: to its late stream, or, where nobody takes
// that, to the dead letters. Nothing late is ever dropped silently. Used by the thread of the task.
#pragma once

#include <utility>

#include "weir/runtime/emitter.h"
#include "weir/runtime/letters.h"

namespace weir {

template <class T>
class LateOutput {
 public:
  void open(OperatorContext& context, std::size_t port) {
    context_ = &context;
    taken_ = context.outputs[port].connected();
    emitter_.open(context.outputs[port], context.metrics->late);
  }

  /// `watermark_ms`: by which the record was judged.
  void take(T& record, std::int64_t time_ms, std::int64_t watermark_ms) {
    if (taken_) {
      emitter_.emit(std::move(record), time_ms, watermark_ms);
      emitter_.flush_full();
      return;
    }
    context_->metrics->late.add(1);
    if (context_->replaying) {
      context_->replay_outcome = Error{ErrorCode::user_code, late_message(time_ms, watermark_ms)};
      return;
    }
    DeadLetter letter = make_record_letter(DeadLetterReason::late, record, time_ms);
    letter.seen_ms = watermark_ms;
    letter.message = late_message(time_ms, watermark_ms);
    context_->dead_letters->add(std::move(letter));
  }
  void flush() { emitter_.flush(); }

 private:
  OperatorContext* context_ = nullptr;
  Emitter<T> emitter_;
  bool taken_ = false;
};

}  // namespace weir
