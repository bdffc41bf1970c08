// The log over spdlog. Any thread. Lines are UTC and carry no control characters, since messages
// may hold bytes of a user's data.
#include "weir/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>
#include <memory>

#include "weir/base/plain_text.h"

namespace weir {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

LogLevel level_from_environment() {
  const char* text = std::getenv("WEIR_LOG");
  const std::string_view name = text == nullptr ? "" : text;
  if (name == "debug") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  if (name == "error") return LogLevel::error;
  if (name == "off") return LogLevel::off;
  return LogLevel::info;
}

spdlog::logger* make_logger() {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto* logger = new spdlog::logger("weir", std::move(sink));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc));
  logger->set_level(to_spdlog(level_from_environment()));
  return logger;
}

/// Never destroyed: destructors of other static objects may still log.
spdlog::logger& logger() {
  static spdlog::logger* const instance = make_logger();
  return *instance;
}

}  // namespace

void log(LogLevel level, std::string_view component, std::string_view message) {
  const auto spdlog_level = to_spdlog(level);
  if (!logger().should_log(spdlog_level)) return;
  const std::string line = printable(component) + ": " + printable(message);
  logger().log(spdlog_level, spdlog::string_view_t(line));
}

void set_log_level(LogLevel level) { logger().set_level(to_spdlog(level)); }

}  // namespace weir
