// What a reader of the sinks' folders sees, and the rules that hold for it at every moment:
// part files are whole and never change, each line is one that the job must give, no line is there
// more often than it must be in the end, and no file comes before its checkpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/model.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/dead_letter.h"

namespace weir::sim {

class OutputReader {
 public:
  OutputReader(MemoryStorage& storage, const Expected& expected)
      : storage_(storage), expected_(expected) {}

  /// Reads all folders and checks them. `completed`: the newest checkpoint that is complete.
  /// Returns what is wrong, or nothing.
  std::string check(CheckpointId completed);
  /// The same for the job's end, when all lines of `expected` must be there.
  std::string check_final(CheckpointId completed, const Expected& expected);
  /// Of all committed names and lines.
  std::uint64_t hash() const;
  std::size_t lines() const;

 private:
  struct PartFile {
    std::string name;
    CheckpointId checkpoint = 0;
    std::vector<std::string> lines;
  };
  std::string read(const std::string& sink, CheckpointId completed);
  std::string read_part(const std::string& sink, const std::string& name, PartFile& part);
  std::string check_order() const;
  std::string check_nudges() const;
  std::string check_totals(const Expected& expected) const;

  MemoryStorage& storage_;
  const Expected& expected_;
  std::map<std::string, std::vector<PartFile>> parts_;  // by sink; as last read
  std::map<std::string, std::string> known_;            // content by path, as first seen
};

/// The dead letters of a checkpoint; `problem` says what is wrong with them.
std::vector<DeadLetter> read_letters(CheckpointStore& store, const Manifest& manifest,
                                     std::string& problem);
/// The order that a letter of a step holds.
Result<Order> order_of(const DeadLetter& letter);

/// What the first difference between two multisets is, or nothing.
std::string difference(const std::string& what, const Multiset& expected, const Multiset& got);

}  // namespace weir::sim
