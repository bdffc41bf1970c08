// Writing and reading job.json; see job_file.h.
#include "cli/job_file.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <filesystem>

#include "weir/base/s3/s3.h"

namespace weir::cli {
namespace json = boost::json;

std::string job_file_text(const JobFile& job) {
  json::object settings;
  for (const auto& [key, value] : job.settings) settings[key] = value;
  const json::object object{
      {"library", job.library},    {"library_hash", job.library_hash}, {"job", job.job},
      {"set", settings},           {"parallelism", job.parallelism},   {"threads", job.threads},
      {"directory", job.directory}};
  return json::serialize(object) + "\n";
}

Result<JobFile> parse_job_file(std::string_view text, const std::string& path) {
  try {
    json::parse_options options;
    options.allow_invalid_utf8 = true;  // settings and paths are any bytes, and come back as such
    const json::value value = json::parse({text.data(), text.size()}, {}, options);
    JobFile job;
    job.library = json::value_to<std::string>(value.at("library"));
    job.library_hash = json::value_to<std::string>(value.at("library_hash"));
    job.job = json::value_to<std::string>(value.at("job"));
    job.settings = json::value_to<std::map<std::string, std::string>>(value.at("set"));
    job.parallelism = json::value_to<unsigned>(value.at("parallelism"));
    job.threads = json::value_to<unsigned>(value.at("threads"));
    job.directory = json::value_to<std::string>(value.at("directory"));
    return job;
  } catch (const std::exception& e) {
    return Error{ErrorCode::corrupt, path + " is not what 'weir run' writes: " + e.what() +
                                         ". Run the job again with --state, or name its library."};
  }
}

Status write_job_file(const std::string& state_dir, const JobFile& job) {
  std::error_code failed;
  const auto library = std::filesystem::absolute(job.library, failed);
  JobFile written = job;
  if (!failed) written.library = library.string();
  auto storage = make_storage();
  return write_file_atomically(*storage, state_dir + "/job.json", job_file_text(written));
}

Result<JobFile> read_job_file(const std::string& state_dir) {
  const std::string path = state_dir + "/job.json";
  auto storage = make_storage();
  WEIR_ASSIGN(const std::string text, read_file(*storage, path, 1 << 24));
  return parse_job_file(text, path);
}

}  // namespace weir::cli
