// A manifest reads back exactly, or is refused.
#include "weir/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/hash.h"

namespace weir {
namespace {

Manifest rich_manifest() {
  Manifest manifest = testing::make_manifest(
      UINT64_MAX - 1, {{"count-0-1-a1-state.run", 10, 2, {UINT64_MAX, 1}},
                       {"count-1-1-a1-state.run", UINT64_MAX, UINT64_MAX, {0, 0}}});
  manifest.finished = true;
  manifest.savepoint = true;
  manifest.job = "quotes \" and \\ and \n and \xc3\xa4";
  manifest.config = {{"empty", ""}, {"not utf-8", "\xff\xfe path"}, {"zero", std::string(1, '\0')}};
  StepManifest& step = manifest.steps[0];
  step.key_schema = R"({"type":"string"})";
  step.counters = {{"in", UINT64_MAX}, {"out", 0}};
  step.subtasks[0].watermark_ms = INT64_MAX;
  step.subtasks[1].items = {{"items.run", 0, 0, content_hash("")}};
  manifest.dead_letters = {{"d1.run", 1, 1, {3, 4}}, {"d2.run", 2, 2, {5, 6}}};
  StepManifest source;
  source.name = "events";
  source.kind = "source";
  source.parallelism = 1;
  source.subtasks.resize(1);
  manifest.steps.push_back(source);
  return manifest;
}

std::string with_hash(const std::string& json) {
  return json + "\nweir-manifest-hash " + content_hash(json).hex() + "\n";
}

/// The manifest with `from` replaced and the hash made right again.
std::string forge(const std::string& from, const std::string& to) {
  std::string json = encode_manifest(rich_manifest());
  json.resize(json.find('\n'));
  const std::size_t place = json.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return with_hash(json.replace(place, from.size(), to));
}

void expect_corrupt(const std::string& bytes) {
  const auto decoded = decode_manifest(bytes, "m.json");
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
  EXPECT_NE(decoded.error().message.find("m.json"), std::string::npos);
}

TEST(Manifest, ReadsBackAsWritten) {
  const Manifest manifest = rich_manifest();
  const std::string bytes = encode_manifest(manifest);
  const auto decoded = decode_manifest(bytes, "m.json");
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(encode_manifest(*decoded), bytes);
  EXPECT_EQ(decoded->id, manifest.id);
  EXPECT_EQ(decoded->job, manifest.job);
  EXPECT_EQ(decoded->config, manifest.config);
  EXPECT_EQ(decoded->completed_at, manifest.completed_at);
  EXPECT_EQ(decoded->dead_letters, manifest.dead_letters);
  ASSERT_EQ(decoded->steps.size(), 2u);
  EXPECT_EQ(decoded->steps[0].counters, manifest.steps[0].counters);
  for (int i = 0; i < 2; ++i) {
    const SubtaskManifest &a = decoded->steps[0].subtasks[i], &b = manifest.steps[0].subtasks[i];
    EXPECT_EQ(a.groups, b.groups);
    EXPECT_EQ(a.state, b.state);
    EXPECT_EQ(a.items, b.items);
    EXPECT_EQ(a.watermark_ms, b.watermark_ms);
  }
  EXPECT_EQ(decoded->steps[1].subtasks[0].watermark_ms, INT64_MIN);
}

TEST(Manifest, FindsStepsAndFiles) {
  const Manifest manifest = rich_manifest();
  ASSERT_NE(manifest.find("events"), nullptr);
  EXPECT_EQ(manifest.find("events")->kind, "source");
  EXPECT_EQ(manifest.find("event"), nullptr);
  EXPECT_EQ(manifest.files(),
            (std::vector<std::string>{"count-0-1-a1-state.run", "count-1-1-a1-state.run", "d1.run",
                                      "d2.run", "items.run"}));
}

TEST(Manifest, IsRefusedWhenCutAtAnyLength) {
  const std::string bytes = encode_manifest(rich_manifest());
  for (std::size_t size = 0; size < bytes.size(); ++size) expect_corrupt(bytes.substr(0, size));
  expect_corrupt(bytes + "\n");
}

TEST(Manifest, IsRefusedWhenAnyByteIsFlipped) {
  const std::string bytes = encode_manifest(rich_manifest());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0x01, 0x20, 0x80}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ bit);
      expect_corrupt(damaged);
    }
  }
}

TEST(Manifest, ANewerFormatSaysSo) {
  const auto decoded = decode_manifest(forge(R"("format":1)", R"("format":2)"), "m.json");
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::incompatible);
}

// Bytes whose hash is right but that this program would not write.
TEST(Manifest, ForgeriesAreRefused) {
  expect_corrupt(with_hash(""));
  expect_corrupt(with_hash("[]"));
  expect_corrupt(with_hash("{}"));
  expect_corrupt(with_hash(std::string(100'000, '[')));
  expect_corrupt(forge(R"("format":1)", R"("format":0)"));
  expect_corrupt(forge(R"("format":1)", R"("format":-1)"));
  expect_corrupt(forge(R"("format":1)", R"("format":1.0)"));
  expect_corrupt(forge(R"("format":1,)", R"("format":1, )"));
  expect_corrupt(forge(R"("format":1,)", R"("format":1,"new":2,)"));
  expect_corrupt(forge(R"("format":1,)", R"("format":1,"format":1,)"));
  expect_corrupt(forge(R"("finished":true)", R"("finished":1)"));
  expect_corrupt(forge(R"("max_parallelism":256)", R"("max_parallelism":0)"));
  expect_corrupt(forge(R"("max_parallelism":256)", R"("max_parallelism":4294967296)"));
  expect_corrupt(forge(R"([0,128])", R"([0,127])"));
  expect_corrupt(forge(R"([0,128])", R"([0,129])"));
  expect_corrupt(forge(R"([0,128])", R"([128])"));
  expect_corrupt(forge(R"([128,256])", R"([128,200])"));
  expect_corrupt(forge(R"("index":0)", R"("index":1)"));
  expect_corrupt(forge(R"("index":1)", R"("index":2)"));
  expect_corrupt(forge(R"("rows":2)", R"("rows":-2)"));
  expect_corrupt(forge(R"("rows":2)", R"("rows":"2")"));
  expect_corrupt(forge("ffffffffffffffff", "FFFFFFFFFFFFFFFF"));
  expect_corrupt(forge("ffffffffffffffff", "fffffffffffffff"));
  expect_corrupt(forge("ffffffffffffffff", "fffffffffffffffg"));
  expect_corrupt(forge("d1.run", "../d1.run"));
  expect_corrupt(forge("d1.run", ".."));
  expect_corrupt(forge("d1.run", ""));
  expect_corrupt(forge("d1.run", "d2.run"));
  expect_corrupt(forge("d1.run", std::string(256, 'd')));
  expect_corrupt(forge(R"("name":"events")", R"("name":"a")"));
  expect_corrupt(forge(R"("name":"events")", R"("name":"count")"));
}

}  // namespace
}  // namespace weir
