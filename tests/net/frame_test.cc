// Frames: what was written comes back, in whatever pieces; what is damaged, foreign or too large is
// refused before it is collected.
#include "weir/net/frame.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

std::string frame(FrameKind kind, std::uint32_t channel, std::string_view body) {
  std::string bytes;
  append_frame(bytes, kind, channel, [body](std::string& out) { out += body; });
  return bytes;
}

TEST(Frame, ReadsBackWhatWasWritten) {
  const std::string stream =
      frame(FrameKind::element, 7, "some bytes") + frame(FrameKind::credit, 0, "");
  std::string_view bytes = stream;
  auto first = take_frame(bytes, 100);
  ASSERT_TRUE(first.ok() && *first);
  EXPECT_EQ((*first)->kind, FrameKind::element);
  EXPECT_EQ((*first)->channel, 7u);
  EXPECT_EQ((*first)->body, "some bytes");
  auto second = take_frame(bytes, 100);
  ASSERT_TRUE(second.ok() && *second);
  EXPECT_EQ((*second)->kind, FrameKind::credit);
  EXPECT_EQ((*second)->body, "");
  EXPECT_TRUE(bytes.empty());
}

TEST(Frame, WaitsForTheRest) {
  const std::string whole = frame(FrameKind::element, 1, "body");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string_view part = std::string_view(whole).substr(0, size);
    const auto taken = take_frame(part, 100);
    ASSERT_TRUE(taken.ok()) << size;
    EXPECT_FALSE(*taken) << size;
    EXPECT_EQ(part.size(), size);
    EXPECT_EQ(frame_size(part), size < 4 ? 0 : whole.size());
  }
}

TEST(Frame, NoticesEveryDamagedBit) {
  const std::string whole = frame(FrameKind::element, 1, "body");
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    std::string_view bytes = damaged;
    const auto taken = take_frame(bytes, 1000);
    EXPECT_FALSE(taken.ok() && *taken) << "bit " << bit;
  }
}

TEST(Frame, RefusesWhatIsTooLargeBeforeItHasCome) {
  const std::string whole = frame(FrameKind::element, 1, std::string(101, 'x'));
  std::string_view head = std::string_view(whole).substr(0, kFrameHeader);
  const auto taken = take_frame(head, 100);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace weir::net
