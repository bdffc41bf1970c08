// Lines out of files: splits, resumption, compression, growing files and files that changed.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/connectors/support.h"

namespace weir::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using namespace testing_support;
using Strings = std::vector<std::string>;

constexpr auto kSame = [](const std::string& a, const std::string& b) { return a == b; };

class FileSource : public testing::Test {
 protected:
  Drained<std::string> read(LinesOptions options) {
    return read_all(*lines(std::move(options)), world_.source);
  }
  std::string error_of(LinesOptions options) {
    const Drained<std::string> out = read(std::move(options));
    return out.status.ok() ? "" : out.status.error().message;
  }
  World world_;
};

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "line " + std::to_string(i * 7919) + std::string(i % 50, '.') + "\n";
  }
  return text;
}

TEST_F(FileSource, ReadsLinesWithAnyEnd) {
  world_.put("/in/a.txt", "one\r\ntwo\n\nfour");
  EXPECT_THAT(read({.path = "/in/a.txt"}).rows, ElementsAre("one", "two", "", "four"));
}

TEST_F(FileSource, SkipsAByteOrderMark) {
  world_.put("/in/a.txt", "\xef\xbb\xbfone\ntwo\n");
  EXPECT_THAT(read({.path = "/in/a.txt"}).rows, ElementsAre("one", "two"));
  world_.put("/in/b.txt", "\xef\xbb");
  EXPECT_THAT(read({.path = "/in/b.txt"}).rows, ElementsAre("\xef\xbb"));
}

TEST_F(FileSource, AnEmptyFileHasNoLines) {
  world_.put("/in/a.txt", "");
  EXPECT_THAT(read({.path = "/in/a.txt"}).rows, SizeIs(0));
}

TEST_F(FileSource, FindsFoldersAndPatterns) {
  world_.put("/in/b.txt", "b\n");
  world_.put("/in/a.txt", "a\n");
  world_.put("/in/.hidden", "h\n");
  world_.put("/in/_SUCCESS", "s\n");
  world_.put("/in/sub/c.txt", "c\n");
  world_.put("/in/sub2/c.log", "l\n");
  EXPECT_THAT(read({.path = "/in"}).rows, ElementsAre("a", "b"));
  EXPECT_THAT(read({.path = "/in/"}).rows, ElementsAre("a", "b"));
  EXPECT_THAT(read({.path = "/in/*.txt"}).rows, ElementsAre("a", "b"));
  EXPECT_THAT(read({.path = "/in/sub*/c.*"}).rows, ElementsAre("c", "l"));
  EXPECT_THAT(read({.path = "/in/[ab].t?t"}).rows, ElementsAre("a", "b"));
}

TEST_F(FileSource, SaysWhatIsMissing) {
  world_.put("/in/a.txt", "a\n");
  EXPECT_THAT(error_of({.path = "/none.txt"}), HasSubstr("'/none.txt' does not exist (working"));
  EXPECT_THAT(error_of({.path = "/in/*.csv"}), HasSubstr("'/in/*.csv' matches no file"));
  EXPECT_THAT(error_of({.path = ""}), HasSubstr(".path"));
  ASSERT_TRUE(world_.storage.make_dirs("/empty").ok());
  EXPECT_THAT(error_of({.path = "/empty"}), HasSubstr("is a folder without files"));
}

TEST_F(FileSource, ResumesEverywhere) {
  const std::string text = numbered_lines(300) + "without end";
  world_.put("/plain", text);
  world_.put("/gzip", gzip(text));
  world_.put("/zstd", zstd(text));
  for (const std::string path : {"/plain", "/gzip", "/zstd"}) {
    SCOPED_TRACE(path);
    expect_resumes_everywhere(*lines({.path = path}), world_.source, path, kSame);
  }
}

TEST_F(FileSource, ReadsManyFrames) {
  const std::string half = numbered_lines(20'000);
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  world_.put("/gzip", gzip(half) + gzip("") + gzip(half));
  world_.put("/zstd", skippable + zstd(half) + zstd("") + zstd(half));
  world_.put("/plain", half + half);
  const Strings expected = read({.path = "/plain"}).rows;
  ASSERT_THAT(expected, SizeIs(40'000));
  EXPECT_EQ(read({.path = "/gzip"}).rows, expected);
  EXPECT_EQ(read({.path = "/zstd"}).rows, expected);
}

TEST_F(FileSource, ATruncatedCompressedFileIsAnError) {
  const std::string text = numbered_lines(2000);
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    for (std::size_t size = 4; size < whole.size(); size += 97) {
      world_.put("/cut", whole.substr(0, size));
      EXPECT_THAT(error_of({.path = "/cut"}), HasSubstr("'/cut' is truncated")) << size;
    }
  }
}

TEST_F(FileSource, DamagedCompressedFilesNeverCrash) {
  const std::string text = numbered_lines(2000);
  const Strings expected = [&] {
    world_.put("/plain", text);
    return read({.path = "/plain"}).rows;
  }();
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    for (std::size_t at = 0; at < whole.size(); at += 61) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      world_.put("/damaged", damaged);
      read({.path = "/damaged"});
    }
  }
}

TEST_F(FileSource, SplitsOwnEachLineOnce) {
  const std::string text = "\xef\xbb\xbf" + numbered_lines(60) + "\n\nlast";
  world_.put("/in", text);
  const Strings expected = read({.path = "/in"}).rows;
  for (std::uint64_t bytes = 1; bytes < text.size() + 2; bytes += bytes < 40 ? 1 : 37) {
    EXPECT_EQ(read({.path = "/in", .split_bytes = bytes}).rows, expected) << bytes;
  }
}

TEST_F(FileSource, SplitsKeepTheirNamesWhenAFileGrows) {
  world_.put("/in", "12345678\n");
  const auto source = lines({.path = "/in", .split_bytes = 6});
  EXPECT_THAT(source->discover(world_.source).value(), ElementsAre("/in#0-6", "/in#6-12"));
  world_.put("/in", "12345678\n12345678\n");
  EXPECT_THAT(source->discover(world_.source).value(),
              ElementsAre("/in#0-6", "/in#6-12", "/in#12-18"));
}

TEST_F(FileSource, SplitsResumeEverywhere) {
  world_.put("/in", numbered_lines(40));
  const auto source = lines({.path = "/in", .split_bytes = 100});
  for (const std::string& split : source->discover(world_.source).value()) {
    SCOPED_TRACE(split);
    expect_resumes_everywhere(*source, world_.source, split, kSame);
  }
}

TEST_F(FileSource, CompressedFilesAreNotCut) {
  world_.put("/in", gzip(numbered_lines(100)));
  const auto source = lines({.path = "/in", .split_bytes = 10});
  EXPECT_THAT(source->discover(world_.source).value(), ElementsAre("/in"));
}

TEST_F(FileSource, FollowAndSplitsExcludeEachOther) {
  world_.put("/in", "a\n");
  EXPECT_THAT(error_of({.path = "/in", .follow = true, .split_bytes = 10}), HasSubstr("follow"));
}

TEST_F(FileSource, LinesThatAreTooLongBecomeDeadLetters) {
  const std::string huge(900'000, 'x');
  world_.put("/in", "a\n" + std::string(101, 'y') + "\nb\n" + huge + "\nc\n" + huge);
  const Drained<std::string> out = read({.path = "/in", .max_record = 100});
  EXPECT_THAT(out.rows, ElementsAre("a", "b", "c"));
  ASSERT_THAT(out.dead.letters, SizeIs(3));
  EXPECT_EQ(out.dead.letters[0].reason, DeadLetterReason::too_large);
  EXPECT_EQ(out.dead.letters[0].bytes, std::string(100, 'y'));
  EXPECT_EQ(out.dead.letters[1].headers.at("size_bytes"), "900000");
  EXPECT_EQ(out.dead.letters[1].source, "/in@106 (line 4)");
  EXPECT_EQ(out.dead.letters[2].headers.at("size_bytes"), "900000");
  expect_resumes_everywhere(*lines({.path = "/in", .max_record = 100}), world_.source, "/in",
                            kSame);
}

TEST_F(FileSource, ACarriageReturnDoesNotCountWhereALineIsTooLong) {
  for (const std::size_t more : {0, 300'000}) {  // the end is at hand, or far away
    const std::string fits(100 + more, 'x');
    world_.put("/in", fits + "\r\n" + fits + "y\r\n" + fits + "y\r");
    const Drained<std::string> out = read({.path = "/in", .max_record = fits.size()});
    EXPECT_THAT(out.rows, ElementsAre(fits));
    ASSERT_THAT(out.dead.letters, SizeIs(2));
    for (const DeadLetter& letter : out.dead.letters) {
      EXPECT_EQ(letter.headers.at("size_bytes"), std::to_string(fits.size() + 1));
    }
  }
}

TEST_F(FileSource, FilesThatChangedUnderTheirPositionAreRefused) {
  const std::string text = numbered_lines(300);
  world_.put("/in", text);
  const auto source = lines({.path = "/in"});
  const std::string position = read_split(*source, world_.source, "/in", "", 50).positions[2];
  const auto error = [&] {
    const Drained<std::string> out = read_split(*source, world_.source, "/in", position);
    return out.status.ok() ? "" : out.status.error().message;
  };
  EXPECT_EQ(error(), "");
  world_.put("/in", text + "more\n");
  EXPECT_EQ(error(), "");
  world_.put("/in", text.substr(0, text.size() - 9));
  EXPECT_THAT(error(), HasSubstr("'/in' has shrunk"));
  world_.put("/in", "X" + text.substr(1));
  EXPECT_THAT(error(), HasSubstr("'/in' was replaced"));
  ASSERT_TRUE(world_.storage.remove("/in").ok());
  EXPECT_THAT(error(), HasSubstr("'/in' has vanished"));
}

TEST_F(FileSource, DamagedPositionsAreRefused) {
  world_.put("/in", "a\n");
  const auto source = lines({.path = "/in"});
  const std::string good = read_split(*source, world_.source, "/in").positions.back();
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(read_split(*source, world_.source, "/in", good.substr(0, size)).status.ok());
  }
}

class Following : public FileSource {
 protected:
  void open(const std::string& position = "") {
    auto reader = source_->open(world_.source, "/in/log", position);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    reader_ = std::move(reader).value();
  }
  Strings more() {
    world_.clock.advance(std::chrono::seconds(1));
    Drained<std::string> out;
    drain(*reader_, out);
    if (!out.status.ok()) return {"error: " + out.status.error().message};
    EXPECT_EQ(out.last, ReadStatus::empty);
    return out.rows;
  }
  std::shared_ptr<Source<std::string>> source_ = lines({.path = "/in", .follow = true});
  std::unique_ptr<SplitReader<std::string>> reader_;
};

TEST_F(Following, ReadsWholeLinesAsTheFileGrows) {
  world_.put("/in/log", "");
  open();
  EXPECT_THAT(more(), SizeIs(0));
  std::string text;
  for (const std::string piece : {"o", "ne\ntw", "o", "\nthree\n"}) {
    text += piece;
    world_.put("/in/log", text);
    const Strings got = more();
    if (piece == "o" || piece == "tw") {
      EXPECT_THAT(got, SizeIs(0));
    }
    if (piece == "ne\ntw") {
      EXPECT_THAT(got, ElementsAre("one"));
    }
    if (piece == "\nthree\n") {
      EXPECT_THAT(got, ElementsAre("two", "three"));
    }
  }
  EXPECT_THAT(more(), SizeIs(0));
  EXPECT_TRUE(reader_->caught_up());
}

TEST_F(Following, ResumesWithinAGrowingFile) {
  world_.put("/in/log", "one\ntw");
  open();
  EXPECT_THAT(more(), ElementsAre("one"));
  const std::string position = reader_->position();
  world_.put("/in/log", "one\ntwo\n");
  open(position);
  EXPECT_THAT(more(), ElementsAre("two"));
}

TEST_F(Following, NoticesWhatHappensToTheFile) {
  world_.put("/in/log", "one\ntwo\n");
  open();
  EXPECT_THAT(more(), ElementsAre("one", "two"));
  world_.put("/in/log", "ONE\ntwo\nthree\n");
  EXPECT_THAT(more(), ElementsAre(HasSubstr("was replaced")));
  world_.put("/in/log", "one\n");
  open();
  EXPECT_THAT(more(), ElementsAre("one"));
  ASSERT_TRUE(world_.storage.remove("/in/log").ok());
  EXPECT_THAT(more(), ElementsAre(HasSubstr("has vanished")));
}

TEST_F(Following, WaitsForTheRestOfACompressedFile) {
  const std::string whole = zstd(numbered_lines(100));
  world_.put("/in/log", whole.substr(0, 3));
  open();
  EXPECT_THAT(more(), SizeIs(0));
  world_.put("/in/log", whole.substr(0, 100));
  const std::size_t early = more().size();
  world_.put("/in/log", whole);
  EXPECT_EQ(more().size() + early, 100u);
}

TEST_F(Following, FindsNewFiles) {
  ASSERT_TRUE(world_.storage.make_dirs("/in").ok());
  EXPECT_THAT(source_->discover(world_.source).value(), SizeIs(0));
  EXPECT_EQ(source_->discovery_interval(), Duration(1000));
  world_.put("/in/a", "1\n");
  EXPECT_THAT(source_->discover(world_.source).value(), ElementsAre("/in/a"));
  EXPECT_EQ(lines({.path = "/in"})->discovery_interval(), std::nullopt);
}

}  // namespace
}  // namespace weir::file
