// Reading and checking what was committed; see output.h.
#include "tests/sim/output.h"

#include <charconv>
#include <set>

#include "weir/base/hash.h"
#include "weir/base/json.h"
#include "weir/checkpoint/run.h"
#include "weir/runtime/letters.h"

namespace weir::sim {

std::string difference(const std::string& what, const Multiset& expected, const Multiset& got) {
  for (const auto& [line, count] : expected) {
    const auto found = got.find(line);
    const std::size_t there = found == got.end() ? 0 : found->second;
    if (there < count) {
      return what + ": lost " + line + " (there " + std::to_string(there) + " times instead of " +
             std::to_string(count) + ")";
    }
  }
  for (const auto& [line, count] : got) {
    const auto found = expected.find(line);
    const std::size_t wanted = found == expected.end() ? 0 : found->second;
    if (count > wanted) {
      return what + ": too much of " + line + " (there " + std::to_string(count) +
             " times instead of " + std::to_string(wanted) + ")";
    }
  }
  return {};
}

std::string OutputReader::read_part(const std::string& sink, const std::string& name,
                                    PartFile& part) {
  const std::string path = sink_folder(sink) + "/" + name;
  const auto content = read_file(storage_, path);
  if (!content.ok()) return content.error().message;
  const auto [known, first] = known_.try_emplace(path, *content);
  if (!first && known->second != *content) return path + " has changed after it was committed";
  if (content->empty() || content->back() != '\n') return path + " does not hold whole lines";
  part.name = name;
  std::from_chars(name.data() + 5, name.data() + name.size(), part.checkpoint);
  for (std::size_t at = 0; at < content->size();) {
    const std::size_t end = content->find('\n', at);
    part.lines.push_back(content->substr(at, end - at));
    at = end + 1;
  }
  return {};
}

std::string OutputReader::read(const std::string& sink, CheckpointId completed) {
  auto& parts = parts_[sink];
  parts.clear();
  const auto entries = storage_.list(sink_folder(sink));
  if (!entries.ok()) return {};  // before the first start
  for (const StorageEntry& entry : *entries) {
    if (entry.name == ".staging") continue;
    if (!entry.name.starts_with("part-")) return "a foreign name in the output: " + entry.name;
    if (std::string bad = read_part(sink, entry.name, parts.emplace_back()); !bad.empty()) {
      return bad;
    }
    if (parts.back().checkpoint > completed) {
      return entry.name + " of " + sink + " is visible before its checkpoint is complete (" +
             std::to_string(completed) + " is)";
    }
  }
  return {};
}

std::string OutputReader::check(CheckpointId completed) {
  for (const char* sink : kSinks) {
    if (std::string bad = read(sink, completed); !bad.empty()) return bad;
    const auto found = expected_.lines.find(sink);
    Multiset left = found == expected_.lines.end() ? Multiset() : found->second;
    for (const PartFile& part : parts_[sink]) {
      if (sink == std::string_view("totals")) continue;  // they come last; see check_final
      for (const std::string& line : part.lines) {
        const auto place = left.find(line);
        if (place == left.end() || place->second-- == 0) {
          return sink + (" gives too often, in " + part.name + ": " + line);
        }
      }
    }
  }
  return check_order();
}

std::string OutputReader::check_final(CheckpointId completed, const Expected& expected) {
  if (std::string bad = check(completed); !bad.empty()) return bad;
  for (const char* sink : kSinks) {
    if (sink == std::string_view("nudges") || sink == std::string_view("totals")) continue;
    Multiset got;
    for (const PartFile& part : parts_[sink]) {
      for (const std::string& line : part.lines) ++got[line];
    }
    const auto found = expected.lines.find(sink);
    const Multiset none;
    const Multiset& wanted = found == expected.lines.end() ? none : found->second;
    if (std::string bad = difference(sink, wanted, got); !bad.empty()) return bad;
  }
  if (std::string bad = check_nudges(); !bad.empty()) return bad;
  return check_totals(expected);
}

/// A total is given once, and again for each letter that is replayed after that; each time it holds
/// more, and the last one holds all.
std::string OutputReader::check_totals(const Expected& expected) const {
  std::map<std::string, std::set<std::int64_t>> counts;
  std::map<std::string, std::string> last;
  for (const PartFile& part : parts_.at("totals")) {
    for (const std::string& line : part.lines) {
      TotalRow row;
      if (!from_json(line, row).ok()) return "not a total: " + line;
      auto& mine = counts[row.key];
      if (!mine.insert(row.value.count).second) return "totals: twice " + line;
      if (*mine.rbegin() == row.value.count) last[row.key] = line;
    }
  }
  Multiset got;
  for (const auto& [item, line] : last) ++got[line];
  return difference(
      "totals", expected.lines.contains("totals") ? expected.lines.at("totals") : Multiset(), got);
}

/// How many nudges a user gets is left to wall time, but they are counted without a gap.
std::string OutputReader::check_nudges() const {
  std::map<std::string, std::int64_t> count, last;
  for (const PartFile& part : parts_.at("nudges")) {
    for (const std::string& line : part.lines) {
      Nudge nudge;
      if (!from_json(line, nudge).ok()) return "not a nudge: " + line;
      ++count[nudge.user];
      last[nudge.user] = std::max(last[nudge.user], nudge.time);
    }
  }
  for (const auto& [user, n] : count) {
    if (last[user] != n) return "a nudge of " + user + " is lost";
  }
  return {};
}

/// The records of one user that come from one split pass in their order: within a file, and from
/// the files of one checkpoint to those of the next.
std::string OutputReader::check_order() const {
  using Key = std::pair<std::string, std::string>;
  std::map<Key, std::int64_t> before, now;  // last seq up to the checkpoint before; up to this one
  std::map<CheckpointId, std::vector<const PartFile*>> by_checkpoint;
  for (const PartFile& part : parts_.at("trace")) by_checkpoint[part.checkpoint].push_back(&part);
  for (const auto& [checkpoint, files] : by_checkpoint) {
    before = now;
    for (const PartFile* file : files) {
      std::map<Key, std::int64_t> last = before;
      for (const std::string& line : file->lines) {
        Trace trace;
        if (!from_json(line, trace).ok()) return "not a trace: " + line;
        if (trace.shared) continue;
        const Key key{trace.user, trace.split};
        const auto [place, first] = last.try_emplace(key, trace.seq);
        if (!first && place->second >= trace.seq) return file->name + ": out of order: " + line;
        place->second = trace.seq;
        auto& newest = now[key];
        newest = std::max(newest, trace.seq);
      }
    }
  }
  return {};
}

std::uint64_t OutputReader::hash() const {
  std::uint64_t hash = 0;
  for (const auto& [sink, parts] : parts_) {
    for (const PartFile& part : parts) {
      hash = mix64(hash ^ hash_bytes(part.name));
      for (const std::string& line : part.lines) hash = mix64(hash ^ hash_bytes(line));
    }
  }
  return hash;
}

std::size_t OutputReader::lines() const {
  std::size_t lines = 0;
  for (const auto& [sink, parts] : parts_) {
    for (const PartFile& part : parts) lines += part.lines.size();
  }
  return lines;
}

Result<Order> order_of(const DeadLetter& letter) {
  Order order;
  WEIR_TRY(decode_letter_record(letter, order));
  return order;
}

std::vector<DeadLetter> read_letters(CheckpointStore& store, const Manifest& manifest,
                                     std::string& problem) {
  std::vector<DeadLetter> letters;
  std::set<std::string> ids;
  std::vector<std::unique_ptr<RowCursor>> newest_first;
  for (auto run = manifest.dead_letters.rbegin(); run != manifest.dead_letters.rend(); ++run) {
    auto cursor = open_run(store.storage(), store.runs_folder(), *run);
    if (!cursor.ok()) {
      problem = cursor.error().message;
      return letters;
    }
    newest_first.push_back(std::move(*cursor));
  }
  const auto rows = merge_cursors(std::move(newest_first), true);
  Status status = rows->seek("");
  for (; status.ok() && rows->valid(); status = rows->next()) {
    auto letter = decode_dead_letter(rows->value());
    if (!letter.ok()) {
      problem = letter.error().message;
      return letters;
    }
    if (!ids.insert(letter->id).second) problem = "two letters have the id " + letter->id;
    letters.push_back(std::move(*letter));
  }
  if (!status.ok()) problem = status.error().message;
  return letters;
}

}  // namespace weir::sim
