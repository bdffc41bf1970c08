// JSON Pointer and JSON Patch: the cases that RFC 6901 and RFC 6902 (appendix A) tell of.
#include <gtest/gtest.h>

#include "weir/runtime/json_edit.h"

namespace weir {
namespace {

std::string text_of(const JsonValue& value) {
  std::string text;
  append_json(text, value);
  return text;
}

/// The document after the patch, or "!" and why it was refused.
std::string patched(const char* document, const char* patch) {
  JsonValue value = parse_json(document).value();
  const std::string before = text_of(value);
  const Status status = apply_json_patch(value, parse_json(patch).value());
  if (status.ok()) return text_of(value);
  EXPECT_EQ(text_of(value), before) << "a refused patch must change nothing";
  return "!" + status.error().message;
}

struct Case {
  const char *name, *document, *patch, *result;  // a result of "!" is any refusal
};

class JsonPatch : public testing::TestWithParam<Case> {};

TEST_P(JsonPatch, GivesWhatTheRfcSays) {
  const Case& c = GetParam();
  const std::string result = patched(c.document, c.patch);
  if (std::string(c.result) == "!") {
    EXPECT_TRUE(result.starts_with("!")) << c.name << ": " << result;
  } else {
    EXPECT_EQ(result, c.result) << c.name;
  }
}

const Case kCases[] = {
    {"add a member", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
     R"({"foo":"bar","baz":"qux"})"},
    {"add an element", R"({"foo":["bar","baz"]})",
     R"([{"op":"add","path":"/foo/1","value":"qux"}])", R"({"foo":["bar","qux","baz"]})"},
    {"remove a member", R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])",
     R"({"foo":"bar"})"},
    {"remove an element", R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])",
     R"({"foo":["bar","baz"]})"},
    {"replace", R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])",
     R"({"baz":"boo","foo":"bar"})"},
    {"move a member", R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
     R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
     R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
    {"move an element", R"({"foo":["all","grass","cows","eat"]})",
     R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
     R"({"foo":["all","cows","eat","grass"]})"},
    {"test holds", R"({"baz":"qux","foo":["a",2,"c"]})",
     R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}])",
     R"({"baz":"qux","foo":["a",2,"c"]})"},
    {"test fails", R"({"baz":"qux"})", R"([{"op":"test","path":"/baz","value":"bar"}])", "!"},
    {"add a nested object", R"({"foo":"bar"})",
     R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
     R"({"foo":"bar","child":{"grandchild":{}}})"},
    {"unknown members are ignored", R"({"foo":"bar"})",
     R"([{"op":"add","path":"/baz","value":"qux","xyz":123}])", R"({"foo":"bar","baz":"qux"})"},
    {"add below nothing", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz/bat","value":"qux"}])",
     "!"},
    {"escapes in order", R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])",
     R"({"/":9,"~1":10})"},
    {"text is no number", R"({"~1":10})", R"([{"op":"test","path":"/~01","value":"10"}])", "!"},
    {"add to the end", R"({"foo":["bar"]})",
     R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])", R"({"foo":["bar",["abc","def"]]})"},
    {"copy", R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"}])",
     R"({"a":{"b":1},"c":{"b":1}})"},
    {"add replaces a member", R"({"a":1})", R"([{"op":"add","path":"/a","value":null}])",
     R"({"a":null})"},
    {"the whole document", R"({"a":1})", R"([{"op":"replace","path":"","value":[1]}])", "[1]"},
    {"numbers by value", R"({"a":1.0})", R"([{"op":"test","path":"/a","value":1}])",
     R"({"a":1.0})"},
    {"objects in any order", R"({"a":{"x":1,"y":2}})",
     R"([{"op":"test","path":"/a","value":{"y":2,"x":1}}])", R"({"a":{"x":1,"y":2}})"},
    {"all or nothing", R"({"a":1})", R"([{"op":"remove","path":"/a"},{"op":"remove","path":"/a"}])",
     "!"},
    {"replace of nothing", R"({"a":1})", R"([{"op":"replace","path":"/b","value":1}])", "!"},
    {"remove of nothing", R"({"a":1})", R"([{"op":"remove","path":"/b"}])", "!"},
    {"move into itself", R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b"}])", "!"},
    {"index beyond the end", R"([1])", R"([{"op":"add","path":"/2","value":2}])", "!"},
    {"index with a zero before it", R"([1,2])", R"([{"op":"remove","path":"/01"}])", "!"},
    {"negative index", R"([1,2])", R"([{"op":"remove","path":"/-1"}])", "!"},
    {"no value", R"({})", R"([{"op":"add","path":"/a"}])", "!"},
    {"no path", R"({})", R"([{"op":"add","value":1}])", "!"},
    {"no such operation", R"({})", R"([{"op":"spam","path":"/a","value":1}])", "!"},
    {"pointer without slash", R"({"a":1})", R"([{"op":"remove","path":"a"}])", "!"},
    {"pointer with a bare tilde", R"({"a~":1})", R"([{"op":"remove","path":"/a~"}])", "!"},
    {"no array", R"({})", R"({"op":"add","path":"/a","value":1})", "!"},
};
INSTANTIATE_TEST_SUITE_P(Rfc6902, JsonPatch, testing::ValuesIn(kCases));

TEST(JsonPatchLimits, CopiesOfCopiesEnd) {
  std::string patch = "[";
  for (int i = 0; i < 40; ++i) {  // each doubles the document
    patch += R"({"op":"copy","from":"","path":"/a)" + std::to_string(i) + "\"},";
  }
  patch.back() = ']';
  EXPECT_NE(patched("{}", patch.c_str()).find("copies too many"), std::string::npos);
}

TEST(JsonPatchLimits, NothingBecomesDeeperThanWhatCanBeRead) {
  const std::string deep = std::string(60, '[') + std::string(60, ']');
  std::string path;
  for (int i = 0; i < 59; ++i) path += "/0";
  const std::string patch = R"([{"op":"add","path":")" + path + R"(/-","value":)" + deep + "}]";
  EXPECT_NE(patched(deep.c_str(), patch.c_str()).find("levels deep"), std::string::npos);
}

TEST(JsonPointer, ReadsTheExamplesOfItsRfc) {
  JsonValue root =
      parse_json(R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2," ":7,"m~n":8})").value();
  const auto at = [&](const char* pointer) {
    const JsonValue* value = find_json(root, parse_json_pointer(pointer).value());
    return value ? text_of(*value) : "nothing";
  };
  EXPECT_EQ(at("/foo/0"), "\"bar\"");
  EXPECT_EQ(at("/"), "0");
  EXPECT_EQ(at("/a~1b"), "1");
  EXPECT_EQ(at("/c%d"), "2");
  EXPECT_EQ(at("/ "), "7");
  EXPECT_EQ(at("/m~0n"), "8");
  EXPECT_EQ(at("/foo/2"), "nothing");
  EXPECT_EQ(at("/foo/x"), "nothing");
}

}  // namespace
}  // namespace weir
