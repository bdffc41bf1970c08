// The tree of wanted keys. Made once per source, on any thread.
#include "weir/connectors/file/json_decoder.h"

namespace weir::file::detail {
namespace {

constexpr std::size_t kMostFields = 64;

Error wrong(std::string message) {
  return {ErrorCode::invalid_argument, "JSON source: " + std::move(message), false};
}

int find_field(const std::vector<Field>& fields, const std::string& name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

Error unknown_field(const std::vector<Field>& fields, const char* option, const std::string& name) {
  std::string known;
  for (const Field& field : fields) known += (known.empty() ? "" : ", ") + field.name;
  return wrong("." + std::string(option) + " names the field '" + name +
               "', but the described fields are " + known);
}

}  // namespace

Result<std::shared_ptr<const JsonPlan>> JsonPlan::make(std::vector<Field> fields,
                                                       const JsonOptions& options) {
  WEIR_CHECK(fields.size() <= kMostFields, "a described struct has at most 52 fields");
  auto plan = std::make_shared<JsonPlan>();
  plan->times = options.times;
  plan->max_depth = options.max_depth;
  plan->nodes.emplace_back();
  plan->defaults.resize(fields.size());
  for (const Field& field : fields) plan->paths.push_back(field.name);
  for (const auto& [name, path] : options.keys) {
    const int i = find_field(fields, name);
    if (i < 0) return unknown_field(fields, "keys", name);
    plan->paths[static_cast<std::size_t>(i)] = path;
  }
  for (const auto& [name, text] : options.defaults) {
    const int i = find_field(fields, name);
    if (i < 0) return unknown_field(fields, "defaults", name);
    plan->defaults[static_cast<std::size_t>(i)] = text;
    plan->defaulted |= std::uint64_t{1} << i;
  }
  for (const std::string& name : options.not_empty) {
    const int i = find_field(fields, name);
    if (i < 0) return unknown_field(fields, "not_empty", name);
    if (!fields[static_cast<std::size_t>(i)].textual) {
      return wrong(".not_empty names the field '" + name + "', which is not text");
    }
    plan->not_empty |= std::uint64_t{1} << i;
  }
  plan->fields = std::move(fields);
  for (std::size_t i = 0; i < plan->fields.size(); ++i) {
    if (!plan->fields[i].optional) plan->required |= std::uint64_t{1} << i;
    WEIR_TRY(plan->add_path(i));
  }
  plan->required &= ~plan->defaulted;
  return std::shared_ptr<const JsonPlan>(std::move(plan));
}

Status JsonPlan::add_path(std::size_t field) {
  std::string_view rest = paths[field];
  std::size_t node = 0;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    if (part.empty()) return wrong("the key '" + paths[field] + "' has an empty part");
    Key* key = nullptr;
    for (Key& candidate : nodes[node]) {
      if (candidate.name == part) key = &candidate;
    }
    const bool last = dot == std::string_view::npos;
    if (key != nullptr && (last || key->field >= 0)) {
      return wrong("the key '" + paths[field] + "' is wanted twice, whole or in part");
    }
    if (key == nullptr)
      key = &nodes[node].emplace_back(Key{std::string(part), -1, -1, head_of(part)});
    if (last) {
      key->field = static_cast<int>(field);
      return {};
    }
    if (key->node < 0) {
      const int below = static_cast<int>(nodes.size());
      key->node = below;
      nodes.emplace_back();  // `key` dangles from here on
      node = static_cast<std::size_t>(below);
    } else {
      node = static_cast<std::size_t>(key->node);
    }
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace weir::file::detail
