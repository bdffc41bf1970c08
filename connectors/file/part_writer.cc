// Staging. Threads: see part_writer.h.
#include "weir/connectors/file/part_writer.h"

#include "weir/base/failpoint.h"
#include "weir/base/path.h"

namespace weir::file::detail {
namespace {

constexpr std::size_t kWriteBytes = 256 * 1024;
/// Beyond this the task waits for the disk.
constexpr std::size_t kMostWaiting = 16 * 1024 * 1024;

}  // namespace

StagedFile::StagedFile(Storage& storage, std::string folder, std::string name)
    : storage_(storage), folder_(std::move(folder)), name_(std::move(name)) {}

Status StagedFile::create() {
  const std::string path = join_path(folder_, name_);
  WEIR_ASSIGN(const bool taken, storage_.exists(path));
  if (taken) {  // names are unique within a sink: another one writes here, perhaps by a link
    return Error{ErrorCode::already_exists,
                 path + " is being written already; give every sink a folder of its own", false};
  }
  WEIR_ASSIGN(file_, storage_.create(path));
  return {};
}

Status StagedFile::add(std::string_view bytes) {
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.append(bytes);
    waiting = queue_.size();
  }
  size_ += bytes.size();
  if (waiting < kWriteBytes) return {};
  std::unique_lock lock(file_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) {
    if (waiting < kMostWaiting) return {};
    lock.lock();
  }
  return drain();
}

Status StagedFile::failure() {
  if (!broken_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(file_mutex_);
  return failed_;
}

Status StagedFile::remember(Status status) {
  failed_ = std::move(status);
  broken_.store(!failed_.ok(), std::memory_order_release);
  return failed_;
}

Status StagedFile::drain() {
  WEIR_TRY(failed_);
  writing_.clear();
  {
    const std::lock_guard lock(queue_mutex_);
    writing_.swap(queue_);
  }
  return writing_.empty() ? Status() : remember(file_->append(writing_));
}

Status StagedFile::make_durable(bool close) {
  const std::lock_guard lock(file_mutex_);
  if (finished()) return {};
  WEIR_TRY(drain());
  WEIR_TRY(remember(WEIR_FAILPOINT_STATUS("file_sink.before_sync")));
  WEIR_TRY(remember(file_->sync()));
  if (!name_durable_) WEIR_TRY(storage_.sync_dir(folder_));
  name_durable_ = true;
  if (!close) return {};
  WEIR_TRY(remember(file_->close()));
  finished_.store(true, std::memory_order_release);
  return {};
}

PartWriter::PartWriter(const SinkContext& context, PartOptions options,
                       const std::vector<std::string>& carried_over)
    : context_(context),
      options_(std::move(options)),
      canonical_folder_(canonical_path(options_.folder)),
      adopted_(carried_over),
      carried_over_(carried_over) {}

Status PartWriter::write(std::string_view lines) {
  if (lines.empty()) return {};
  WEIR_TRY(check_unfinished());
  if (!current_) WEIR_TRY(open_file());
  WEIR_TRY(current_->failure());
  WEIR_TRY(current_->add(lines));
  if (current_->size_bytes() >= options_.roll_bytes) close_file();
  return {};
}

Status PartWriter::open_file() {
  const std::string name = context_.attempt + "-" + std::to_string(context_.subtask) + "-" +
                           std::to_string(next_file_++) + "." + options_.extension;
  auto file =
      std::make_shared<StagedFile>(*context_.env->storage, staging_folder(options_.folder), name);
  WEIR_TRY(file->create());
  WEIR_TRY(file->add(options_.header));
  current_ = std::move(file);
  opened_at_ = context_.env->clock->steady_now();
  return {};
}

void PartWriter::close_file() { closed_.push_back(std::move(current_)); }

bool PartWriter::should_roll() const {
  return context_.env->clock->steady_now() - opened_at_ >= options_.roll_interval;
}

/// Forgets what is finished; a failed file fails the attempt, which writes it anew.
Status PartWriter::check_unfinished() {
  std::erase_if(unfinished_, [](const auto& file) { return file->finished(); });
  for (const std::shared_ptr<StagedFile>& file : unfinished_) WEIR_TRY(file->failure());
  return {};
}

Result<Staged> PartWriter::stage(std::uint64_t checkpoint, bool last) {
  WEIR_TRY(check_unfinished());
  if (current_) WEIR_TRY(current_->failure());
  if (current_ && (last || should_roll())) close_file();
  Staged staged;
  std::uint64_t number = 0;
  const auto final_name = [&] {
    return "part-" + std::to_string(checkpoint) + "-" + std::to_string(context_.subtask) + "-" +
           std::to_string(number++) + "." + options_.extension;
  };
  for (const std::string& bytes : adopted_) {
    WEIR_ASSIGN(PartItem item, PartItem::decode(bytes));
    item.final_name = final_name();
    item.folder = canonical_folder_;
    item.open = true;
    staged.committables.push_back(item.encode());
  }
  for (const std::shared_ptr<StagedFile>& file : closed_) {
    staged.committables.push_back(
        PartItem{file->name(), final_name(), file->size_bytes(), canonical_folder_}.encode());
    unfinished_.push_back(file);
  }
  for (const std::shared_ptr<StagedFile>& file : unfinished_) {
    staged.durable.push_back([file] { return file->make_durable(true); });
  }
  adopted_.clear();
  closed_.clear();
  carried_over_.clear();
  if (current_) {
    carried_over_.push_back(
        PartItem{current_->name(), "", current_->size_bytes(), canonical_folder_}.encode());
    staged.durable.push_back([file = current_] { return file->make_durable(false); });
  }
  return staged;
}

}  // namespace weir::file::detail
