// Counts the words of text files: the first job to read. See README.md beside this file.
#include <weir/weir.h>

#include <sstream>

struct WordCount {
  std::string word;
  std::int64_t count = 0;
};
WEIR_DESCRIBE(WordCount, word, count);

static void split(const std::string& line, auto& out) {
  std::istringstream words(line);
  for (std::string word; words >> word;) out.emit(WordCount{word, 1});
}

static void add(WordCount& sum, const WordCount& more) {
  sum.word = more.word;
  sum.count += more.count;
}

static void word_count(weir::Job& job) {
  job.source("lines", weir::file::lines({.path = job.config("input")}))
      .flat_map<WordCount>("words", [](auto& line, auto& out) { split(line, out); })
      .key_by(&WordCount::word)
      .aggregate<WordCount>("count", add, add)
      .map("rows", [](const auto& counted) { return counted.value; })
      .sink("counts", weir::file::json_sink<WordCount>({.path = job.config("output")}));
}
WEIR_JOB(word_count);
