// Messages of a cluster: any bytes are read or refused, with an error that says why, and what was
// read is written and read as the same.
//
// Input := the bytes of one message.
#include "tests/fuzz/fuzz.h"
#include "weir/cluster/messages.h"

namespace weir::fuzz {

using namespace cluster;

void run(std::string_view input) {
  const auto message = decode(input);
  if (!message.ok()) {
    const ErrorCode code = message.error().code;
    WEIR_CHECK(code == ErrorCode::corrupt || code == ErrorCode::incompatible,
               "who refuses says why");
    return;
  }
  const std::string written = encode(*message);
  const auto again = decode(written);
  WEIR_CHECK(again.ok() && again->index() == message->index(), "what is written is read");
  check_same(written, encode(*again), "a message arrives as it was");
}

std::vector<std::string> seeds() {
  const ProcessId id{"j-0a1b2c3d", 300, 1};
  Start start;
  start.id = id;
  start.spec = {"orders", "orders.so", "0123abcd", {{"input", "/in"}}, {{"memory", "4GB"}},
                8,        "/state",    "latest"};
  start.processes = {{"host-1.5f3a", 4}, {"host-2.0001", 2}};
  start.library_path = "/shared/libraries/0123abcd.so";
  ProcessReport report;
  report.id = id;
  report.phase = ProcessPhase::ended;
  report.address = {"10.0.0.7", 7100};
  report.outcome = JobState::failed;
  report.checkpoint = 12;
  report.failure = Error{ErrorCode::user_code, "A step threw", true};
  std::vector<std::string> inputs;
  for (const Message& message : std::initializer_list<Message>{
           Register{"host-1.5f3a", "10.0.0.7", 16, "build", {report, {}}}, Heartbeat{}, report,
           Answer{3, R"({"ok":true})", Error{ErrorCode::not_found, "no", false}},
           Welcome{7, 200, 3000}, start, Peers{"j-1", 9, {{"a", 1}, {"b", 2}}}, Kill{"j-1", 9},
           Ask{5, id, R"({"request":"status"})"},
           Assignment{start, "/work/lib.so", "host", "secret"}}) {
    inputs.push_back(encode(message));
  }
  return inputs;
}

}  // namespace weir::fuzz
