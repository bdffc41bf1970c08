// The decoders of Kafka records: JSON, raw bytes, whole records, and those of a job. A decoder
// belongs to one reader; a factory is shared.
#include <algorithm>
#include <cstring>

#include "weir/connectors/file/json_decoder.h"
#include "weir/connectors/kafka/untyped.h"
#include "weir/runtime/letters.h"

namespace weir::kafka::detail {
namespace {

using file::detail::Field;
using file::detail::FieldValue;
using file::detail::JsonDecoder;
using file::detail::JsonPlan;
using file::detail::ValueKind;

/// What a JSON source was told, checked once.
struct JsonSetup {
  std::shared_ptr<const JsonPlan> plan;
  std::optional<Field> key, timestamp;
  std::vector<std::pair<Field, std::string>> headers;
};

class JsonValues final : public Decoder {
 public:
  explicit JsonValues(const JsonSetup& setup) : setup_(setup), decoder_(setup.plan) {}

  bool decode(const Message& message, void* row, std::string& error) override {
    return value(*message.value(), row, error) && beside(message, row, error);
  }

 private:
  bool value(std::string_view text, void* row, std::string& error) {
    if (std::memchr(text.data(), '\n', text.size()) != nullptr) {  // may be laid out freely
      one_line_.assign(text);
      std::replace(one_line_.begin(), one_line_.end(), '\n', ' ');
      text = one_line_;
    }
    decoder_.begin_block(text);
    if (decoder_.decode(text, row, error)) [[likely]]
      return true;
    if (error.starts_with("the line")) error.replace(4, 4, "value");
    return false;
  }

  bool beside(const Message& message, void* row, std::string& error) const {
    if (setup_.key && !set(*setup_.key, message.key(), "the record's key", row, error)) {
      return false;
    }
    for (const auto& [field, name] : setup_.headers) {
      if (!set(field, message.header(name), "header '" + name + "'", row, error)) return false;
    }
    if (!setup_.timestamp) return true;
    const std::string millis = std::to_string(to_millis(message.timestamp()));
    setup_.timestamp->set(row, {ValueKind::number, millis}, file::TimeFormat::millis);
    return true;
  }

  bool set(const Field& field, std::optional<std::string_view> text, const std::string& what,
           void* row, std::string& error) const {
    if (!text && field.optional) return true;
    if (text && field.set(row, {ValueKind::text, *text}, setup_.plan->times)) return true;
    error = "field '" + field.name + "': " + what +
            (text ? " is not " + field.expected : " is missing");
    return false;
  }

  const JsonSetup& setup_;
  JsonDecoder decoder_;
  std::string one_line_;
};

class JsonFactory final : public DecoderFactory {
 public:
  JsonFactory(std::vector<Field> fields, const SourceOptions& options)
      : setup_(make_setup(std::move(fields), options)) {}
  Result<std::unique_ptr<Decoder>> make() const override {
    if (!setup_.ok()) return setup_.error();
    return std::unique_ptr<Decoder>(std::make_unique<JsonValues>(*setup_));
  }
  PayloadFormat format() const override { return PayloadFormat::json; }

 private:
  static Result<JsonSetup> make_setup(std::vector<Field> fields, const SourceOptions& options) {
    JsonSetup setup;
    const auto take = [&](const char* option, const std::string& name) -> Result<Field> {
      const auto found = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& field) { return field.name == name; });
      if (found == fields.end()) {
        return Error{ErrorCode::invalid_argument,
                     std::string(".") + option + " names the field '" + name +
                         "', which the record does not have",
                     false};
      }
      Field field = std::move(*found);
      fields.erase(found);  // the JSON need not have it
      return field;
    };
    if (!options.key_field.empty()) {
      WEIR_ASSIGN(setup.key, take("key_field", options.key_field));
    }
    if (!options.timestamp_field.empty()) {
      WEIR_ASSIGN(setup.timestamp, take("timestamp_field", options.timestamp_field));
    }
    for (const auto& [name, header] : options.header_fields) {
      WEIR_ASSIGN(Field field, take("header_fields", name));
      setup.headers.emplace_back(std::move(field), header);
    }
    file::JsonOptions json;
    json.keys = options.keys;
    json.defaults = options.defaults;
    json.not_empty = options.not_empty;
    json.times = options.times;
    json.max_depth = options.max_depth;
    WEIR_ASSIGN(setup.plan, JsonPlan::make(std::move(fields), json));
    return setup;
  }

  Result<JsonSetup> setup_;
};

class Values final : public Decoder {
 public:
  bool decode(const Message& message, void* row, std::string&) override {
    static_cast<std::string*>(row)->assign(*message.value());
    return true;
  }
};

class WholeRecords final : public Decoder {
 public:
  bool decode(const Message& message, void* row, std::string&) override {
    *static_cast<RawRecord*>(row) = raw_record(message);
    return true;
  }
  bool needs_value() const override { return false; }
};

class Custom final : public Decoder {
 public:
  explicit Custom(const CustomDecode& decode) : decode_(decode) {}
  bool decode(const Message& message, void* row, std::string& error) override {
    try {
      return decode_(message, row, error);
    } catch (...) {
      error = current_exception_text();
      return false;
    }
  }
  bool needs_value() const override { return false; }

 private:
  const CustomDecode& decode_;
};

template <class D>
class PlainFactory final : public DecoderFactory {
 public:
  Result<std::unique_ptr<Decoder>> make() const override {
    return std::unique_ptr<Decoder>(std::make_unique<D>());
  }
};

class CustomFactory final : public DecoderFactory {
 public:
  explicit CustomFactory(CustomDecode decode) : decode_(std::move(decode)) {}
  Result<std::unique_ptr<Decoder>> make() const override {
    return std::unique_ptr<Decoder>(std::make_unique<Custom>(decode_));
  }

 private:
  CustomDecode decode_;
};

}  // namespace

std::unique_ptr<DecoderFactory> json_decoders(std::vector<Field> fields,
                                              const SourceOptions& options) {
  return std::make_unique<JsonFactory>(std::move(fields), options);
}
std::unique_ptr<DecoderFactory> value_decoders() {
  return std::make_unique<PlainFactory<Values>>();
}
std::unique_ptr<DecoderFactory> raw_decoders() {
  return std::make_unique<PlainFactory<WholeRecords>>();
}
std::unique_ptr<DecoderFactory> custom_decoders(CustomDecode decode) {
  return std::make_unique<CustomFactory>(std::move(decode));
}

}  // namespace weir::kafka::detail
