// See utf8.h.
#include "weir/base/utf8.h"

namespace weir {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

bool continues(std::string_view text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return false;
  }
  return true;
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
  const unsigned lead = byte_at(text, 0), second = byte_at(text, 1);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;  // a continuation, or an overlong form of ASCII
  if (lead < 0xe0) return continues(text, 1, 2) ? 2 : 0;
  if (lead < 0xf0) {
    if (lead == 0xe0 && second < 0xa0) return 0;   // overlong
    if (lead == 0xed && second >= 0xa0) return 0;  // surrogates
    return continues(text, 1, 3) ? 3 : 0;
  }
  if (lead > 0xf4) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;   // overlong
  if (lead == 0xf4 && second >= 0x90) return 0;  // above U+10FFFF
  return continues(text, 1, 4) ? 4 : 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto put_six = [&](int shift) { put(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put_six(0);
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put_six(6);
    put_six(0);
  } else {
    put(0xf0 | (c >> 18));
    put_six(12);
    put_six(6);
    put_six(0);
  }
}

}  // namespace weir
