// Results that both test jobs give, in the words of tests/oracle/events_windows.py.
#pragma once

#include <weir/weir.h>

#include <string>

struct UserSpan {
  std::string user;
  weir::EventTime start, end;
  std::int64_t count = 0;
};
WEIR_DESCRIBE(UserSpan, user, start, end, count);

struct Seen {
  std::string user, event;
  weir::EventTime time;
};
WEIR_DESCRIBE(Seen, user, event, time);

template <class T>
void count_one(std::int64_t& count, const T&) {
  ++count;
}
inline void add_counts(std::int64_t& count, std::int64_t more) { count += more; }

inline UserSpan span_of(const weir::Windowed<std::string, std::int64_t>& w) {
  return {w.key, w.start, w.end, w.value};
}
