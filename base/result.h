// What a failing environment returns: a value, or an error that says what happened, to which thing,
// what to do, and whether trying again can help. Bugs do not come this way: see base/check.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "weir/base/check.h"

namespace weir {

/// The kind of a failure, for code that must act on it. Texts for people are in `Error::message`.
enum class ErrorCode : std::uint8_t {
  invalid_argument,  ///< the caller or the user asked for something that cannot be
  not_found,         ///< a file, checkpoint, step or option does not exist
  already_exists,    ///< something is in the way
  corrupt,           ///< bytes that were written by us do not read back as written
  incompatible,      ///< a schema, version or ABI does not fit
  disk_full,         ///< no space left; may heal
  io,                ///< any other failure of disk or network
  fsync_failed,      ///< written data may be lost; the file must be thrown away, never retried
  cancelled,         ///< somebody asked us to stop
  user_code,         ///< a function of the job threw
  fenced,            ///< a newer attempt of the job has begun; this one must end and touch nothing
  peer_lost,         ///< the connection to another process is gone; why, the other end may know
  killed,            ///< a process was ended from outside: for want of memory, or by somebody
};

/// Returns the lower-case name of `code`, as JSON output and logs show it.
const char* to_string(ErrorCode code);
/// The code of that name; `io` for one that is not known here: a newer version may have said it.
ErrorCode parse_error_code(std::string_view name);

/// A failure: `message` is a full sentence for a person; `retryable` says that the same call may
/// succeed later without anybody changing anything.
struct Error {
  ErrorCode code = ErrorCode::io;
  std::string message;
  bool retryable = false;
};

/// A value of type T or an Error. Must be looked at.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; aborts when this holds an error.
  T& value() & {
    WEIR_CHECK(ok(), error_text());
    return std::get<0>(content_);
  }
  const T& value() const& {
    WEIR_CHECK(ok(), error_text());
    return std::get<0>(content_);
  }
  /// By value, so that `for (auto& x : list().value())` does not walk through a dead temporary.
  T value() && {
    WEIR_CHECK(ok(), error_text());
    return std::get<0>(std::move(content_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The error; aborts when this holds a value.
  const Error& error() const {
    WEIR_CHECK(!ok(), "error() of a Result that holds a value");
    return std::get<1>(content_);
  }

 private:
  const char* error_text() const { return ok() ? "" : std::get<1>(content_).message.c_str(); }
  std::variant<T, Error> content_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    WEIR_CHECK(!ok(), "error() of a Result that holds no error");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

/// Returns the error of `expression` (a Status or Result) from the enclosing function, if any.
#define WEIR_TRY(expression)                                               \
  do {                                                                     \
    if (auto weir_status_ = (expression); !weir_status_.ok()) [[unlikely]] \
      return weir_status_.error();                                         \
  } while (false)

/// Declares `variable` from the value of `expression` (a Result), or returns its error.
#define WEIR_ASSIGN(variable, expression) \
  WEIR_ASSIGN_INNER(WEIR_CONCAT(weir_result_, __LINE__), variable, expression)
#define WEIR_ASSIGN_INNER(result, variable, expression) \
  auto result = (expression);                           \
  if (!result.ok()) [[unlikely]]                        \
    return result.error();                              \
  variable = std::move(result).value()
