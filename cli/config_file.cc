// Reading --config; see config_file.h.
#include "cli/config_file.h"

#include <yaml-cpp/yaml.h>

#include "weir/base/storage.h"

namespace weir::cli {
namespace {

class ConfigReader {
 public:
  ConfigReader(Args& args, std::string path) : args_(args), path_(std::move(path)) {}

  Status read(const YAML::Node& root) {
    if (root.IsNull()) return {};
    if (!root.IsMap()) return wrong(root, "it is not a map of options");
    for (const auto& entry : root) {
      WEIR_TRY(take(entry.first.as<std::string>(), entry.first, entry.second));
    }
    return {};
  }

 private:
  Error wrong(const YAML::Node& node, const std::string& what) const {
    return {ErrorCode::invalid_argument,
            path_ + ":" + std::to_string(node.Mark().line + 1) + ": " + what};
  }

  Status take(const std::string& name, const YAML::Node& key, const YAML::Node& value) {
    if (name == "set" && has_settings()) return take_settings(value);
    const Option* option = args_.command().find(name);
    if (option == nullptr || !option->in_config) return unknown(name, key);
    if (!value.IsScalar()) return wrong(value, "the value of '" + name + "' is not a single one");
    if (args_.has(name)) return {};  // the command line wins
    if (option->value == nullptr) return take_switch(name, value);
    if (Status fits = check_choice(*option, value.Scalar()); !fits.ok()) {
      return wrong(value, fits.error().message);
    }
    args_.add_before(name, value.Scalar());
    return {};
  }

  Status take_switch(const std::string& name, const YAML::Node& value) {
    bool on = false;
    if (!YAML::convert<bool>::decode(value, on)) {
      return wrong(value, "'" + name + "' is neither true nor false");
    }
    if (on) args_.add_before(name, "");
    return {};
  }

  Status take_settings(const YAML::Node& settings) {
    if (!settings.IsMap()) return wrong(settings, "'set' is not a map of the job's settings");
    for (const auto& entry : settings) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        return wrong(entry.first, "a setting has one name and one value");
      }
      args_.add_before("set", entry.first.Scalar() + "=" + entry.second.Scalar());
    }
    return {};
  }

  Error unknown(const std::string& name, const YAML::Node& key) const {
    std::vector<std::string> names;
    for (const Option& option : args_.command().options) {
      if (option.in_config) names.emplace_back(option.name);
    }
    if (has_settings()) names.emplace_back("set");
    const std::string near = suggestion(name, names);
    return wrong(key, "'weir " + std::string(args_.command().name) + "' has no option '" + name +
                          "'" + (near.empty() ? "." : near) +
                          (has_settings() ? " Settings of the job go under 'set'." : ""));
  }

  /// The command is about a job that has some.
  bool has_settings() const { return args_.command().find("set") != nullptr; }

  Args& args_;
  std::string path_;
};

}  // namespace

Status add_config_file(Args& args, const std::string& path) {
  auto storage = make_posix_storage();
  WEIR_ASSIGN(const std::string text, read_file(*storage, path, 1 << 24));
  return add_config_text(args, text, path);
}

Status add_config_text(Args& args, const std::string& text, const std::string& path) {
  try {
    return ConfigReader(args, path).read(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    return Error{ErrorCode::invalid_argument, path + " is not YAML that can be read: " + e.what()};
  }
}

}  // namespace weir::cli
