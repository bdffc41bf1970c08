// Lines of a shape that is known are read as if each were the first.
#include "weir/connectors/file/json_shape.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>

#include "weir/base/json.h"
#include "weir/connectors/file/json_decoder.h"

namespace json_shape_test {

struct Row {
  std::string user;
  std::optional<std::string> name;
  std::optional<std::int64_t> count;
  std::optional<bool> gift;
  std::optional<std::vector<int>> sizes;
};
WEIR_DESCRIBE(Row, user, name, count, gift, sizes);

}  // namespace json_shape_test

namespace weir::file::detail {
namespace {

using json_shape_test::Row;

std::shared_ptr<const JsonPlan> plan() {
  const JsonOptions options{
      .keys = {{"user", "id.user"}}, .defaults = {{"name", "\"nobody\""}}, .not_empty = {"user"}};
  return JsonPlan::make(fields_of<Row>(), options).value();
}

/// The row as JSON, or why there is none.
std::string read(JsonDecoder& decoder, std::string_view line) {
  Row row;
  std::string error, json;
  if (!decoder.decode(line, &row, error)) return "refused: " + error;
  to_json(json, row);
  return json;
}
std::string read_alone(std::string_view line) {
  JsonDecoder decoder(plan());
  decoder.begin_block(line);
  return read(decoder, line);
}
/// Behind `model`, whose shape is known then.
std::string read_behind(std::string_view model, std::string_view line) {
  const std::string block = std::string(model) + "\n" + std::string(line) + "\n";
  JsonDecoder decoder(plan());
  decoder.begin_block(block);
  EXPECT_EQ(read(decoder, std::string_view(block).substr(0, model.size())), read_alone(model));
  return read(decoder, std::string_view(block).substr(model.size() + 1, line.size()));
}

const std::string kModels[] = {
    R"({"id":{"user":"u1","x":[1,-2.5e3,{}]},"name":"Ann","count":7,"gift":true,"sizes":[4,5],)"
    R"("z":""})",
    R"({"a":{"b":{"c":"d"}},"sizes":[],"id":{"user":"u"},"name":null,"gift":null, "more" : 1})"};

TEST(JsonShape, EveryChangeOfALineIsSeen) {
  for (const std::string& model : kModels) {
    for (std::size_t i = 0; i < model.size(); ++i) {
      std::string shorter = model;
      shorter.erase(i, 1);
      EXPECT_EQ(read_behind(model, shorter), read_alone(shorter)) << shorter;
      for (const char c : std::string_view("\"\\{}[]:, -1tnu\t\x01\xc3")) {
        std::string other = model, longer = model;
        other[i] = c;
        longer.insert(i, 1, c);
        EXPECT_EQ(read_behind(model, other), read_alone(other)) << other;
        EXPECT_EQ(read_behind(model, longer), read_alone(longer)) << longer;
      }
    }
  }
}

TEST(JsonShape, EveryCutOfALineIsSeen) {
  for (const std::string& model : kModels) {
    for (std::size_t size = 0; size < model.size(); ++size) {
      const std::string cut = model.substr(0, size);
      EXPECT_EQ(read_behind(model, cut), read_alone(cut)) << cut;
    }
  }
}

TEST(JsonShape, ValuesMayChangeTheirKind) {
  for (const char* value : {"\"text\"", "12", "-1", "1e2", "true", "null", "01", "tru", "{}", "[1]",
                            "\"\"", "\"a\\nb\"", "\"a\\qb\""}) {
    for (const char* before : {"\"u1\"", "\"Ann\"", "7", "true", "4", "\"\"", "-2.5e3"}) {
      std::string line = kModels[0];
      line.replace(line.find(before), std::string_view(before).size(), value);
      EXPECT_EQ(read_behind(kModels[0], line), read_alone(line)) << line;
    }
  }
}

TEST(JsonShape, ManyShapesInTurn) {
  std::vector<std::string> lines;
  for (int shape = 0; shape < 12; ++shape) {
    std::string line = R"({"id":{"user":"u"},"count":)" + std::to_string(shape);
    for (int i = 0; i < shape; ++i) line += ",\"k" + std::to_string(i) + "\":\"v\"";
    lines.push_back(line + "}");
  }
  std::string block;
  for (int i = 0; i < 500; ++i) block += lines[static_cast<std::size_t>(i * 7 % 12)] + "\n";
  JsonDecoder decoder(plan());
  decoder.begin_block(block);
  std::string_view left = block;
  for (int i = 0; i < 500; ++i) {
    const std::string_view line = left.substr(0, left.find('\n'));
    ASSERT_EQ(read(decoder, line), read_alone(line));
    left.remove_prefix(line.size() + 1);
  }
}

/// `{"a":N}` in a text that ends with it.
JsonLine small_line(const char* text, const std::uint32_t (&tokens)[6]) {
  return {text, 0, 7, tokens, tokens + 5};
}

TEST(JsonShape, IsFoundAgain) {
  constexpr std::uint32_t kTokens[] = {0, 1, 4, 5, 6, 7};
  JsonShapes shapes;
  const JsonLine first = small_line(R"({"a":1})", kTokens);
  EXPECT_EQ(shapes.find(first), nullptr);
  ASSERT_TRUE(shapes.wants_more());
  shapes.wanted.push_back({3, 3, 3});
  shapes.learn(first, 5);
  for (const char* text : {R"({"a":1})", R"({"a":9})"}) {
    const JsonShape* shape = shapes.find(small_line(text, kTokens));
    ASSERT_NE(shape, nullptr);
    EXPECT_EQ(shape->tokens(), 5u);
    ASSERT_EQ(shape->wanted().size(), 1u);
    EXPECT_EQ(shape->wanted()[0].field, 3);
  }
  EXPECT_EQ(shapes.find(small_line(R"({"b":1})", kTokens)), nullptr);
  EXPECT_EQ(shapes.find(small_line(R"({"a":x})", kTokens)), nullptr);
}

TEST(JsonShape, LearnsLittleWhereNothingRepeats) {
  JsonShapes shapes;
  int learned = 0;
  for (int i = 0; i < 10'000; ++i) learned += shapes.wants_more() ? 1 : 0;
  EXPECT_LT(learned, 1'000);
  EXPECT_GT(learned, 100);  // but goes on trying
}

}  // namespace
}  // namespace weir::file::detail
