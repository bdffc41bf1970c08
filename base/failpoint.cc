// The table of failpoints. Any thread. `any_armed` is true exactly while the table of armed entries
// is not empty, so that an unarmed process never takes the lock.
#include "weir/base/failpoint.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace weir {
namespace failpoint_detail {

constinit std::atomic<bool> any_armed{false};

namespace {

enum class Action { kill, error, sleep };

struct Armed {
  Action action = Action::kill;
  std::uint64_t at_pass = 0;  // 0: at every pass
  std::chrono::milliseconds sleep{0};
  std::uint64_t passes = 0;
};

using ArmedByName = std::map<std::string, Armed, std::less<>>;

struct Table {
  std::mutex mutex;
  std::set<std::string> names;
  ArmedByName armed;
};

/// A function's static, since failpoints register before this file's own statics may exist.
Table& table() {
  static Table* const instance = new Table;
  return *instance;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Error malformed(std::string_view entry) {
  return {ErrorCode::invalid_argument,
          "failpoint entry '" + std::string(entry) +
              "' is malformed; write name=kill, name=kill@3, name=error@2 or name=sleep:500"};
}

Result<Armed> parse_action(std::string_view entry, std::string_view text) {
  Armed armed;
  const std::size_t at = text.find('@');
  const bool has_pass = at != std::string_view::npos;
  if (has_pass && text.substr(at + 1) != "*" &&
      (!parse_number(text.substr(at + 1), armed.at_pass) || armed.at_pass == 0)) {
    return malformed(entry);
  }
  const std::string_view action = text.substr(0, at);
  constexpr std::string_view kSleep = "sleep:";
  std::uint64_t millis = 0;
  if (action.substr(0, kSleep.size()) == kSleep &&
      parse_number(action.substr(kSleep.size()), millis)) {
    armed.action = Action::sleep;
    armed.sleep = std::chrono::milliseconds(millis);
    return armed;
  }
  if (action != "kill" && action != "error") return malformed(entry);
  armed.action = action == "kill" ? Action::kill : Action::error;
  if (!has_pass) armed.at_pass = 1;
  return armed;
}

Result<ArmedByName> parse_spec(std::string_view spec) {
  ArmedByName armed;
  while (!spec.empty()) {
    const std::string_view entry = spec.substr(0, spec.find(';'));
    spec.remove_prefix(std::min(spec.size(), entry.size() + 1));
    if (entry.empty()) continue;
    const std::size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string_view::npos) return malformed(entry);
    WEIR_ASSIGN(Armed action, parse_action(entry, entry.substr(equals + 1)));
    armed[std::string(entry.substr(0, equals))] = action;
  }
  return armed;
}

/// A misspelt spec would make a crash test pass without a crash, so it ends the process.
bool arm_from_environment() {
  const char* spec = std::getenv("WEIR_FAILPOINTS");
  if (spec == nullptr) return false;
  if (const Status status = arm_failpoints(spec); !status.ok()) {
    std::fprintf(stderr, "weir: WEIR_FAILPOINTS: %s\n", status.error().message.c_str());
    std::_Exit(2);
  }
  return true;
}

[[maybe_unused]] const bool armed_at_start = arm_from_environment();

}  // namespace

Registrar::Registrar(const char* name) {
  const std::lock_guard lock(table().mutex);
  table().names.insert(name);
}

Status hit(const char* name) {
  Armed armed;
  {
    const std::lock_guard lock(table().mutex);
    const auto found = table().armed.find(std::string_view(name));
    if (found == table().armed.end()) return {};
    ++found->second.passes;
    armed = found->second;
  }
  if (armed.at_pass != 0 && armed.passes != armed.at_pass) return {};
  switch (armed.action) {
    case Action::kill:
      ::kill(::getpid(), SIGKILL);
      ::pause();  // the signal may be delivered to another thread first
      break;
    case Action::error:
      return Error{ErrorCode::io, "failpoint " + std::string(name) + " is armed to fail"};
    case Action::sleep:
      std::this_thread::sleep_for(armed.sleep);
      break;
  }
  return {};
}

}  // namespace failpoint_detail

Status arm_failpoints(std::string_view spec) {
  using namespace failpoint_detail;
  WEIR_ASSIGN(ArmedByName armed, parse_spec(spec));
  const std::lock_guard lock(table().mutex);
  table().armed = std::move(armed);
  any_armed.store(!table().armed.empty(), std::memory_order_relaxed);
  return {};
}

std::vector<std::string> failpoint_names() {
  auto& table = failpoint_detail::table();
  const std::lock_guard lock(table.mutex);
  return {table.names.begin(), table.names.end()};
}

}  // namespace weir
