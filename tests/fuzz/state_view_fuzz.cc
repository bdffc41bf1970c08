// State shown without the job's code: rows of any bytes, read by any schemas, give lines of JSON or
// an error.
//
// Input := byte flags, bytes schemas are made of, (string key, string value)*
//   flags: 1 a source, 2 the state is that of a step that waits for event time
#include <boost/json/parse.hpp>

#include <map>

#include "tests/fuzz/schema_values.h"
#include "tests/fuzz/world.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/splits.h"
#include "weir/runtime/state_view.h"
#include "weir/runtime/timers.h"

namespace weir::fuzz {
namespace {

constexpr const char* kUser = "state";  // as OrderedState stores it
constexpr const char* kPending = "(waiting for event time)";

Schema state_schema(ByteReader& in, bool ordered) {
  namespace sb = schema_build;
  Schema state = sb::structure("State");
  sb::add_field(state, "plain", take_schema(in, 2));
  const Schema entry = take_schema(in, 2);
  sb::add_field(state, "map", sb::external("map", {entry, take_schema(in, 2)}));
  sb::add_field(state, "list", sb::external("list", {entry}));
  if (!ordered) return state;
  Schema all = sb::structure("ordered");
  sb::add_field(all, kUser, state);
  sb::add_field(all, kPending, sb::external("map", {entry, take_schema(in, 2)}));
  return all;
}

RunInfo write(World& world, const std::map<std::string, std::string>& rows) {
  const auto writer = RunWriter::create(world.storage, ".", "run").value();
  for (const auto& [key, value] : rows) {
    WEIR_CHECK(writer->put(key, value).ok(), "a row is written");
  }
  return writer->finish().value();
}

void check_json(const std::string& text) {
  boost::json::parse_options options;
  options.max_depth = 200;
  boost::json::error_code failed;
  boost::json::parse(text, failed, {}, options);
  WEIR_CHECK(!failed, "state is shown as JSON");
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  const unsigned flags = in.u8();
  StepManifest step;
  step.name = "s";
  step.kind = (flags & 1) != 0 ? "source" : "process";
  step.parallelism = 1;
  if ((flags & 1) == 0) {
    step.key_schema = to_json(take_schema(in, 2));
    step.state_schema = to_json(state_schema(in, (flags & 2) != 0));
  }
  std::map<std::string, std::string> rows;
  while (!in.at_end()) {
    const std::string key(in.string());
    rows[key] = in.string();
  }
  World world;
  const RunInfo info = write(world, rows);
  step.subtasks = {{0, {0, 256}, {}, {}}};
  ((flags & 1) != 0 ? step.subtasks[0].items : step.subtasks[0].state) = {info};
  Manifest manifest;
  manifest.steps = {step};
  for (const StateQuery& query : {StateQuery{}, StateQuery{"\"k\""}}) {
    static_cast<void>(
        view_state(world.storage, ".", manifest, "s", query, [](const std::string& row) {
          check_json(row);
          return true;
        }));
  }
}

std::vector<std::string> seeds() {
  const std::string hash(8, '\x11'), key = hash + "\x01k";  // the key is a string
  std::string extras, timers;
  ByteWriter writer(extras);
  encode_extras(writer, nullptr);
  KeyExtras some;
  some.timers.add({from_millis(7), "t", true});
  some.parked = 2;
  ByteWriter timers_writer(timers);
  encode_extras(timers_writer, &some);
  const auto rows = [](const std::vector<std::pair<std::string, std::string>>& all) {
    std::string out;
    ByteWriter w(out);
    for (const auto& [k, v] : all) {
      w.string(k);
      w.string(v);
    }
    return out;
  };
  SplitState split;
  split.position = "\x01\x02";
  split.newest_ms = 5;
  // Kinds of take_schema: 4 is i64, 11 string.
  const std::string flat("\x00\x0b\x04\x0b\x04", 5), ordered("\x02\x0b\x04\x0b\x04\x04", 6);
  const std::string main = key + std::string(1, '\0');
  return {flat + rows({{main, extras + "\x02" + std::string(2, '\0')},
                       {key + "\x03map\x01z", "\x08"},
                       {key + "\x04list" + std::string(8, '\0'), "\x01y"}}),
          ordered + rows({{main, timers + "\x02" + std::string(2, '\0')},
                          {key + "\x18(waiting for event time)\x01z", "\x08"}}),
          "\x01" + rows({{"file.csv", encode_split(split)}})};
}

}  // namespace weir::fuzz
