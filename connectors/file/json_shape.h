// Lines of one kind mostly differ in their scalars alone: keys, their order, brackets and spaces
// are the same bytes each time. What lies between the scalars of a line that was found good is
// remembered; a line that has the same bytes there, and scalars that are whole, is good as well,
// and has its wanted values at the same tokens. To see that costs a fifth of walking the line.
//
// Nothing is taken on trust: what does not fit is walked. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::file::detail {

/// A line among the tokens of its text, which simdjson's first stage has found.
struct JsonLine {
  const char* text = nullptr;
  std::size_t begin = 0, end = 0;         ///< of the line
  const std::uint32_t* tokens = nullptr;  ///< its first one; each is a place in the text
  const std::uint32_t* last = nullptr;    ///< behind all tokens of the text lies its size
};

/// What the lines of one shape have in common.
class JsonShape {
 public:
  /// A wanted value: the field, and its tokens, counted from the first of the line.
  struct Wanted {
    int field;
    std::uint32_t first, last;
  };

  /// Remembers `line`, a good one of `tokens` tokens without escapes; false when it has none of the
  /// shapes that can be remembered.
  bool learn(const JsonLine& line, std::size_t tokens, const std::vector<Wanted>& wanted);
  /// Whether `line`, which has no escapes, is a good line of this shape.
  bool fits(const JsonLine& line) const;

  const std::vector<Wanted>& wanted() const { return wanted_; }
  std::size_t tokens() const { return tokens_; }

 private:
  struct Scalar {
    std::uint32_t token;
    std::uint32_t
        size;  // of the text from the token behind it to the next scalar or the line's end
  };
  std::string between_;     // all these texts, and first what comes before the first scalar
  std::uint32_t head_ = 0;  // the size of that
  std::vector<Scalar> scalars_;
  std::vector<Wanted> wanted_;
  std::size_t tokens_ = 0;
};

/// The shapes of the lines that came last.
class JsonShapes {
 public:
  /// The shape of `line`, or null.
  const JsonShape* find(const JsonLine& line);
  /// Whether the line at hand, for which `find` had nothing, should be learned. Seldom where lines
  /// hardly ever share a shape.
  bool wants_more();
  /// After the walk over that line: `wanted` has been noted on the way.
  void learn(const JsonLine& line, std::size_t tokens);

  std::vector<JsonShape::Wanted> wanted;  ///< of the line that is being learned

 private:
  static constexpr std::size_t kMost = 8;
  static constexpr unsigned kGain = 4, kPrice = 16, kSavings = 256;
  std::vector<JsonShape> shapes_;
  std::size_t latest_ = 0;      // that a line fitted
  std::size_t next_place_ = 0;  // that a new one takes when all are taken
  unsigned credit_ = kSavings;  // hits earn it, learning costs it
};

}  // namespace weir::file::detail
