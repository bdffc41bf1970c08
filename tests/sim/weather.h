// The disk's moods: a MemoryStorage whose operations fail for a while, at random, and the hash of
// all that was asked of it, by which two runs of one seed are compared. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/storage.h"

namespace weir::sim {

class Weather {
 public:
  /// Outlived by `storage`, which it puts faults into until it is destroyed.
  Weather(MemoryStorage& storage, std::uint64_t seed);
  ~Weather();
  Weather(const Weather&) = delete;
  Weather& operator=(const Weather&) = delete;

  /// Chooses a mood at random: half of the time nothing fails.
  void change();
  /// True for an error that comes from here, and not from the engine.
  static bool made(const Error& error);
  void calm();
  /// While the test itself looks at the storage nothing fails and nothing is recorded.
  void pause(bool paused) { paused_ = paused; }

  /// Of the sequence of operations and paths so far.
  std::uint64_t history() const { return history_; }
  std::uint64_t faults() const { return faults_; }

 private:
  enum class Mood : std::uint8_t {
    calm,
    full,     ///< appends are refused at random
    brimful,  ///< there is room for so many bytes and no more, so that a part may be written
    no_rename,
    bad_sync,
    bad_folder_sync,
    no_remove,
    bad_read,
  };
  static constexpr std::uint64_t kMoods = 8;
  Status on_operation(std::string_view operation, const std::string& path);
  Status maybe(double chance, ErrorCode code, std::string_view operation, const std::string& path);

  MemoryStorage& storage_;
  Random random_;
  Mood mood_ = Mood::calm;
  double chance_ = 0;
  bool paused_ = false;
  std::uint64_t history_ = 0, faults_ = 0;
};

/// Nothing fails as long as this lives.
class Shelter {
 public:
  explicit Shelter(Weather& weather) : weather_(weather) { weather_.pause(true); }
  ~Shelter() { weather_.pause(false); }
  Shelter(const Shelter&) = delete;
  Shelter& operator=(const Shelter&) = delete;

 private:
  Weather& weather_;
};

}  // namespace weir::sim
