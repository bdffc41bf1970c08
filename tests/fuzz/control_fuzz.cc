// Requests on the control socket: any line is a request or refused with a reason, and a request
// that is sent arrives as it was.
#include <boost/json/serialize.hpp>

#include "cli/control_request.h"
#include "tests/fuzz/fuzz.h"

namespace weir::fuzz {
namespace {

using cli::ControlRequest;

Result<ControlRequest> parse(std::string_view line) {
  WEIR_ASSIGN(const boost::json::object object, cli::parse_control_line(line));
  return cli::parse_request(object);
}

std::string line_of(const ControlRequest& request) {
  return boost::json::serialize(cli::to_object(request));
}

}  // namespace

void run(std::string_view input) {
  const auto request = parse(input);
  if (!request.ok()) {
    WEIR_CHECK(
        request.error().code == ErrorCode::invalid_argument && !request.error().message.empty(),
        "who refuses says why");
    return;
  }
  const std::string line = line_of(*request);
  const auto again = parse(line);
  WEIR_CHECK(again.ok(), "a request that is sent arrives");
  check_same(line, line_of(*again), "a request arrives as it was");
}

std::vector<std::string> seeds() {
  using Kind = ControlRequest::Kind;
  const std::vector<LetterEdit> edits = {{LetterEdit::Kind::set, "a=\xff"},
                                         {LetterEdit::Kind::bytes, std::string("\0\xff", 2)},
                                         {LetterEdit::Kind::patch, "[]"}};
  std::vector<std::string> lines = {"[]", "{\"request\":\"drop\",\"ids\":[1]}",
                                    R"({"request":"replay","ids":[],"edits":[["bytes","0g"]]})"};
  for (const ControlRequest& request : std::initializer_list<ControlRequest>{
           {.kind = Kind::status},
           {.kind = Kind::savepoint, .to = "/save\xff", .stop = true},
           {.kind = Kind::stop},
           {.kind = Kind::replay, .ids = {"1.0.2", "1.0.3"}, .edits = edits},
           {.kind = Kind::drop, .ids = {"7.1.0"}}}) {
    lines.push_back(line_of(request));
    WEIR_CHECK(parse(lines.back()).ok(), "a seed is a request");
  }
  return lines;
}

}  // namespace weir::fuzz
