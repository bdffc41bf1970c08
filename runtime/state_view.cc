// State as JSON; see state_view.h. The format of rows: keyed_table.h, timers.h, state_parts.h.
#include "weir/runtime/state_view.h"

#include <algorithm>
#include <memory>

#include "weir/base/json.h"
#include "weir/runtime/splits.h"
#include "weir/runtime/timers.h"

namespace weir {
namespace {

/// As OrderedState stores it (state_parts.h).
constexpr const char* kUser = "state";
constexpr const char* kPending = "(waiting for event time)";

using Visit = std::function<bool(const std::string& json)>;

Error damaged(const std::string& step, const char* what) {
  return {ErrorCode::corrupt, "The state of step '" + step + "' does not read back: " + what};
}

void append_hex(std::string& out, std::string_view bytes) {
  const char* digits = "0123456789abcdef";
  out += '"';
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  out += '"';
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return ' ' <= c && c <= '~'; });
}

const Schema* field_of(const Schema& schema, std::string_view name) {
  if (schema.kind != SchemaKind::structure) return nullptr;
  const int field = schema.find_field(name);
  return field < 0 ? nullptr : &schema.fields[static_cast<std::size_t>(field)].schema;
}

void append_extras(std::string& out, const KeyExtras& extras) {
  if (!extras.timers.empty()) {
    out += ",\"timers\":[";
    for (const KeptTimer& kept : extras.timers) {
      const Timer timer = kept.timer();
      if (out.back() != '[') out += ',';
      out += "{\"at\":";
      json_detail::append_time(out, timer.time);
      out += ",\"name\":";
      json_detail::append_string(out, timer.name);
      out += timer.processing ? ",\"clock\":\"processing\"}" : ",\"clock\":\"event\"}";
    }
    out += ']';
  }
  if (extras.expires_ms != INT64_MAX) {
    out += ",\"expires\":";
    json_detail::append_time(out, from_millis(extras.expires_ms));
  }
  if (extras.parked > 0) out += ",\"parked\":" + std::to_string(extras.parked);
}

/// Shows the rows of keyed state of one step.
class KeyedStateView {
 public:
  explicit KeyedStateView(const StepManifest& step) : step_(step) {}

  Status open(const StateQuery& query) {
    WEIR_ASSIGN(key_, parse_schema(step_.key_schema));
    WEIR_ASSIGN(state_, parse_schema(step_.state_schema));
    const bool ordered =
        field_of(state_, kPending) != nullptr && field_of(state_, kUser) != nullptr;
    pending_ = ordered ? field_of(state_, kPending) : nullptr;
    main_ = ordered ? field_of(state_, kUser) : &state_;
    if (query.key) WEIR_TRY(take_key(*query.key));
    return {};
  }

  /// The row as JSON; empty when it is of another key than asked for.
  Result<std::string> show(std::string_view row_key, std::string_view value) const {
    ByteReader reader(row_key);
    reader.big_endian64();
    const std::string_view from_key = reader.rest();
    std::string out = "{\"key\":";
    row_to_json(out, reader, key_);
    if (reader.failed()) return damaged(step_.name, "a key is cut");
    if (wanted_ && from_key.substr(0, from_key.size() - reader.remaining()) != *wanted_) {
      return std::string();
    }
    const std::string collection(reader.string());
    if (reader.failed()) return damaged(step_.name, "a row's key is cut");
    if (collection.empty()) {
      WEIR_TRY(append_main(out, value));
    } else {
      WEIR_TRY(append_element(out, collection, reader.rest(), value));
    }
    return out + "}";
  }

 private:
  Status take_key(const std::string& text) {
    std::string bytes;
    ByteWriter writer(bytes);
    Status status = row_from_json(writer, text, key_);
    if (!status.ok() && key_.kind == SchemaKind::string) {
      writer.string(text);
      status = Status();
    }
    if (!status.ok()) {
      return Error{ErrorCode::invalid_argument, "'" + text + "' is no key of step '" + step_.name +
                                                    "', whose keys are " + describe(key_) + ": " +
                                                    status.error().message};
    }
    wanted_ = std::move(bytes);
    return {};
  }

  Status append_main(std::string& out, std::string_view value) const {
    ByteReader reader(value);
    KeyExtras extras;
    decode_extras(reader, extras);
    out += ",\"state\":";
    if (!reader.failed()) append_record(out, reader);
    if (reader.failed() || !reader.at_end()) return damaged(step_.name, "a state is cut");
    append_extras(out, extras);
    return {};
  }

  /// The main record; members whose entries are rows of their own are left out.
  void append_record(std::string& out, ByteReader& reader) const {
    if (main_->kind != SchemaKind::structure) {
      row_to_json(out, reader, *main_);
      return;
    }
    char separator = '{';
    for (const SchemaField& field : main_->fields) {
      if (field.schema.kind == SchemaKind::external) {
        skip_value(reader, field.schema);
        continue;
      }
      out += std::exchange(separator, ',');
      json_detail::append_string(out, field.name);
      out += ':';
      row_to_json(out, reader, field.schema);
    }
    out += separator == '{' ? "{}" : "}";
  }

  Status append_element(std::string& out, const std::string& name, std::string_view key,
                        std::string_view value) const {
    const Schema* schema = name == kPending ? pending_ : field_of(*main_, name);
    if (schema == nullptr || schema->elements.empty() || schema->elements.size() > 2) {
      return damaged(step_.name, "a row of a collection that its schema does not name");
    }
    out += ",\"collection\":";
    json_detail::append_string(out, name);
    ByteReader key_reader(key), value_reader(value);
    if (schema->elements.size() == 2) {
      out += ",\"entry\":";
      row_to_json(out, key_reader, schema->elements[0]);
    } else {
      out += ",\"index\":" + std::to_string(key_reader.big_endian64());
    }
    out += ",\"value\":";
    row_to_json(out, value_reader, schema->elements.back());
    if (key_reader.failed() || value_reader.failed()) {
      return damaged(step_.name, "an entry of a collection is cut");
    }
    return {};
  }

  const StepManifest& step_;
  Schema key_, state_;
  const Schema *main_ = nullptr, *pending_ = nullptr;
  std::optional<std::string> wanted_;  // encoded
};

Status view_keyed(Storage& storage, const std::string& runs_folder, const Manifest& manifest,
                  const StepManifest& step, const StateQuery& query, const Visit& visit) {
  KeyedStateView view(step);
  WEIR_TRY(view.open(query));
  for (const SubtaskManifest& subtask : step.subtasks) {
    std::vector<std::unique_ptr<RowCursor>> newest_first;
    for (auto run = subtask.state.rbegin(); run != subtask.state.rend(); ++run) {
      WEIR_ASSIGN(auto cursor, open_run(storage, runs_folder, *run));
      newest_first.push_back(std::move(cursor));
    }
    if (newest_first.empty()) continue;
    const auto rows = merge_cursors(std::move(newest_first), true);
    for (Status moved = rows->seek("");; moved = rows->next()) {
      WEIR_TRY(moved);
      if (!rows->valid()) break;
      const std::uint64_t hash = ByteReader(rows->key()).big_endian64();
      if (!subtask.groups.contains(key_group_of(hash, manifest.max_parallelism))) continue;
      WEIR_ASSIGN(const std::string json, view.show(rows->key(), rows->value()));
      if (!json.empty() && !visit(json)) return {};
    }
  }
  return {};
}

Result<std::string> show_item(const StepManifest& step, const RowCursor& row) {
  std::string out;
  if (step.kind != "source") {
    out += "{\"item\":";
    append_hex(out, row.key());
    out += ",\"value\":";
    append_hex(out, row.value());
    return out + "}";
  }
  WEIR_ASSIGN(const SplitState split, decode_split(std::string(row.key()), row.value()));
  out += "{\"split\":";
  json_detail::append_string(out, split.id);
  out += is_printable(split.position) ? ",\"position\":" : ",\"position_hex\":";
  if (is_printable(split.position)) {
    json_detail::append_string(out, split.position);
  } else {
    append_hex(out, split.position);
  }
  if (split.newest_ms != INT64_MIN) {
    out += ",\"newest\":";
    json_detail::append_time(out, from_millis(split.newest_ms));
  }
  return out + (split.ended ? ",\"ended\":true}" : ",\"ended\":false}");
}

Status view_items(Storage& storage, const std::string& runs_folder, const StepManifest& step,
                  const Visit& visit) {
  for (const SubtaskManifest& subtask : step.subtasks) {
    for (const RunInfo& run : subtask.items) {
      WEIR_ASSIGN(const auto rows, open_run(storage, runs_folder, run));
      for (Status moved = rows->seek("");; moved = rows->next()) {
        WEIR_TRY(moved);
        if (!rows->valid()) break;
        WEIR_ASSIGN(const std::string json, show_item(step, *rows));
        if (!visit(json)) return {};
      }
    }
  }
  return {};
}

}  // namespace

Status view_state(Storage& storage, const std::string& runs_folder, const Manifest& manifest,
                  const std::string& step, const StateQuery& query, const Visit& visit) {
  const StepManifest* found = manifest.find(step);
  if (found == nullptr) {
    std::string names;
    for (const StepManifest& s : manifest.steps) names += (names.empty() ? "" : ", ") + s.name;
    return Error{ErrorCode::not_found, "Checkpoint " + std::to_string(manifest.id) +
                                           " has no step '" + step + "'; its steps are " + names};
  }
  if (!found->state_schema.empty()) {
    return view_keyed(storage, runs_folder, manifest, *found, query, visit);
  }
  if (query.key) {
    return Error{ErrorCode::invalid_argument,
                 "Step '" + step + "' is a " + found->kind + " and has no state by key"};
  }
  return view_items(storage, runs_folder, *found, visit);
}

}  // namespace weir
