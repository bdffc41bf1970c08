// JSON of the API; see http_json.h.
#include "weir/cluster/http_json.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <optional>

#include "weir/base/plain_text.h"
#include "weir/cluster/job_names.h"
#include "weir/cluster/job_options.h"
#include "weir/cluster/stored_view.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;

Error wrong(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

Status read_text(const json::value& value, const std::string& name, std::string& out) {
  if (!value.is_string()) return wrong("'" + name + "' must be text");
  out = std::string(value.get_string());
  return {};
}

Status read_map(const json::value& value, const std::string& name,
                std::map<std::string, std::string>& out) {
  if (!value.is_object()) return wrong("'" + name + "' must be an object of texts");
  std::map<std::string, std::string> map;
  for (const auto& [key, text] : value.get_object()) {
    if (!text.is_string()) return wrong("'" + name + "." + printable(key) + "' must be text");
    map[std::string(key)] = std::string(text.get_string());
  }
  out = std::move(map);
  return {};
}

Status read_field(const std::string& name, const json::value& value, JobSpec& spec) {
  if (name == "name") return read_text(value, name, spec.name);
  if (name == "library") return read_text(value, name, spec.library);
  if (name == "library_hash") return read_text(value, name, spec.library_hash);
  if (name == "state_dir") return read_text(value, name, spec.state_dir);
  if (name == "from") return read_text(value, name, spec.from);
  if (name == "settings") return read_map(value, name, spec.settings);
  if (name == "options") {
    WEIR_TRY(read_map(value, name, spec.options));
    for (const auto& [option, text] : spec.options) {
      if (std::find(std::begin(kJobOptions), std::end(kJobOptions), option) ==
          std::end(kJobOptions)) {
        return wrong("There is no option '" + printable(option) + "' for jobs of a cluster");
      }
    }
    return {};
  }
  if (name != "parallelism") return wrong("A job has no field '" + printable(name) + "'");
  json::error_code failed;
  const auto number = value.to_number<std::uint32_t>(failed);
  if (failed || number < 1 || number > 32768) {
    return wrong("'parallelism' must be a whole number from 1 to 32768");
  }
  spec.parallelism = number;
  return {};
}

}  // namespace

Result<json::object> body_object(const std::string& body) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return json::object();
  json::error_code failed;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse(body, failed, {}, options);
  if (failed) return wrong("The body is no JSON: " + failed.message());
  if (!value.is_object()) return wrong("The body must be a JSON object");
  return std::move(value.as_object());
}

Status read_spec(const json::object& object, JobSpec& spec) {
  for (const auto& [name, value] : object) WEIR_TRY(read_field(std::string(name), value, spec));
  return check_names(spec);
}

Result<json::object> answer_object(const Result<std::string>& answer) {
  if (!answer.ok()) return answer.error();
  json::error_code failed;
  json::value value = json::parse(*answer, failed, {}, deep_json());
  if (failed || !value.is_object()) {
    return Error{ErrorCode::corrupt, "The job answered what is no JSON object"};
  }
  json::object object = std::move(value.as_object());
  object.erase("ok");
  return object;
}

HttpReply answer_reply(const Result<std::string>& answer) {
  auto object = answer_object(answer);
  return object.ok() ? json_reply(200, *object) : http_error(object.error());
}

json::object record_json(const JobRecord& record, const std::string& waits_for) {
  json::error_code failed;
  json::value value = json::parse(to_text(record), failed);
  if (failed || !value.is_object()) return summary_json(record, waits_for);
  json::object object = summary_json(record, waits_for);
  for (auto& [name, field] : value.as_object()) object[name] = std::move(field);
  return object;
}

json::object summary_json(const JobRecord& record, const std::string& waits_for) {
  json::object object{{"id", record.id},
                      {"name", record.spec.name},
                      {"state", to_string(record.state)},
                      {"over", is_over(record.state)},
                      {"parallelism", record.spec.parallelism},
                      {"attempt", record.attempt},
                      {"failures", record.failures},
                      {"last_checkpoint", record.last_checkpoint},
                      {"state_dir", record.spec.state_dir},
                      {"library", record.spec.library},
                      {"submitted_at", to_iso8601(record.submitted_at)},
                      {"changed_at", to_iso8601(record.changed_at)}};
  if (!record.exceptions.empty() && !record.healed)
    object["problem"] = record.exceptions.front().message;
  if (!waits_for.empty()) object["waits_for"] = waits_for;
  if (!record.notice.empty()) object["notice"] = record.notice;
  return object;
}

json::object summary_json(const UnreadableRecord& record) {
  return {{"id", record.id}, {"name", record.name},           {"state", "unreadable"},
          {"over", false},   {"state_dir", record.state_dir}, {"problem", record.why}};
}

}  // namespace weir::cluster
