// Settings of a job; see job.h.
#include "weir/runtime/job.h"

#include <charconv>
#include <cmath>

namespace weir {
namespace {

[[noreturn]] void bad_setting(std::string_view key, const std::string& value, const char* wanted) {
  throw ConfigError("Setting '" + std::string(key) + "' is '" + value + "', which is not " +
                    wanted);
}

}  // namespace

namespace job_detail {

std::int64_t to_integer(std::string_view key, const std::string& value) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    bad_setting(key, value, "a whole number");
  }
  return number;
}

double to_real(std::string_view key, const std::string& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(number)) {
    bad_setting(key, value, "a number");
  }
  return number;
}

bool to_bool(std::string_view key, const std::string& value) {
  if (value == "true" || value == "yes" || value == "1") return true;
  if (value == "false" || value == "no" || value == "0") return false;
  bad_setting(key, value, "true or false");
}

Duration to_duration(std::string_view key, const std::string& value) {
  auto duration = parse_duration(value);
  if (!duration.ok()) bad_setting(key, value, "a duration such as 500ms, 10s or 2h");
  return *duration;
}

}  // namespace job_detail

const std::string* Job::find(std::string_view key) const {
  asked_.emplace(key);
  const auto found = config_.find(key);
  return found == config_.end() ? nullptr : &found->second;
}

const std::string& Job::config(std::string_view key) const {
  if (const std::string* value = find(key)) return *value;
  throw ConfigError("The job needs the setting '" + std::string(key) + "'; give it with --set " +
                    std::string(key) + "=VALUE");
}

std::string Job::config(std::string_view key, const char* otherwise) const {
  const std::string* value = find(key);
  return value ? *value : otherwise;
}

void Job::set_max_parallelism(std::uint32_t groups) {
  if (groups < 1 || groups > 32768) {
    throw ConfigError("max_parallelism is " + std::to_string(groups) + "; it goes from 1 to 32768");
  }
  max_parallelism_ = groups;
}

std::vector<std::string> Job::unused_config() const {
  std::vector<std::string> unused;
  for (const auto& [key, value] : config_) {
    if (!asked_.contains(key)) unused.push_back(key);
  }
  return unused;
}

void Job::check() const {
  graph_.check();
  for (const GraphStep& step : graph_.steps()) {
    if (step.parallelism <= max_parallelism_) continue;
    throw GraphError(step.name, step.place,
                     "its parallelism of " + std::to_string(step.parallelism) +
                         " is above the job's max_parallelism of " +
                         std::to_string(max_parallelism_) +
                         "; lower the one or raise the other with set_max_parallelism");
  }
}

}  // namespace weir
