// Counts the words of text files: the first job to read. See README.md beside this file.
#include <weir/weir.h>

#include <sstream>

struct WordCount {
  std::string word;
  std::int64_t count = 0;
};
WEIR_DESCRIBE(WordCount, word, count);

static void word_count(weir::Job& job) {
  auto lines = job.source("lines", weir::file::lines({.path = job.config("input")}));

  lines
      .flat_map<std::string>("words",
                             [](const std::string& line, auto& out) {
                               std::istringstream words(line);
                               for (std::string word; words >> word;) out.emit(word);
                             })
      .key_by([](const std::string& word) -> const std::string& { return word; })
      .aggregate<std::int64_t>(
          "count", [](std::int64_t& count, const std::string&) { ++count; },
          [](std::int64_t& count, std::int64_t more) { count += more; })
      .map("rows",
           [](const auto& c) {
             return WordCount{c.key, c.value};
           })
      .sink("counts", weir::file::json_sink<WordCount>({.path = job.config("output")}));
}
WEIR_JOB(word_count);
