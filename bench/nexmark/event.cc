#include "bench/nexmark/event.h"

#include <memory>

#include "weir/base/json.h"

namespace weir::bench::nexmark {

std::string to_line(const Event& event) {
  std::string line;
  switch (event.kind) {
    case Kind::person:
      line = "{\"person\":";
      to_json(line, event.person);
      break;
    case Kind::auction:
      line = "{\"auction\":";
      to_json(line, event.auction);
      break;
    case Kind::bid:
      line = "{\"bid\":";
      to_json(line, event.bid);
      break;
  }
  return line + "}\n";
}

}  // namespace weir::bench::nexmark

namespace weir {

using bench::nexmark::Event;
using bench::nexmark::Kind;

void Codec<Event>::encode(ByteWriter& writer, const Event& event) {
  std::string bytes;
  ByteWriter inner(bytes);
  inner.u8(static_cast<std::uint8_t>(event.kind));
  switch (event.kind) {
    case Kind::person:
      weir::encode(inner, event.person);
      break;
    case Kind::auction:
      weir::encode(inner, event.auction);
      break;
    case Kind::bid:
      weir::encode(inner, event.bid);
      break;
  }
  writer.string(bytes);
}

void Codec<Event>::decode(ByteReader& reader, Event& event) {
  ByteReader inner(reader.string());
  event = Event();
  event.kind = static_cast<Kind>(inner.u8());
  switch (event.kind) {
    case Kind::person:
      weir::decode(inner, *std::construct_at(&event.person));
      break;
    case Kind::auction:
      weir::decode(inner, *std::construct_at(&event.auction));
      break;
    case Kind::bid:
      weir::decode(inner, event.bid);
      break;
    default:
      event = Event();
      inner.fail();
  }
  if (inner.failed() || !inner.at_end()) reader.fail();
}

Schema Codec<Event>::schema() { return schema_build::opaque("nexmark event"); }

}  // namespace weir
