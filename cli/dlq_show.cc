// `weir dlq list|show|export`.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/dlq.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "weir/runtime/letter_payload.h"

namespace weir::cli {
namespace {

Result<int> list(const Args& args) {
  Table table({"ID", "STEP", "REASON", "ATTEMPT", "LAST FAILED", "MESSAGE"});
  WEIR_TRY(visit_letters(args, [&](DeadLetter&& l) {
    if (args.has("json")) {
      std::printf("%s\n", letter_to_json(l, false).c_str());
      return;
    }
    table.add({l.id, l.step, to_string(l.reason), std::to_string(l.attempt),
               to_iso8601(l.last_failed), one_line(l.message, 90)});
  }));
  if (args.has("json")) return kOk;
  if (table.empty()) {
    std::puts("no dead letters");
  } else {
    table.print();
    std::fputs("weir: 'weir dlq show ID' says all of one, 'weir dlq replay ID' tries it again\n",
               stderr);
  }
  return kOk;
}

/// Pairs of names and values, then what belongs to the payload.
void print_letter(const DeadLetter& l) {
  const auto line = [](const char* name, const std::string& value) {
    if (!value.empty()) std::printf("%-14s %s\n", name, value.c_str());
  };
  line("id", l.id);
  line("step", l.step);
  line("reason", to_string(l.reason));
  line("message", l.message);
  line("source", l.source);
  if (l.event_time_ms != 0) line("event time", to_iso8601(from_millis(l.event_time_ms), true));
  line("attempt", std::to_string(l.attempt));
  line("first failed", to_iso8601(l.first_failed, true));
  line("last failed", to_iso8601(l.last_failed, true));
  line("job version", l.job_version);
  for (const auto& [name, value] : l.headers) line("header", name + ": " + one_line(value, 200));
  line("format", to_string(l.format));
  std::printf("%-14s %s\n", "payload", payload_text(l).c_str());
  if (l.format == PayloadFormat::csv || l.format == PayloadFormat::json) {
    std::printf("%-14s %s\n", "as it came", one_line(l.bytes, l.bytes.size() + 1).c_str());
  }
}

Result<int> show(const Args& args) {
  WEIR_ASSIGN(const auto letters, chosen_letters(args));
  for (const DeadLetter& letter : letters) {
    if (args.has("json")) {
      std::printf("%s\n", letter_to_json(letter, true).c_str());
    } else {
      print_letter(letter);
    }
  }
  return kOk;
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr && file != stdout) std::fclose(file);
  }
};

Result<int> export_letters(const Args& args) {
  const std::string path = args.text("output");
  const std::unique_ptr<std::FILE, CloseFile> out(path.empty() ? stdout
                                                               : std::fopen(path.c_str(), "wb"));
  const Error failed{ErrorCode::io, "Cannot write " + path};
  if (!out) return failed;
  std::uint64_t count = 0;
  WEIR_TRY(visit_letters(args, [&](DeadLetter&& letter) {
    const std::string line = letter_to_json(letter, true) + "\n";
    std::fwrite(line.data(), 1, line.size(), out.get());
    ++count;
  }));
  if (std::fflush(out.get()) != 0 || std::ferror(out.get()) != 0) return failed;
  std::fprintf(stderr, "weir: %s dead letters exported\n", with_commas(count).c_str());
  return kOk;
}

}  // namespace

Command dlq_list_command() {
  return {"dlq list",
          "",
          0,
          0,
          "List the dead letters of a job",
          asking({kStateOption,
                  kStepOption,
                  kReasonOption,
                  {"limit", "N", "at most this many"},
                  {"json", nullptr, "print JSON, one letter a line"}}),
          "",
          list};
}
Command dlq_show_command() {
  return {"dlq show",
          "ID...",
          1,
          1000,
          "Show all that is known of dead letters",
          asking({kStateOption, {"json", nullptr, "print JSON, one letter a line"}}),
          "",
          show};
}
Command dlq_export_command() {
  return {"dlq export",
          "",
          0,
          0,
          "Write dead letters as JSON lines",
          asking({kStateOption,
                  kStepOption,
                  kReasonOption,
                  {"limit", "N", "at most this many"},
                  {"output", "FILE", "default standard output"},
                  {"json", nullptr, "as it is always"}}),
          "",
          export_letters};
}

}  // namespace weir::cli
