// Repairs of dead letters: any edits of any letter give a letter that can be read and edited on, or
// an error; a JSON Patch is applied whole or not at all.
//
// Input := byte format, string schema, string csv header, string bytes, (byte kind, string text)*
#include "tests/fuzz/fuzz.h"
#include "weir/base/codec.h"
#include "weir/runtime/json_edit.h"
#include "weir/runtime/letter_edit.h"
#include "weir/runtime/letter_payload.h"

namespace weir::fuzz {
namespace {

using Kind = LetterEdit::Kind;

void check_patch(const DeadLetter& letter, const std::string& text) {
  auto root = payload_of(letter);
  const auto patch = parse_json(text);
  if (!root.ok() || !patch.ok()) return;
  std::string before, after;
  append_json(before, *root);
  const bool applied = apply_json_patch(*root, *patch).ok();
  append_json(after, *root);
  if (!applied) return check_same(before, after, "a refused patch changes nothing");
  if (after.size() > 1 << 20) return;  // parse_json has a limit of length
  WEIR_CHECK(parse_json(after).ok(), "a patched payload is JSON");
}

void check_edits(const DeadLetter& letter, const std::vector<LetterEdit>& edits) {
  const auto editor = LetterEditor::create(edits);
  if (!editor.ok()) return;
  const auto edited = editor->apply(letter);
  if (!edited.ok()) {
    WEIR_CHECK(edited.error().code == ErrorCode::invalid_argument, "an edit that does not fit");
    return;
  }
  DeadLetter same = letter;
  same.bytes = edited->bytes;
  check_same(encode_dead_letter(same), encode_dead_letter(*edited), "only bytes are edited");
  const bool anew = edits.empty() || edits.back().kind == Kind::bytes;
  if (!anew && edited->bytes.size() < 1 << 20) {
    WEIR_CHECK(payload_of(*edited).ok(), "an edited payload can be edited again");
  }
}

std::string seed(PayloadFormat format, const std::string& schema, const std::string& bytes,
                 const std::vector<LetterEdit>& edits) {
  std::string out;
  ByteWriter writer(out);
  writer.u8(static_cast<std::uint8_t>(format));
  for (const std::string& text : {schema, std::string("a,b"), bytes}) writer.string(text);
  for (const LetterEdit& edit : edits) {
    writer.u8(static_cast<std::uint8_t>(edit.kind));
    writer.string(edit.text);
  }
  return out;
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  DeadLetter letter;
  letter.format = static_cast<PayloadFormat>(in.u8() % 4);
  letter.schema = in.string();
  letter.headers["csv.header"] = in.string();
  letter.bytes = in.string();
  std::vector<LetterEdit> edits;
  while (!in.at_end() && edits.size() < 8) {
    const auto kind = static_cast<Kind>(in.u8() % 6);
    edits.push_back({kind, std::string(in.string())});
    if (kind == Kind::patch) check_patch(letter, edits.back().text);
  }
  check_edits(letter, edits);
}

std::vector<std::string> seeds() {
  const std::string json = R"({"a":{"b":[1,"2",{"c":"2020-01-01T00:00:00Z"}]},"d.e":"7","f":true})";
  const std::string schema =
      R"({"struct":"Row","fields":[["a","string"],["b",{"optional":"i64"}]]})";
  const char* patch =
      R"([{"op":"test","path":"/f","value":true},{"op":"copy","from":"/a","path":"/a/b/-"},
          {"op":"move","from":"/d.e","path":"/a/x~1y"},{"op":"remove","path":"/f"},
          {"op":"add","path":"/a/b/0","value":{"z":null}},
          {"op":"replace","path":"/a/b","value":0}])";
  return {
      seed(PayloadFormat::json, "", json,
           {{Kind::set, "a.b.1=3"}, {Kind::rename, "d.e=g"}, {Kind::cast, "g=int"}}),
      seed(PayloadFormat::json, "", json, {{Kind::patch, patch}}),
      seed(PayloadFormat::json, "", json,
           {{Kind::cast, "/a/b/2/c=time"},
            {Kind::remove, "/a/b/0"},
            {Kind::set, "n.m.o={}"},
            {Kind::cast, "f=string"},
            {Kind::cast, "d.e=double"},
            {Kind::cast, "d.e=bool"}}),
      seed(PayloadFormat::csv, "", "1,\"x,\"\"y\"", {{Kind::set, "b=z"}, {Kind::cast, "a=double"}}),
      seed(PayloadFormat::text, "", "x", {{Kind::set, "text=y"}, {Kind::bytes, "z"}}),
      seed(PayloadFormat::record, schema,
           std::string("\x03"
                       "ann\x01\x08",
                       6),
           {{Kind::set, "a=bob"}, {Kind::remove, "b"}})};
}

}  // namespace weir::fuzz
