// job.json: what parses is written as text that parses to the same.
#include "cli/job_file.h"
#include "tests/fuzz/fuzz.h"

namespace weir::fuzz {

void run(std::string_view input) {
  const auto job = cli::parse_job_file(input, "job.json");
  if (!job.ok()) {
    WEIR_CHECK(job.error().code == ErrorCode::corrupt, "what does not parse is damaged");
    return;
  }
  const std::string text = cli::job_file_text(*job);
  const auto again = cli::parse_job_file(text, "job.json");
  WEIR_CHECK(again.ok(), "what is written parses");
  check_same(text, cli::job_file_text(*again), "what is written parses to the same");
}

std::vector<std::string> seeds() {
  cli::JobFile job;
  job.library = "/jobs/shop.so";
  job.library_hash = "0123abcd";
  job.job = "shop";
  job.settings = {{"input", "/data/*.csv"}, {"name", "\xff \"quoted\""}};
  job.parallelism = 4;
  job.directory = "/home/ann";
  const std::string text = cli::job_file_text(job);
  WEIR_CHECK(cli::parse_job_file(text, "job.json").ok(), "settings may be any bytes");
  return {text, cli::job_file_text({}), "{}"};
}

}  // namespace weir::fuzz
