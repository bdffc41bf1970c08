// Reads a manifest, strictly: the hash first, then JSON with limits, then the relations between its
// parts, and at last the result must encode to the very bytes that were read.
#include <boost/json.hpp>
#include <concepts>
#include <utility>

#include "weir/checkpoint/manifest.h"
#include "weir/checkpoint/manifest_check.h"

namespace weir {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 16;
constexpr std::string_view kTrailer = "\nweir-manifest-hash ";
constexpr std::size_t kHashDigits = 32;

/// Walks the JSON. The first mismatch makes `failed()` true for good and yields zeros and empties,
/// as ByteReader does, so that decoding needs no check a member.
class Decoder {
 public:
  bool failed() const { return failed_; }

  template <std::integral T>
  T number(const json::value& value) {
    if (value.is_int64() && std::in_range<T>(value.get_int64())) {
      return static_cast<T>(value.get_int64());
    }
    if (value.is_uint64() && std::in_range<T>(value.get_uint64())) {
      return static_cast<T>(value.get_uint64());
    }
    failed_ = true;
    return 0;
  }
  bool boolean(const json::value& value) {
    failed_ |= !value.is_bool();
    return value.is_bool() && value.get_bool();
  }
  std::string string(const json::value& value) {
    failed_ |= !value.is_string();
    return value.is_string() ? std::string(value.get_string()) : std::string();
  }
  const json::object& object(const json::value& value) {
    static const json::object empty;
    failed_ |= !value.is_object();
    return value.is_object() ? value.get_object() : empty;
  }
  const json::array& array(const json::value& value) {
    static const json::array empty;
    failed_ |= !value.is_array();
    return value.is_array() ? value.get_array() : empty;
  }
  const json::value& member(const json::object& object, std::string_view name) {
    static const json::value null;
    const json::value* found = object.if_contains(name);
    failed_ |= found == nullptr;
    return found != nullptr ? *found : null;
  }
  void fail() { failed_ = true; }

 private:
  bool failed_ = false;
};

std::uint64_t hex64(Decoder& in, std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
    if (!decimal && !letter) in.fail();
    value = value << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

Hash128 decode_hash(Decoder& in, const std::string& hex) {
  if (hex.size() != kHashDigits) {
    in.fail();
    return {};
  }
  const std::string_view digits = hex;
  return {hex64(in, digits.substr(0, 16)), hex64(in, digits.substr(16))};
}

std::vector<RunInfo> decode_runs(Decoder& in, const json::value& value) {
  std::vector<RunInfo> runs;
  for (const json::value& element : in.array(value)) {
    const json::object& run = in.object(element);
    runs.push_back({in.string(in.member(run, "file")),
                    in.number<std::uint64_t>(in.member(run, "size")),
                    in.number<std::uint64_t>(in.member(run, "rows")),
                    decode_hash(in, in.string(in.member(run, "hash")))});
  }
  return runs;
}

KeyGroupRange decode_groups(Decoder& in, const json::value& value) {
  const json::array& bounds = in.array(value);
  if (bounds.size() != 2) {
    in.fail();
    return {};
  }
  return {in.number<std::uint32_t>(bounds[0]), in.number<std::uint32_t>(bounds[1])};
}

SubtaskManifest decode_subtask(Decoder& in, const json::value& value) {
  const json::object& object = in.object(value);
  SubtaskManifest subtask;
  subtask.index = in.number<std::uint32_t>(in.member(object, "index"));
  subtask.groups = decode_groups(in, in.member(object, "groups"));
  subtask.state = decode_runs(in, in.member(object, "state"));
  subtask.items = decode_runs(in, in.member(object, "items"));
  subtask.watermark_ms = in.number<std::int64_t>(in.member(object, "watermark_ms"));
  return subtask;
}

StepManifest decode_step(Decoder& in, const json::value& value) {
  const json::object& object = in.object(value);
  StepManifest step;
  step.name = in.string(in.member(object, "name"));
  step.kind = in.string(in.member(object, "kind"));
  step.key_schema = in.string(in.member(object, "key_schema"));
  step.state_schema = in.string(in.member(object, "state_schema"));
  step.parallelism = in.number<std::uint32_t>(in.member(object, "parallelism"));
  for (const auto& counter : in.object(in.member(object, "counters"))) {
    step.counters.emplace(counter.key(), in.number<std::uint64_t>(counter.value()));
  }
  for (const json::value& subtask : in.array(in.member(object, "subtasks"))) {
    step.subtasks.push_back(decode_subtask(in, subtask));
  }
  return step;
}

Manifest decode_object(Decoder& in, const json::object& object) {
  Manifest manifest;
  manifest.format = in.number<std::uint32_t>(in.member(object, "format"));
  manifest.job = in.string(in.member(object, "job"));
  manifest.run_id = in.string(in.member(object, "run_id"));
  manifest.id = in.number<CheckpointId>(in.member(object, "id"));
  manifest.attempt = in.string(in.member(object, "attempt"));
  manifest.completed_at =
      from_millis(in.number<std::int64_t>(in.member(object, "completed_at_ms")));
  manifest.max_parallelism = in.number<std::uint32_t>(in.member(object, "max_parallelism"));
  manifest.finished = in.boolean(in.member(object, "finished"));
  manifest.savepoint = in.boolean(in.member(object, "savepoint"));
  for (const auto& setting : in.object(in.member(object, "config"))) {
    manifest.config.emplace(setting.key(), in.string(setting.value()));
  }
  for (const json::value& step : in.array(in.member(object, "steps"))) {
    manifest.steps.push_back(decode_step(in, step));
  }
  manifest.dead_letters = decode_runs(in, in.member(object, "dead_letters"));
  return manifest;
}

Error corrupt(const std::string& name, const std::string& what) {
  return {ErrorCode::corrupt,
          "The manifest " + name + " is damaged: " + what +
              ". Restore it from a copy, or start from another checkpoint with --from ID.",
          false};
}

/// The JSON of the file, once its hash is found right.
Result<std::string_view> checked_json(std::string_view bytes, const std::string& name) {
  const std::size_t tail = kTrailer.size() + kHashDigits + 1;
  if (bytes.size() <= tail) return corrupt(name, "it is cut short");
  const std::string_view text = bytes.substr(0, bytes.size() - tail);
  const std::string expected = std::string(kTrailer) + content_hash(text).hex() + "\n";
  if (bytes.substr(text.size()) != expected) return corrupt(name, "its content hash does not fit");
  return text;
}

}  // namespace

Result<Manifest> decode_manifest(std::string_view bytes, const std::string& name) {
  WEIR_ASSIGN(const std::string_view text, checked_json(bytes, name));
  json::parse_options options;
  options.max_depth = kMaxDepth;
  options.allow_invalid_utf8 = true;  // a --set value is any bytes, and comes back as it was
  json::error_code error;
  const json::value root = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return corrupt(name, "it is not JSON (" + error.message() + ")");

  Decoder in;
  const json::object& object = in.object(root);
  const auto format = in.number<std::uint64_t>(in.member(object, "format"));
  if (!in.failed() && format > kManifestFormat) {
    return Error{ErrorCode::incompatible,
                 "The manifest " + name + " has format " + std::to_string(format) +
                     "; this version of weir reads up to " + std::to_string(kManifestFormat) +
                     ". Use the version that wrote it, or a newer one.",
                 false};
  }
  Manifest manifest = decode_object(in, object);
  if (in.failed()) return corrupt(name, "a member is missing or of the wrong kind");
  if (auto problem = find_manifest_problem(manifest); !problem.empty())
    return corrupt(name, problem);
  if (encode_manifest(manifest) != bytes)
    return corrupt(name, "it is not as weir writes manifests");
  return manifest;
}

}  // namespace weir
