// Faults of a disk; see weather.h.
#include "tests/sim/weather.h"

#include "weir/base/hash.h"

namespace weir::sim {

Weather::Weather(MemoryStorage& storage, std::uint64_t seed) : storage_(storage), random_(seed) {
  storage_.set_fault([this](std::string_view operation, const std::string& path) {
    return paused_ ? Status() : on_operation(operation, path);
  });
}

Weather::~Weather() { storage_.set_fault(nullptr); }

void Weather::change() {
  calm();
  if (random_.chance(0.5)) return;
  mood_ = static_cast<Mood>(1 + random_.below(kMoods - 1));
  chance_ = random_.chance(0.3) ? 1.0 : 0.02 + 0.2 * static_cast<double>(random_.below(100)) / 100;
  if (mood_ == Mood::brimful) storage_.set_capacity(storage_.used_bytes() + random_.below(4000));
}

void Weather::calm() {
  mood_ = Mood::calm;
  storage_.set_capacity(UINT64_MAX);
}

bool Weather::made(const Error& error) {
  return error.message.find("simulated:") != std::string::npos ||
         error.message.find("no space left") != std::string::npos;
}

Status Weather::on_operation(std::string_view operation, const std::string& path) {
  history_ = mix64(history_ ^ hash_bytes(operation) ^ mix64(hash_bytes(path)));
  switch (mood_) {
    case Mood::calm:
    case Mood::brimful:
      return {};
    case Mood::full:
      if (operation != "append" && operation != "create") return {};
      return maybe(chance_, ErrorCode::disk_full, operation, path);
    case Mood::no_rename:
      if (operation != "rename" && operation != "rename_new") return {};
      return maybe(chance_, ErrorCode::disk_full, operation, path);
    case Mood::bad_sync:
      if (operation != "sync") return {};
      return maybe(chance_ / 4, ErrorCode::fsync_failed, operation, path);
    case Mood::bad_folder_sync:
      if (operation != "sync_dir") return {};
      return maybe(chance_ / 4, ErrorCode::fsync_failed, operation, path);
    case Mood::no_remove:
      if (operation != "remove") return {};
      return maybe(chance_, ErrorCode::io, operation, path);
    case Mood::bad_read:
      if (operation != "read") return {};
      return maybe(chance_ / 4, ErrorCode::io, operation, path);
  }
  return {};
}

Status Weather::maybe(double chance, ErrorCode code, std::string_view operation,
                      const std::string& path) {
  if (!random_.chance(chance)) return {};
  ++faults_;
  const bool may_heal = code == ErrorCode::disk_full;
  return Error{code, "simulated: cannot " + std::string(operation) + " " + path, may_heal};
}

}  // namespace weir::sim
