// See records.h and lenient_json.h.
#include "weir/cluster/records.h"

#include "weir/base/json.h"
#include "weir/cluster/lenient_json.h"

namespace weir::cluster {
namespace lenient_detail {

std::string scalar_text(const JsonValue& json) {
  std::string text;
  switch (json.kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return json.boolean ? "true" : "false";
    case JsonValue::Kind::number:
      return json.text;
    case JsonValue::Kind::string:
      json_detail::append_string(text, json.text);
      return text;
    case JsonValue::Kind::array:
      return "[]";  // no scalar reads this
    case JsonValue::Kind::object:
      return "{}";
  }
  return text;
}

Error inside(const std::string& name, const Error& error) {
  return {error.code, name + ": " + error.message, error.retryable};
}

Error wrong_kind(const JsonValue& json, JsonValue::Kind needed) {
  return {ErrorCode::invalid_argument,
          std::string(to_string(json.kind)) + " where " + to_string(needed) + " is needed"};
}

Error unknown_enumerator(const JsonValue& json) {
  return {ErrorCode::invalid_argument, scalar_text(json) + " is no value that this version knows"};
}

}  // namespace lenient_detail

const char* to_string(JobState state) {
  const char* name = enumerator_name(state);
  return name == nullptr ? "unknown" : name;
}

Status check_size(const JobSpec& spec) {
  std::string text;
  to_json(text, spec);
  if (text.size() <= kMaxSpecBytes) return {};
  return Error{ErrorCode::invalid_argument,
               "The settings, options and paths of job '" + spec.name + "' are " +
                   std::to_string(text.size()) + " bytes as JSON; a job may have " +
                   std::to_string(kMaxSpecBytes) +
                   ". Put what is large into a file that all hosts share, and its path here."};
}

bool is_to_change(const JobRecord& record) {
  return record.state == JobState::stopping && record.then == JobState::waiting &&
         !record.next.empty();
}

std::string to_text(const JobRecord& record) {
  std::string text;
  to_json(text, record);
  return text;
}

namespace {

Error unfit_record(const std::string& key, const std::string& why) {
  return {ErrorCode::corrupt,
          "The record of a job under the key '" + key + "' of the registry cannot be read: " + why +
              " A newer version may have written it: let a coordinator of that one lead. Else put "
              "it right there, or remove it, for the leader that starts next."};
}

}  // namespace

Result<JobRecord> parse_record(const std::string& text, const std::string& key) {
  JobRecord record;
  const Status read = read_lenient(text, record);
  if (read.ok()) return record;
  return unfit_record(key, read.error().message);
}

namespace {

std::string id_of(const std::string& key) { return key.substr(key.rfind('/') + 1); }

/// What can still be told of a record that does not fit.
UnreadableRecord unreadable(const std::string& id, const std::string& text, const Error& error) {
  UnreadableRecord found{id, "", "", error.message};
  const auto json = parse_json(text);
  const JsonValue* spec =
      json.ok() && json->is(JsonValue::Kind::object) ? json->find("spec") : nullptr;
  if (spec == nullptr || !spec->is(JsonValue::Kind::object)) return found;
  const auto read = [spec](const char* name, std::string& out) {
    const JsonValue* value = spec->find(name);
    if (value != nullptr && value->is(JsonValue::Kind::string)) out = value->text;
  };
  read("name", found.name);
  read("state_dir", found.state_dir);
  return found;
}

}  // namespace

RecordSet parse_records(const std::map<std::string, std::string>& texts,
                        const std::map<std::string, Error>& unreadable_texts) {
  RecordSet set;
  for (const auto& [key, why] : unreadable_texts) {
    set.unreadable.push_back({id_of(key), "", "",
                              "The record of a job under the key '" + key +
                                  "' of the registry cannot be read: " + why.message +
                                  " Mend that, for the leader that starts next."});
  }
  for (const auto& [key, text] : texts) {
    const std::string id = id_of(key);
    auto record = parse_record(text, key);
    if (record.ok() && record->id != id) {
      record = unfit_record(key, "it says that it is of job '" + record->id + "'.");
    }
    if (record.ok()) {
      set.records.push_back(*std::move(record));
    } else {
      set.unreadable.push_back(unreadable(id, text, record.error()));
    }
  }
  return set;
}

}  // namespace weir::cluster
