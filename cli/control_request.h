// What one process asks of a running job, as a line of JSON; the grammar is in control_socket.h.
// Pure functions: any thread.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/runtime/letter_edit.h"

namespace weir::cli {

struct ControlRequest {
  enum class Kind : std::uint8_t {
    status,
    graph,
    subtasks,
    checkpoints,
    exceptions,
    dead_letters,
    savepoint,
    stop,
    replay,
    drop,
  };
  Kind kind = Kind::status;
  std::string step = {};               ///< of subtasks, dead_letters: only its; empty: all
  std::string reason = {};             ///< of dead_letters: only those; empty: all
  std::string after = {};              ///< likewise: only those that came later than this one
  std::uint64_t limit = 100;           ///< likewise: at most so many
  std::string to = {};                 ///< of a savepoint: its folder
  bool stop = false;                   ///< of a savepoint: the job stops with it
  std::vector<std::string> ids = {};   ///< of replay and drop: which dead letters
  std::vector<LetterEdit> edits = {};  ///< of replay
};

/// The request as an object. Bytes of edits travel as hexadecimal: they need not be UTF-8.
boost::json::object to_object(const ControlRequest& request);
/// Error: invalid_argument when there is no such request, or a part of it is missing or wrong.
Result<ControlRequest> parse_request(const boost::json::object& request);

/// A line of the socket as the object that it is. Error: invalid_argument when it is none.
Result<boost::json::object> parse_control_line(std::string_view line);

}  // namespace weir::cli
