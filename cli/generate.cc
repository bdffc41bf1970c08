// `weir generate`: input for examples and tests.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "weir/connectors/file/shop_events.h"

namespace weir::cli {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr && file != stdout) std::fclose(file);
  }
};

Error cannot_write(const std::string& path) {
  return {ErrorCode::io, "Cannot write " + (path.empty() ? "standard output" : path)};
}

Result<int> generate(const Args& args) {
  if (args.operands()[0] != "shop-events") {
    return Error{ErrorCode::invalid_argument, "There is nothing called '" + args.operands()[0] +
                                                  "' to generate; there are shop-events"};
  }
  file::ShopEventsOptions options;
  WEIR_ASSIGN(options.users, args.number("users", options.users, 1, UINT64_MAX));
  WEIR_ASSIGN(options.events, args.number("events", options.events, 0, UINT64_MAX));
  WEIR_ASSIGN(options.seed, args.number("seed", options.seed, 0, UINT64_MAX));
  const std::string path = args.text("output");
  const std::unique_ptr<std::FILE, CloseFile> out(path.empty() ? stdout
                                                               : std::fopen(path.c_str(), "wb"));
  if (!out) return cannot_write(path);
  const auto counts = file::generate_shop_events(options, [&](std::string_view line) {
    return std::fwrite(line.data(), 1, line.size(), out.get()) == line.size() &&
           std::fputc('\n', out.get()) != EOF;
  });
  if (std::fflush(out.get()) != 0 || std::ferror(out.get()) != 0) return cannot_write(path);
  std::fprintf(stderr, "weir: %llu fresh events (%llu of them late), %llu repeats, %llu broken\n",
               static_cast<unsigned long long>(counts.fresh),
               static_cast<unsigned long long>(counts.late),
               static_cast<unsigned long long>(counts.repeats),
               static_cast<unsigned long long>(counts.broken));
  return kOk;
}

}  // namespace

Command generate_command() {
  return {
      "generate",
      "shop-events",
      1,
      1,
      "Make input for examples and tests",
      {{"users", "N", "shoppers; default 1000"},
       {"events", "M", "lines in all; default 10000"},
       {"seed", "S", "the same seed gives the same lines everywhere; default 1"},
       {"output", "FILE", "default standard output"}},
      "shop-events: Segment track calls as JSON lines, with repeats, disorder, late and broken\n"
      "lines, as the example cart_abandonment reads them.\n",
      generate};
}

}  // namespace weir::cli
