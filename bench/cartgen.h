// Writes the input of the `cart` work: Segment `track` events as JSON lines, the same bytes on
// every machine for the same number of lines, and knows the exact answer. One thread; no state
// outside.
//
// Event time spans 4 h, however many lines there are. Each line's timestamp lies 0 to 9.999 s
// behind the generator's clock. About 2 % of the lines try to repeat, byte for byte, one of the
// last 2,000 lines, if that one's timestamp is still within 9.999 s of the clock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

/// What a correct program finds in the lines. An alert is a distinct `Product Added` at t of a user
/// without a distinct `Order Completed` of that user in (t, t + 30 min]; the end of the input ends
/// time.
struct CartAnswers {
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
  std::int64_t distinct_messages = 0;
  std::int64_t duplicates = 0;
  std::int64_t products_added = 0;
  std::int64_t orders_completed = 0;
  std::int64_t alerts = 0;
  std::int64_t boundary_ties = 0;  ///< additions whose answer hangs on < or <=
  std::int64_t max_out_of_order_ms = 0;
};

/// Makes the lines one after the other.
class CartGenerator {
 public:
  /// `lines`: how many will be made; event time is spread over them.
  explicit CartGenerator(std::int64_t lines);

  /// Appends the next line with its line end to `out`; false, and nothing appended, after the last.
  bool append_line(std::string& out);

  /// The answers for the lines made so far.
  CartAnswers answers() const;

 private:
  struct Line {
    std::string text;
    std::int64_t time = 0;  ///< ms since midnight, as are all times here
  };
  struct User {
    std::vector<std::int64_t> added, ordered;
  };

  std::uint64_t next_random();
  bool repeat_line(std::int64_t clock, std::string& out);
  void make_line(std::int64_t clock, std::string& out);
  void note_disorder(std::int64_t time);

  std::uint64_t random_ = 88172645463325252ull;
  std::int64_t total_;
  std::int64_t newest_ = 0;
  CartAnswers answers_;
  std::vector<Line> recent_;
  std::vector<User> users_;
};

}  // namespace weir::bench
