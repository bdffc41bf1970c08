// Copies of libraries, and logs; see worker_files.h.
#include "weir/cluster/worker_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "weir/base/hash.h"
#include "weir/base/log.h"
#include "weir/base/own_folder.h"
#include "weir/base/path.h"
#include "weir/cluster/process_log.h"

namespace weir::cluster {
namespace {

constexpr std::size_t kLibrariesKept = 20;
constexpr std::size_t kAttemptsKept = 5;
constexpr std::size_t kJobsKept = 50;

/// The attempt of a log's file name, ATTEMPT-PROCESS.log; nothing for other files.
std::optional<std::uint64_t> attempt_of(const std::string& name) {
  std::uint64_t attempt = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), attempt);
  if (failed != std::errc() || end == name.data() + name.size() || *end != '-') return {};
  return attempt;
}

}  // namespace

bool is_plain_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !name.empty() && name.size() <= 100 &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

// ---- libraries ----------------------------------------------------------------------------------

LibraryCache::LibraryCache(std::string folder)
    : folder_(std::move(folder)), storage_(make_posix_storage()), thread_([this] { loop(); }) {}

LibraryCache::~LibraryCache() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LibraryCache::fetch(std::string hash, std::string from, Done done) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back({std::move(hash), std::move(from), std::move(done)});
  }
  changed_.notify_all();
}

void LibraryCache::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !wanted_.empty(); });
    if (ending_) return;
    const Wanted wanted = std::move(wanted_.front());
    wanted_.pop_front();
    lock.unlock();
    wanted.done(copy(wanted));
    lock.lock();
  }
}

Result<std::string> LibraryCache::copy(const Wanted& wanted) {
  const std::string path = join_path(folder_, wanted.hash + ".so");
  const auto is_it = [&](const std::string& bytes) {
    return content_hash(bytes).hex() == wanted.hash;
  };
  // Processes load what is in it as code.
  WEIR_TRY(storage_->make_dirs(parent_path(folder_)));
  WEIR_TRY(own_folder(folder_, true));
  if (const auto old = read_file(*storage_, path); old.ok() && is_it(*old)) {
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now
    return path;
  }
  const auto bytes = read_file(*storage_, wanted.from);
  if (!bytes.ok()) {
    // Another worker may see the storage that this one does not.
    return Error{bytes.error().code,
                 "Cannot read the job library " + wanted.from + ": " + bytes.error().message +
                     " The folder of job libraries must be the same, and shared, on all hosts.",
                 true};
  }
  if (!is_it(*bytes)) {
    return Error{ErrorCode::corrupt, "The job library " + wanted.from +
                                         " is not what was submitted: its content hash is " +
                                         content_hash(*bytes).hex() + ". Submit it again."};
  }
  const std::string temporary = path + ".tmp";
  WEIR_ASSIGN(auto file, storage_->create(temporary));
  WEIR_TRY(file->append(*bytes));
  WEIR_TRY(file->close());
  WEIR_TRY(storage_->rename(temporary, path));
  remove_old();
  return path;
}

/// One that a process has loaded stays loaded; where this cannot be done nothing is lost but space.
void LibraryCache::remove_old() const {
  namespace fs = std::filesystem;
  std::vector<std::pair<fs::file_time_type, fs::path>> copies;
  std::error_code failed;
  for (fs::directory_iterator it(folder_, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    const auto time = it->last_write_time(gone);
    if (!gone) copies.emplace_back(time, it->path());
  }
  if (copies.size() <= kLibrariesKept) return;
  std::sort(copies.begin(), copies.end(), std::greater<>());
  for (std::size_t i = kLibrariesKept; i < copies.size(); ++i) fs::remove(copies[i].second, failed);
}

// ---- logs ---------------------------------------------------------------------------------------

ProcessLogs::ProcessLogs(std::string folder)
    : folder_(std::move(folder)), storage_(make_posix_storage()) {}

std::string ProcessLogs::folder_of(const std::string& job) const { return join_path(folder_, job); }

std::string ProcessLogs::path_of(const ProcessId& id) const {
  return join_path(folder_of(id.job),
                   std::to_string(id.attempt) + "-" + std::to_string(id.process) + ".log");
}

Result<int> ProcessLogs::open(const ProcessId& id, const std::set<std::string>& running) {
  const std::string folder = folder_of(id.job);
  WEIR_ASSIGN(const bool known, storage_->exists(folder));
  WEIR_TRY(storage_->make_dirs(folder));
  if (!known) remove_old_jobs(running);
  const std::string path = path_of(id);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    return Error{ErrorCode::io, "Cannot write the log " + path + ": " + std::strerror(errno), true};
  }
  remove_old(id.job);
  return fd;
}

void ProcessLogs::remove_old(const std::string& job) const {
  const auto files = storage_->list(folder_of(job));
  if (!files.ok()) return;
  std::set<std::uint64_t, std::greater<>> attempts;
  for (const StorageEntry& file : *files) {
    if (const auto attempt = attempt_of(file.name)) attempts.insert(*attempt);
  }
  if (attempts.size() <= kAttemptsKept) return;
  const std::uint64_t oldest = *std::next(attempts.begin(), kAttemptsKept - 1);
  for (const StorageEntry& file : *files) {
    const auto attempt = attempt_of(file.name);
    if (!attempt || *attempt >= oldest) continue;
    const Status removed = storage_->remove(join_path(folder_of(job), file.name));
    if (!removed.ok()) log_warn("worker", removed.error().message);
  }
}

/// Logs of jobs of which nothing runs here, by when they were last written to.
void ProcessLogs::remove_old_jobs(const std::set<std::string>& running) const {
  namespace fs = std::filesystem;
  std::vector<std::pair<fs::file_time_type, fs::path>> jobs;
  std::error_code failed;
  for (fs::directory_iterator it(folder_, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    if (running.contains(it->path().filename().string()) || !it->is_directory(gone)) continue;
    auto newest = fs::file_time_type::min();
    for (fs::directory_iterator log(it->path(), gone); !gone && log != fs::directory_iterator();
         log.increment(gone)) {
      std::error_code unknown;
      const auto time = log->last_write_time(unknown);
      if (!unknown) newest = std::max(newest, time);
    }
    jobs.emplace_back(newest, it->path());
  }
  if (jobs.size() <= kJobsKept) return;
  std::sort(jobs.begin(), jobs.end(), std::greater<>());
  for (std::size_t i = kJobsKept; i < jobs.size(); ++i) {
    fs::remove_all(jobs[i].second, failed);
    if (failed) log_warn("worker", "cannot remove old logs: " + failed.message());
  }
}

namespace {

/// The last `bytes` of the file, or all of it. Error: not_found, io.
Result<std::string> end_of_file(Storage& storage, const std::string& path, std::uint64_t bytes) {
  WEIR_ASSIGN(const auto file, storage.open(path));
  const std::uint64_t size = file->size_bytes();
  const std::uint64_t begin = size > bytes ? size - bytes : 0;
  std::string text(size - begin, '\0');
  WEIR_ASSIGN(const std::size_t read, file->read_at(begin, text.data(), text.size()));
  text.resize(read);
  return text;
}

}  // namespace

Result<std::string> ProcessLogs::tail(const ProcessId& id, std::uint64_t bytes) const {
  // A byte more shows whether a line begins where the text does.
  auto text = end_of_file(*storage_, path_of(id), bytes + 1);
  if (!text.ok()) {
    return Error{text.error().code,
                 "There is no log of process " + to_string(id) + ": " + text.error().message};
  }
  if (text->size() <= bytes) {  // it may have begun a new file just now
    const std::string older = older_log(path_of(id));
    const auto before = end_of_file(*storage_, older, bytes + 1 - text->size());
    if (before.ok()) *text = *before + *text;
  }
  if (text->size() <= bytes) return text;
  const std::size_t line = text->find('\n');
  text->erase(0, line != std::string::npos && line + 1 < text->size() ? line + 1 : 1);
  return text;
}

}  // namespace weir::cluster
