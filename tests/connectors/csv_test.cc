// CSV: the grammar of RFC 4180 as a table, columns to fields, and what becomes a dead letter.
#include <gmock/gmock.h>

#include <optional>

#include "tests/connectors/support.h"
#include "weir/connectors/file/csv_record.h"

namespace csv_test {

/// Exact money, as a job would bring it.
struct Cents {
  std::int64_t value = 0;
  friend bool operator==(const Cents&, const Cents&) = default;
};
WEIR_DESCRIBE(Cents, value);

enum class Kind : std::uint8_t { view, cart };
WEIR_DESCRIBE_ENUM(Kind, view, cart);

struct Row {
  std::string id;
  int quantity = 0;
  Cents price;
  weir::EventTime at{};
  std::optional<std::string> customer;
  bool gift = false;
  Kind kind = Kind::view;
  friend bool operator==(const Row&, const Row&) = default;
};
WEIR_DESCRIBE(Row, id, quantity, price, at, customer, gift, kind);

}  // namespace csv_test

template <>
struct weir::file::FieldParser<csv_test::Cents> {
  static constexpr const char* expected = "an amount such as 12.50";
  static bool parse(std::string_view text, csv_test::Cents& out) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos || dot + 3 != text.size()) return false;
    std::int64_t whole = 0, part = 0;
    if (!detail::parse_signed(text.substr(0, dot), 0, 1'000'000, whole)) return false;
    if (!detail::parse_signed(text.substr(dot + 1), 0, 99, part)) return false;
    out.value = whole * 100 + part;
    return true;
  }
};

namespace weir::file {
namespace {

using csv_test::Kind;
using csv_test::Row;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using namespace testing_support;

struct GrammarCase {
  std::string text;
  std::vector<std::string> fields;  ///< empty: malformed
  std::size_t size;
};

TEST(CsvGrammar, IsThatOfRfc4180) {
  const GrammarCase cases[] = {
      {"a,b,c\r\nx", {"a", "b", "c"}, 7},
      {"a,b,c\n", {"a", "b", "c"}, 6},
      {"a,b,c", {"a", "b", "c"}, 5},
      {",,\n", {"", "", ""}, 3},
      {"\n", {""}, 1},
      {" a , b \n", {" a ", " b "}, 8},
      {"\"a\",\"b\"\n", {"a", "b"}, 8},
      {"\"a,b\",c\n", {"a,b", "c"}, 8},
      {"\"a\r\nb\",c\n", {"a\r\nb", "c"}, 9},
      {"\"a\"\"b\",\"\"\"\"\n", {"a\"b", "\""}, 12},
      {"\"\",\"\"\r\n", {"", ""}, 7},
      {"\"\"", {""}, 2},
      {"a\"b\n", {}, 0},
      {"\"a\"b\n", {}, 0},
      {"\"a\" ,b\n", {}, 0},
      {"a\rb\n", {}, 0},
      {"a\r", {}, 0},
  };
  detail::CsvRecord record;
  for (const GrammarCase& c : cases) {
    const detail::CsvScan scanned = record.scan(c.text, true, ',');
    if (c.fields.empty()) {
      EXPECT_EQ(scanned, detail::CsvScan::malformed) << c.text;
      continue;
    }
    ASSERT_EQ(scanned, detail::CsvScan::record) << c.text;
    EXPECT_EQ(std::vector<std::string>(record.fields.begin(), record.fields.end()), c.fields)
        << c.text;
    EXPECT_EQ(record.size_bytes, c.size) << c.text;
  }
}

TEST(CsvGrammar, KnowsWhatIsIncomplete) {
  detail::CsvRecord record;
  for (const std::string text : {"a", "a,", "a\r", "\"a", "\"a\"", "\"a\"\"", "a,\"b\n"}) {
    EXPECT_EQ(record.scan(text, false, ','), detail::CsvScan::incomplete) << text;
  }
  EXPECT_EQ(record.scan("a,\"b\nc", true, ','), detail::CsvScan::incomplete);
  EXPECT_TRUE(record.open_quote);
}

constexpr const char* kHeader = "id,quantity,price,at,customer,gift,kind\n";

class Csv : public testing::Test {
 protected:
  Drained<Row> read(std::string_view text, CsvOptions options = {}) {
    world_.put("/in.csv", text);
    options.path = "/in.csv";
    return read_all(*csv<Row>(std::move(options)), world_.source);
  }
  Drained<Row> read_rows(std::string_view rows) { return read(kHeader + std::string(rows)); }
  World world_;
};

TEST_F(Csv, ConvertsEveryType) {
  const Drained<Row> out = read_rows(
      "A1,-3,12.50,2010-12-01 08:26:00,17850,true,cart\r\n\"B,\"\"2\",7,0.05,"
      "2019-10-01 00:00:00 UTC,,0,view");
  ASSERT_TRUE(out.status.ok());
  const Row first{"A1", -3, {1250}, from_millis(1291191960000), "17850", true, Kind::cart};
  const Row second{"B,\"2", 7, {5}, from_millis(1569888000000), std::nullopt, false, Kind::view};
  EXPECT_THAT(out.rows, ElementsAre(first, second));
  EXPECT_THAT(out.dead.letters, SizeIs(0));
}

TEST_F(Csv, FindsColumnsByName) {
  const Drained<Row> out =
      read("\xef\xbb\xbfkind;extra;id;n;price;at;gift\ncart;?;x;4;1.00;1291191960000;1\n",
           {.columns = {{"quantity", "n"}}, .delimiter = ';', .times = TimeFormat::millis});
  ASSERT_TRUE(out.status.ok()) << out.status.error().message;
  ASSERT_THAT(out.rows, SizeIs(1));
  EXPECT_EQ(out.rows[0],
            (Row{"x", 4, {100}, from_millis(1291191960000), std::nullopt, true, Kind::cart}));
}

TEST_F(Csv, DefaultsStandForWhatIsAbsentOrEmpty) {
  const Drained<Row> out =
      read("id,quantity,at\na,,0.25\nb,2,-1.5\n",
           {.defaults = {{"quantity", "1"}, {"price", "0.00"}, {"gift", "false"}, {"kind", "view"}},
            .times = TimeFormat::seconds});
  ASSERT_THAT(out.rows, SizeIs(2));
  EXPECT_EQ(out.rows[0].quantity, 1);
  EXPECT_EQ(to_millis(out.rows[0].at), 250);
  EXPECT_EQ(out.rows[1].quantity, 2);
  EXPECT_EQ(to_millis(out.rows[1].at), -1500);
}

TEST_F(Csv, WithoutAHeaderFieldsComeInOrder) {
  const Drained<Row> out = read("A,1,1.00,2010-12-01,,1,view\n", {.header = false});
  ASSERT_TRUE(out.status.ok());
  EXPECT_EQ(out.dead.letters.size(), 1u);  // a date alone is no time
  EXPECT_THAT(read("A,1,1.00,2010-12-01 00:00,,1,view\n", {.header = false}).rows, SizeIs(1));
}

TEST_F(Csv, AMissingColumnIsAnErrorOfTheFile) {
  const Drained<Row> out = read("id,qty\n1,2\n");
  ASSERT_FALSE(out.status.ok());
  EXPECT_THAT(out.status.error().message,
              HasSubstr("'/in.csv' has no column 'quantity' for field 'quantity'; its columns are "
                        "id, qty"));
}

TEST_F(Csv, WrongOptionsAreRefused) {
  EXPECT_THAT(read("", {.columns = {{"nope", "x"}}}).status.error().message, HasSubstr("'nope'"));
  EXPECT_THAT(read("", {.defaults = {{"nope", "x"}}}).status.error().message, HasSubstr("'nope'"));
  EXPECT_THAT(read("", {.split_bytes = 10}).status.error().message,
              HasSubstr("no_newlines_in_fields"));
}

TEST_F(Csv, SaysWhatIsWrongWithARow) {
  const std::string good = "a,1,1.00,2010-12-01 08:00:00,,1,view";
  const std::pair<std::string, std::string> cases[] = {
      {"a,1x,1.00,2010-12-01 08:00:00,,1,view",
       "column 'quantity': '1x' is not a whole number from -2147483648 to 2147483647"},
      {"a,99999999999,1.00,2010-12-01 08:00:00,,1,view", "column 'quantity': '99999999999' is not"},
      {"a,,1.00,2010-12-01 08:00:00,,1,view", "column 'quantity': '' is not a whole number"},
      {"a,1,1.0,2010-12-01 08:00:00,,1,view",
       "column 'price': '1.0' is not an amount such as 12.50"},
      {"a,1,1.00,2010-13-01 08:00:00,,1,view", "column 'at': '2010-13-01 08:00:00' is not a time"},
      {"a,1,1.00,2010-12-01 08:00:00,,yes,view", "column 'gift': 'yes' is not true or false"},
      {"a,1,1.00,2010-12-01 08:00:00,,1,buy", "column 'kind': 'buy' is not one of view, cart"},
      {"a,1", "the record has 2 fields, not 7"},
      {"a\"b,1,1.00,2010-12-01 08:00:00,,1,view", "a quote within an unquoted field"},
      {"\"a\"b,1,1.00,2010-12-01 08:00:00,,1,view", "something behind a closing quote"},
      {"\xff,1,1.00,2010-12-01 08:00:00,,1,view", "not valid UTF-8"},
  };
  for (const auto& [row, message] : cases) {
    const Drained<Row> out = read_rows(good + "\n" + row + "\r\n" + good + "\n");
    ASSERT_TRUE(out.status.ok());
    EXPECT_THAT(out.rows, SizeIs(2)) << row;
    ASSERT_THAT(out.dead.letters, SizeIs(1)) << row;
    const DeadLetter& letter = out.dead.letters[0];
    EXPECT_THAT(letter.message, HasSubstr(message));
    EXPECT_EQ(letter.bytes, row);
    EXPECT_EQ(letter.format, PayloadFormat::csv);
    EXPECT_EQ(letter.headers.at("csv.header") + "\n", kHeader);
    EXPECT_EQ(letter.source, "/in.csv@77 (line 3)");
  }
}

TEST_F(Csv, ADeadLetterCanBeRepairedAndDecoded) {
  const auto source = csv<Row>({.path = "/in.csv"});
  DeadLetter letter;
  letter.format = PayloadFormat::csv;
  letter.bytes = "a,1,1.00,2010-12-01 08:00:00,,1,view";
  EXPECT_FALSE(source->decode(letter).ok());
  letter.headers["csv.header"] = "id,quantity,price,at,customer,gift,kind";
  ASSERT_TRUE(source->decode(letter).ok());
  EXPECT_EQ(source->decode(letter)->price.value, 100);
  letter.bytes += "\nb,2";
  EXPECT_FALSE(source->decode(letter).ok());
}

TEST_F(Csv, AnOpenQuoteCostsOneLine) {
  const std::string good = "a,1,1.00,2010-12-01 08:00:00,,1,view\n";
  const Drained<Row> out = read_rows(good + "\"b,1,1.00\n" + good + good);
  EXPECT_THAT(out.rows, SizeIs(3));
  ASSERT_THAT(out.dead.letters, SizeIs(1));
  EXPECT_EQ(out.dead.letters[0].bytes, "\"b,1,1.00");
  EXPECT_THAT(out.dead.letters[0].message, HasSubstr("never closed"));
}

TEST_F(Csv, ResumesEverywhereAlsoWithinQuotedNewlines) {
  std::string text = kHeader;
  for (int i = 0; i < 200; ++i) {
    text += "\"line\n" + std::to_string(i) + "\r\n\"\"x\"\"\"," + std::to_string(i) +
            ",1.00,2010-12-01 08:00:00,\"\",1,view" + (i % 2 == 0 ? "\r\n" : "\n");
    if (i % 17 == 0) text += "broken\n\n";
  }
  for (const std::string& bytes : {text, gzip(text), zstd(text)}) {
    world_.put("/in.csv", bytes);
    expect_resumes_everywhere(*csv<Row>({.path = "/in.csv"}), world_.source, "/in.csv",
                              [](const Row& a, const Row& b) { return a == b; });
  }
}

TEST_F(Csv, SplitsOwnEachRowOnce) {
  std::string text = kHeader;
  for (int i = 0; i < 30; ++i) {
    text += std::to_string(i) + ",1,1.00,2010-12-01 08:00:00,,1,view\n";
  }
  const std::vector<Row> expected = read(text).rows;
  ASSERT_THAT(expected, SizeIs(30));
  for (std::uint64_t bytes = 1; bytes < text.size() + 2; bytes += 13) {
    const auto out = read(text, {.split_bytes = bytes, .no_newlines_in_fields = true});
    ASSERT_TRUE(out.status.ok());
    EXPECT_EQ(out.rows, expected) << bytes;
    EXPECT_THAT(out.dead.letters, SizeIs(0));
  }
}

TEST_F(Csv, FollowsAFileFromItsHeaderOn) {
  world_.put("/in.csv", "id,quant");
  const auto source = csv<Row>({.path = "/in.csv", .follow = true});
  auto reader = std::move(source->open(world_.source, "/in.csv", "")).value();
  Drained<Row> out;
  drain(*reader, out);
  EXPECT_EQ(out.last, ReadStatus::empty);
  world_.put("/in.csv", std::string(kHeader) + "a,1,1.00,2010-12-01 08:00:00,,1,view\nb,");
  world_.clock.advance(std::chrono::seconds(1));
  drain(*reader, out);
  EXPECT_THAT(out.rows, SizeIs(1));
}

TEST_F(Csv, AGiantLineThatCannotBeReadCostsOnlyItself) {
  const std::string good = "a,1,1.00,2010-12-01 08:00:00,,1,view\n", giant(200, 'x');
  const Drained<Row> out =
      read(kHeader + good + giant + "\"\r\n" + good + good, {.max_record = 100});
  EXPECT_THAT(out.rows, SizeIs(3));
  ASSERT_THAT(out.dead.letters, SizeIs(1));
  EXPECT_EQ(out.dead.letters[0].reason, DeadLetterReason::too_large);
  EXPECT_EQ(out.dead.letters[0].headers.at("size_bytes"), "201");
}

TEST_F(Csv, ARecordThatIsTooLongIsTheSameHoweverMuchOfItIsAtHand) {
  const std::string good = "a,1,1.00,2010-12-01 08:00:00,,1,view\n";
  const std::string tail = "\",1,1.00\n" + good,
                    text = kHeader + ("\"b\n" + std::string(90, 'x')) + tail;
  const Drained<Row> whole = read(text, {.max_record = 60});
  const auto source = csv<Row>({.path = "/in.csv", .follow = true, .max_record = 60});
  world_.put("/in.csv", text.substr(0, text.size() - tail.size()));
  auto reader = std::move(source->open(world_.source, "/in.csv", "")).value();
  Drained<Row> grown;
  drain(*reader, grown);
  world_.put("/in.csv", text);
  world_.clock.advance(std::chrono::seconds(1));
  drain(*reader, grown);
  EXPECT_EQ(whole.rows, grown.rows);
  ASSERT_EQ(whole.dead.letters.size(), grown.dead.letters.size());
  for (std::size_t i = 0; i < whole.dead.letters.size(); ++i) {
    EXPECT_EQ(whole.dead.letters[i].bytes, grown.dead.letters[i].bytes);
    EXPECT_EQ(whole.dead.letters[i].message, grown.dead.letters[i].message);
  }
}

TEST_F(Csv, ALineThatCannotBeReadIsAwaitedWhole) {
  const auto source = csv<Row>({.path = "/in.csv", .follow = true});
  world_.put("/in.csv", std::string(kHeader) + "a\"b");
  auto reader = std::move(source->open(world_.source, "/in.csv", "")).value();
  Drained<Row> out;
  drain(*reader, out);
  EXPECT_THAT(out.dead.letters, SizeIs(0));
  world_.put("/in.csv", std::string(kHeader) + "a\"b,c\n");
  world_.clock.advance(std::chrono::seconds(1));
  drain(*reader, out);
  ASSERT_THAT(out.dead.letters, SizeIs(1));
  EXPECT_EQ(out.dead.letters[0].bytes, "a\"b,c");
}

TEST_F(Csv, AHeaderThatCannotBeReadIsAnErrorOfTheFile) {
  EXPECT_THAT(read("id,\"quan\ntity\n").status.error().message, HasSubstr("the header record"));
  EXPECT_THAT(read(kHeader, {.max_record = 10}).status.error().message, HasSubstr("max_record"));
}

TEST_F(Csv, ResumesBetweenAByteOrderMarkAndTheHeader) {
  const auto source = csv<Row>({.path = "/in.csv", .follow = true});
  world_.put("/in.csv", "\xef\xbb\xbfid,");
  auto reader = std::move(source->open(world_.source, "/in.csv", "")).value();
  Drained<Row> before, after;
  drain(*reader, before);
  world_.put("/in.csv",
             "\xef\xbb\xbf" + std::string(kHeader) + "a,1,1.00,2010-12-01 08:00:00,,1,view\n");
  reader = std::move(source->open(world_.source, "/in.csv", reader->position())).value();
  drain(*reader, after);
  EXPECT_THAT(after.rows, SizeIs(1));
  EXPECT_THAT(after.dead.letters, SizeIs(0));
}

TEST_F(Csv, NoBytesCrashIt) {
  Random random(20260115);
  const std::string alphabet = "\"\",,\n\r\nab1.\xff\xef\xbb\xbf";
  for (int round = 0; round < 3000; ++round) {
    std::string text = round % 3 == 0 ? "" : kHeader;
    for (std::uint64_t n = random.below(80); n > 0; --n) {
      text += alphabet[random.below(alphabet.size())];
    }
    const Drained<Row> out = read(text, {.max_record = 30});
    for (const DeadLetter& letter : out.dead.letters) {
      EXPECT_NE(text.find(letter.bytes), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace weir::file
