// What comes over a connection: frames, greetings, and elements with their batches. Any bytes are
// read or refused, none is read beyond their end, and what was read is written and read as the
// same.
//
// Input := a stream of frames; the hash of each is put right first.
#include <cstring>
#include <memory>
#include <optional>

#include "tests/fuzz/fuzz.h"
#include "weir/base/describe.h"
#include "weir/base/hash.h"
#include "weir/net/element.h"
#include "weir/net/frame.h"
#include "weir/net/hello.h"

namespace weir::fuzz {
namespace {

constexpr std::size_t kMaxBody = 1 << 16;

struct Text {
  std::string text;
  std::optional<std::int64_t> number;
  std::vector<std::string> more;
};
WEIR_DESCRIBE(Text, text, number, more);

struct Number {
  std::int64_t number = 0;
  double share = 0;
};
WEIR_DESCRIBE(Number, number, share);

/// The channel says which type its batches have.
std::unique_ptr<BatchBase> make_batch(std::uint32_t channel) {
  if (channel % 2 == 0) return std::make_unique<Batch<Text>>();
  return std::make_unique<Batch<Number>>();
}

std::string bytes_of(const ChannelElement& element) {
  std::string bytes;
  net::write_element(bytes, element);
  return bytes;
}

void check_element(const net::Frame& frame) {
  ChannelElement element;
  std::unique_ptr<BatchBase> batch = make_batch(frame.channel);
  const Status status = net::read_element(frame.body, element, batch);
  WEIR_CHECK(element.batch == nullptr || batch == nullptr, "a batch is in one place");
  if (!status.ok()) {
    WEIR_CHECK(status.error().code == ErrorCode::corrupt, "who refuses says why");
    return;
  }
  const std::string written = bytes_of(element);
  ChannelElement again;
  std::unique_ptr<BatchBase> other = make_batch(frame.channel);
  WEIR_CHECK(net::read_element(written, again, other).ok(), "what is written is read");
  check_same(written, bytes_of(again), "an element arrives as it was");
}

void check_hello(std::string_view body) {
  const auto hello = net::read_hello(body);
  if (!hello.ok()) return;
  std::string written;
  net::write_hello(written, *hello);
  const auto again = net::read_hello(written);
  WEIR_CHECK(again.ok() && net::check_hello(*hello, *again).ok(), "a greeting arrives as it was");
}

/// Makes the hash of the frame that begins at `begin` fit, if it is there as a whole.
void put_hash_right(std::string& stream, std::size_t begin) {
  const std::size_t size = net::frame_size(std::string_view(stream).substr(begin));
  if (size == 0 || size > stream.size() - begin) return;
  const std::uint32_t crc = crc32c(std::string_view(stream).substr(begin + 8, size - 8));
  std::memcpy(stream.data() + begin + 4, &crc, 4);
}

std::string seed(net::FrameKind kind, std::uint32_t channel, const std::string& body) {
  std::string bytes;
  net::append_frame(bytes, kind, channel, [&body](std::string& out) { out += body; });
  return bytes;
}

}  // namespace

void run(std::string_view input) {
  std::string stream(input);
  for (std::size_t begin = 0;;) {
    put_hash_right(stream, begin);
    std::string_view rest = std::string_view(stream).substr(begin);
    const auto frame = net::take_frame(rest, kMaxBody);
    if (!frame.ok() || !*frame) return;
    begin = stream.size() - rest.size();
    if ((*frame)->kind == net::FrameKind::element) check_element(**frame);
    if ((*frame)->kind == net::FrameKind::hello) check_hello((*frame)->body);
  }
}

std::vector<std::string> seeds() {
  std::string hello;
  net::write_hello(hello, {"build", "job", 3, 1, "token"});
  ChannelElement texts;
  auto lines = std::make_unique<Batch<Text>>();
  lines->push(Text{"one", 1, {"a", "b"}}, 5);
  lines->push(Text{"two", std::nullopt, {}}, 6, 4);
  texts.batch = std::move(lines);
  ChannelElement numbers;
  auto some = std::make_unique<Batch<Number>>();
  some->push(Number{7, 0.5}, 8);
  some->hashes()[0] = 9;
  some->set_has_hashes(true);
  numbers.batch = std::move(some);
  ChannelElement barrier;
  barrier.kind = ChannelElement::Kind::barrier;
  barrier.checkpoint = 300;
  barrier.last = true;
  return {seed(net::FrameKind::hello, 0, hello),
          seed(net::FrameKind::element, 0, bytes_of(texts)) +
              seed(net::FrameKind::element, 1, bytes_of(numbers)),
          seed(net::FrameKind::element, 0, bytes_of(barrier)),
          seed(net::FrameKind::credit, 2, "\x80\x01"), seed(net::FrameKind::refusal, 0, "no")};
}

}  // namespace weir::fuzz
