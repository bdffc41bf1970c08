// The log: one line of text a message, to standard error; spdlog stays in log.cc. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace weir {

enum class LogLevel { debug, info, warn, error, off };

/// Writes one line: `component` names the part that speaks ("coordinator", "step events").
void log(LogLevel level, std::string_view component, std::string_view message);
inline void log_debug(std::string_view c, std::string_view m) { log(LogLevel::debug, c, m); }
inline void log_info(std::string_view c, std::string_view m) { log(LogLevel::info, c, m); }
inline void log_warn(std::string_view c, std::string_view m) { log(LogLevel::warn, c, m); }
inline void log_error(std::string_view c, std::string_view m) { log(LogLevel::error, c, m); }

/// Messages below `level` are dropped. Default: info, or the environment variable WEIR_LOG.
void set_log_level(LogLevel level);

}  // namespace weir
