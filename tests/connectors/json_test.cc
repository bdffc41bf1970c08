// JSON lines: conversion, what is refused and why, resumption, and bytes that try to break it.
#include <gmock/gmock.h>

#include <optional>

#include "tests/connectors/support.h"
#include "weir/connectors/file/json_tokens.h"

namespace json_test {

enum class Kind : std::uint8_t { view, cart };
WEIR_DESCRIBE_ENUM(Kind, view, cart);

struct Event {
  std::string id;
  std::string user;
  weir::EventTime at{};
  std::optional<double> price;
  std::optional<int> quantity;
  std::optional<bool> gift;
  std::optional<Kind> kind;
  std::optional<std::vector<int>> sizes;
  std::string currency;
  friend bool operator==(const Event&, const Event&) = default;
};
WEIR_DESCRIBE(Event, id, user, at, price, quantity, gift, kind, sizes, currency);

}  // namespace json_test

namespace weir::file {
namespace {

using json_test::Event;
using json_test::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using namespace testing_support;

JsonOptions options_for_events() {
  return {.path = "/in.jsonl",
          .keys = {{"id", "messageId"},
                   {"user", "userId"},
                   {"at", "timestamp"},
                   {"price", "properties.price"},
                   {"quantity", "properties.quantity"},
                   {"currency", "properties.currency"}},
          .defaults = {{"currency", "\"EUR\""}},
          .not_empty = {"id"}};
}

const std::string kGood =
    R"({"messageId":"m1","userId":"u1","timestamp":"2026-01-15T00:00:00.250Z"})";

class Json : public testing::Test {
 protected:
  Drained<Event> read(std::string_view text) {
    world_.put("/in.jsonl", text);
    return read_all(*json<Event>(options_for_events()), world_.source);
  }
  /// The one row or dead letter of a line, which is also read between two good lines.
  std::string error_of(const std::string& line) {
    const Drained<Event> alone = read(line);
    const Drained<Event> between = read(kGood + "\n" + line + "\r\n" + kGood + "\n");
    EXPECT_EQ(between.dead.letters.size(), alone.dead.letters.size()) << line;
    EXPECT_EQ(between.rows.size(), alone.rows.size() + 2) << line;
    if (alone.dead.letters.empty()) return "";
    EXPECT_EQ(alone.dead.letters[0].bytes, line);
    EXPECT_EQ(between.dead.letters[0].bytes, line);
    EXPECT_EQ(between.dead.letters[0].message, alone.dead.letters[0].message);
    EXPECT_EQ(alone.dead.letters[0].format, PayloadFormat::json);
    EXPECT_THAT(between.dead.letters[0].source, HasSubstr("(line 2)"));
    return alone.dead.letters[0].message;
  }
  std::string with(const std::string& more) {
    return kGood.substr(0, kGood.size() - 1) + "," + more + "}";
  }
  World world_;
};

TEST_F(Json, ConvertsEveryType) {
  const Drained<Event> out = read(
      R"( { "userId" : "u\u00e9\ud83d\ude00\n" , "type":"track","messageId":"m", "timestamp":17,)"
      R"("context":{"a":[1,{"b":null},[]],"properties":{"price":9}},"kind":"cart","gift":true,)"
      R"("properties":{"price":1.25e1,"quantity":-3,"currency":"USD","x":"y"},"sizes":[1,2]} )");
  ASSERT_THAT(out.dead.letters, SizeIs(0)) << out.dead.letters[0].message;
  ASSERT_THAT(out.rows, SizeIs(1));
  EXPECT_EQ(out.rows[0], (Event{"m", "u\xc3\xa9\xf0\x9f\x98\x80\n", from_millis(17), 12.5, -3, true,
                                Kind::cart, std::vector<int>{1, 2}, "USD"}));
}

TEST_F(Json, AbsentAndNullAreNoneOrTheDefault) {
  const Drained<Event> out =
      read(kGood + "\n" + with(R"("gift":null,"properties":{"currency":null,"price":null})"));
  ASSERT_THAT(out.rows, SizeIs(2));
  EXPECT_EQ(out.rows[0], out.rows[1]);
  EXPECT_EQ(out.rows[0].currency, "EUR");
  EXPECT_EQ(out.rows[0].price, std::nullopt);
  EXPECT_EQ(to_millis(out.rows[0].at), 1768435200250);
}

TEST_F(Json, EmptyLinesAreNoLines) {
  EXPECT_THAT(read("\n\r\n" + kGood + "\n\n").rows, SizeIs(1));
  EXPECT_EQ(error_of("  "), "the line is empty");
}

TEST_F(Json, SaysWhatIsWrongWithAField) {
  EXPECT_EQ(error_of(R"({"userId":"u","timestamp":1})"), "field 'messageId' is missing");
  EXPECT_EQ(error_of(R"({"messageId":"m","timestamp":1})"), "field 'userId' is missing");
  EXPECT_EQ(error_of(R"({"messageId":"","userId":"u","timestamp":1})"),
            "field 'messageId' is empty");
  EXPECT_EQ(error_of(R"({"messageId":7,"userId":"u","timestamp":1})"),
            "field 'messageId' is a number '7', not text");
  EXPECT_EQ(error_of(R"({"messageId":null,"userId":"u","timestamp":1})"),
            "field 'messageId' is null, not text");
  EXPECT_EQ(error_of(R"({"messageId":"m","userId":["u"],"timestamp":1})"),
            "field 'userId' is an array '[\"u\"]', not text");
  EXPECT_EQ(error_of(R"({"messageId":"m","userId":"u","timestamp":"yesterday"})"),
            "field 'timestamp' is a string 'yesterday', not a time");
  EXPECT_THAT(error_of(with(R"("properties":{"quantity":1.5})")),
              HasSubstr("'properties.quantity' is a number '1.5', not a whole number"));
  EXPECT_THAT(error_of(with(R"("properties":{"quantity":"1"})")), HasSubstr("is a string '1'"));
  EXPECT_THAT(error_of(with(R"("properties":{"quantity":3000000000})")), HasSubstr("from -2147"));
  EXPECT_THAT(error_of(with(R"("kind":"buy")")), HasSubstr("not one of view, cart"));
  EXPECT_THAT(error_of(with(R"("sizes":["x"])")), HasSubstr("'sizes' is an array"));
  EXPECT_EQ(error_of(with(R"("userId":"again")")), "field 'userId' is given twice");
  EXPECT_EQ(error_of(with(R"("user\u0049d":"again")")), "field 'userId' is given twice");
  EXPECT_EQ(error_of(with(R"("properties":7,"other":1,"other":2)")), "");
}

TEST_F(Json, ChecksAlsoWhatItSkips) {
  for (const std::string more : {R"("x":tru)",
                                 R"("x":01)",
                                 R"("x":1.)",
                                 R"("x":+1)",
                                 R"("x":.5)",
                                 R"("x":1e)",
                                 R"("x":NaN)",
                                 R"("x":[1,])",
                                 R"("x":[1 2])",
                                 R"("x":{"a"})",
                                 R"("x":{"a":})",
                                 R"("x":{,})",
                                 R"("x":{1:2})",
                                 R"("x":"\q")",
                                 R"("x":"\u12g4")",
                                 R"("x":"\ud800")",
                                 R"("x":"\udc00\ud800")",
                                 R"("x":"a"b)",
                                 R"("x":"a""b")",
                                 R"("x":)",
                                 R"("x")",
                                 R"("x":1,)",
                                 R"("x":[})",
                                 R"("x":{]})",
                                 R"("x":'a')",
                                 "\"x\":\"a\tb\"",
                                 "\"x\":\"\xc3\x28\"",
                                 "\"x\":\"\xed\xa0\x80\"",
                                 "\"\xff\":1",
                                 R"(x:1)",
                                 R"("x":1 //)",
                                 R"("x":{"a":"b","c":"d",})",
                                 R"("x":{"a":"b","c":"d"e})",
                                 R"("x":{"a":"b""c":"d"})",
                                 R"("x":{"a":"b",,"c":"d"})",
                                 R"("x":{"a":"b",:"c","d":"e"})",
                                 R"("x":{"a":"b","c"d:"e","f":"g"})",
                                 R"("x":{"a":"b","c":"d":"e","f":"g"})",
                                 R"("x":{"a":"b","c":d"e","f":"g"})",
                                 R"("x":{"a":"b","c":{"d":"e",},"f":"g"})",
                                 R"("x":["a":"b","c":"d"])",
                                 R"("x":{"a":"b","c":"d","e"})",
                                 "\"x\":\x01"}) {
    EXPECT_NE(error_of(with(more)), "") << more;
  }
  for (const std::string more :
       {R"("x":true)", R"("x":0)", R"("x":-0.5E+10)", R"("x":[])", R"("x":{})",
        R"("x":"\"\\\/\b\f\n\r\t\u0000")", R"("x":"\ud83d\ude00")", "\"x\":\"\x7f\"",
        "\t\"x\" : [ { } ] ", R"("x":{"a":"b","c":"","":"d","e":1,"f":"g"})",
        R"("x":{"a":"b" ,"c" :"d", "e": "f","g":"h" })",
        R"("x":{"a":"b","c":{"d":"e","f":"g"},"h":["i","j"],"k":"l"})"}) {
    EXPECT_EQ(error_of(with(more)), "") << more;
  }
}

TEST_F(Json, NeedsOneObject) {
  EXPECT_EQ(error_of("[]"), "the line is not an object");
  EXPECT_EQ(error_of("\"text\""), "the line is not an object");
  EXPECT_EQ(error_of(kGood + " {}"), "the line goes on after its object");
  EXPECT_EQ(error_of(kGood + "}"), "the line goes on after its object");
  EXPECT_EQ(error_of("{"), "the line is cut off");
}

TEST_F(Json, EveryCutOfALineIsRefused) {
  const std::string line = with(R"("properties":{"price":1.5,"tags":["a","\u00e9"]},"n":[true])");
  ASSERT_EQ(error_of(line), "");
  for (std::size_t size = 1; size < line.size(); ++size) {
    EXPECT_NE(error_of(line.substr(0, size)), "") << line.substr(0, size);
  }
}

TEST_F(Json, DepthIsLimited) {
  const auto nested = [&](std::size_t depth) {
    return with("\"x\":" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_EQ(error_of(nested(63)), "");
  EXPECT_EQ(error_of(nested(64)), "the line is nested too deeply");
  EXPECT_EQ(error_of(nested(100'000)), "the line is nested too deeply");
}

TEST_F(Json, LongLinesBetweenShortOnes) {
  const std::string big = with("\"x\":\"" + std::string(300'000, 'y') + "\"");
  EXPECT_EQ(error_of(big), "");
  const Drained<Event> out =
      read(kGood + "\n" + with("\"x\":\"" + std::string(2 << 20, 'y')) + "\n" + kGood);
  EXPECT_THAT(out.rows, SizeIs(2));
  ASSERT_THAT(out.dead.letters, SizeIs(1));
  EXPECT_EQ(out.dead.letters[0].reason, DeadLetterReason::too_large);
}

std::string many_events(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += R"({"messageId":"m)" + std::to_string(i) + R"(","userId":"u","timestamp":)" +
            std::to_string(i) + R"(,"pad":")" + std::string(i % 97, '\\') +
            (i % 97 % 2 == 1 ? "\\" : "") + "\"}\n";
    if (i % 31 == 0) text += "{\"messageId\":\"\n";
    if (i % 37 == 0) text += "\n";
  }
  return text;
}

TEST_F(Json, ResumesEverywhere) {
  const std::string text = many_events(400);
  for (const std::string& bytes : {text, gzip(text), zstd(text)}) {
    world_.put("/in.jsonl", bytes);
    expect_resumes_everywhere(*json<Event>(options_for_events()), world_.source, "/in.jsonl",
                              [](const Event& a, const Event& b) { return a == b; });
  }
}

TEST_F(Json, MemoryAndFilesGiveTheSame) {
  const std::string text = many_events(3000);
  const Drained<Event> file = read(text);
  ASSERT_THAT(file.rows, SizeIs(3000));
  for (const unsigned splits : {1u, 2u, 3u, 7u, 500u}) {
    const auto source = memory::json_lines<Event>(text, splits, options_for_events());
    const Drained<Event> out = read_all(*source, world_.source);
    ASSERT_TRUE(out.status.ok());
    EXPECT_EQ(out.rows, file.rows) << splits;
    EXPECT_EQ(out.dead.letters.size(), file.dead.letters.size());
  }
}

TEST_F(Json, WrongOptionsAreRefused) {
  const auto error = [&](JsonOptions options) {
    world_.put("/in.jsonl", "");
    options.path = "/in.jsonl";
    return read_all(*json<Event>(std::move(options)), world_.source).status.error().message;
  };
  EXPECT_THAT(error({.keys = {{"nope", "x"}}}), HasSubstr("'nope'"));
  EXPECT_THAT(error({.not_empty = {"at"}}), HasSubstr("not text"));
  EXPECT_THAT(error({.keys = {{"id", "user"}}}), HasSubstr("wanted twice"));
  EXPECT_THAT(error({.keys = {{"id", "user.id"}}}), HasSubstr("wanted twice"));
  EXPECT_THAT(error({.keys = {{"id", "a..b"}}}), HasSubstr("empty part"));
}

TEST_F(Json, ADeadLetterCanBeRepairedAndDecoded) {
  const auto source = json<Event>(options_for_events());
  DeadLetter letter;
  letter.bytes = "{\n \"messageId\": \"m\",\n \"userId\": \"u\", \"timestamp\": 5 }\n";
  ASSERT_TRUE(source->decode(letter).ok());
  EXPECT_EQ(source->decode(letter)->id, "m");
  letter.bytes = "";
  EXPECT_FALSE(source->decode(letter).ok());
  letter.bytes = "{}";
  EXPECT_THAT(source->decode(letter).error().message, HasSubstr("is missing"));
}

TEST_F(Json, NoBytesCrashIt) {
  Random random(463);
  const std::string base = many_events(3);
  const std::string alphabet = "{}[]:,\"\\ \n\t0-.eEu\x01\xc3\xa9\xff truefalsn";
  for (int round = 0; round < 4000; ++round) {
    std::string text = base;
    for (std::uint64_t n = random.below(6); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      switch (random.below(3)) {
        case 0:
          text[at] = alphabet[random.below(alphabet.size())];
          break;
        case 1:
          text.insert(at, 1, alphabet[random.below(alphabet.size())]);
          break;
        default:
          text.erase(at, random.below(20));
      }
      if (text.empty()) text = "x";
    }
    const Drained<Event> out = read(text);
    const auto again = memory::json_lines<Event>(text, 3, options_for_events());
    EXPECT_EQ(read_all(*again, world_.source).rows, out.rows) << text;
  }
}

TEST(JsonTokens, Numbers) {
  for (const char* good : {"0", "-0", "10", "1.5", "-1e5", "1E-05", "123456789012345678901234"}) {
    EXPECT_TRUE(detail::is_json_number(good)) << good;
  }
  for (const char* bad : {"", "-", "00", "01", "1.", ".1", "1e", "1e+", "+1", "1x", "0x1", "inf"}) {
    EXPECT_FALSE(detail::is_json_number(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::file
