// Loading job libraries; see job_library.h.
#include "weir/runtime/job_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "weir/base/hash.h"
#include "weir/base/own_folder.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"

namespace weir {
namespace {

std::string cache_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder) {
    return std::string(folder) + "/weir/jobs";
  }
  if (const char* home = std::getenv("HOME"); home && *home) {
    return std::string(home) + "/.cache/weir/jobs";
  }
  return "/tmp/weir-jobs-" + std::to_string(geteuid());
}

/// How long the file of a 64-bit ELF object must be for its headers, segments and sections to be
/// in it; no file is long enough when the header itself is cut off. Segments that reach beyond the
/// end of the file are mapped all the same, and touching them ends the process. Format: System V
/// ABI, chapter 4.
std::uint64_t elf_extent(std::string_view bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header) return UINT64_MAX;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::uint64_t extent = header.e_phoff + std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  extent = std::max(extent, header.e_shoff + std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const std::uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (at > bytes.size() || bytes.size() - at < sizeof(Elf64_Phdr)) break;
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + at, sizeof segment);
    extent = std::max(extent, segment.p_offset + segment.p_filesz);
  }
  return extent;
}

/// Removes all but the copies that were used last. One that a process has loaded stays loaded;
/// where this cannot be done nothing is lost but space.
void remove_old_copies(const std::string& folder) {
  constexpr std::size_t kKeep = 20;
  namespace fs = std::filesystem;
  std::vector<std::pair<fs::file_time_type, fs::path>> copies;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code gone;
    const auto time = it->last_write_time(gone);
    if (!gone) copies.emplace_back(time, it->path());
  }
  if (copies.size() <= kKeep) return;
  std::sort(copies.begin(), copies.end(), std::greater<>());
  for (std::size_t i = kKeep; i < copies.size(); ++i) fs::remove(copies[i].second, failed);
}

/// Copies the library to a path that is named by its content.
Result<std::string> copy_by_content(const std::string& bytes, const std::string& version) {
  auto storage = make_posix_storage();
  const std::string folder = cache_folder();
  const std::string copy = folder + "/" + version + ".so";
  WEIR_TRY(storage->make_dirs(std::string(parent_path(folder))));
  WEIR_TRY(own_folder(folder, true));  // or others could replace what is loaded
  WEIR_ASSIGN(const bool there, storage->exists(copy));
  if (there) {
    auto old = read_file(*storage, copy);
    if (old.ok() && *old == bytes) {
      ::utimensat(AT_FDCWD, copy.c_str(), nullptr, 0);  // used now
      return copy;
    }
  }
  const std::string temporary = copy + "." + std::to_string(getpid());
  WEIR_ASSIGN(auto file, storage->create(temporary));
  WEIR_TRY(file->append(bytes));
  WEIR_TRY(file->close());
  WEIR_TRY(storage->rename(temporary, copy));
  remove_old_copies(folder);
  return copy;
}

/// The bytes of a library, if they can be one.
Result<std::string> read_library(const std::string& path) {
  auto storage = make_posix_storage();
  auto bytes = read_file(*storage, path);
  if (!bytes.ok()) {
    return Error{bytes.error().code,
                 "Cannot read the job library " + path + ": " + bytes.error().message};
  }
  if (bytes->substr(0, 4) !=
      "\x7f"
      "ELF") {
    return Error{ErrorCode::invalid_argument,
                 path + " is not a shared library; build it with add_weir_job(NAME sources...)"};
  }
  const bool elf64 = bytes->size() > EI_CLASS && (*bytes)[EI_CLASS] == ELFCLASS64;
  if (bytes->size() <= EI_CLASS || (elf64 && elf_extent(*bytes) > bytes->size())) {
    return Error{ErrorCode::corrupt,
                 path + " is cut short: its " + std::to_string(bytes->size()) +
                     " bytes are not all of the library. Build or copy it again."};
  }
  return bytes;
}

/// The library that was given as `path`, from `copy`.
Result<JobLibrary> load(const std::string& path, const std::string& copy,
                        const std::string& version) {
  JobLibrary library;
  library.path = path;
  library.version = version;
  std::string_view name = file_name(path);
  library.name = std::string(name.substr(0, name.rfind(".so")));
  void* handle = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error{ErrorCode::incompatible,
                 "Cannot load the job library " + path + ": " + dlerror() +
                     ". If a symbol of weir is missing, build the job again with this Weir."};
  }
  library.entry = static_cast<const JobEntry*>(dlsym(handle, "weir_job_entry"));
  if (library.entry == nullptr) {
    return Error{ErrorCode::incompatible,
                 path + " is a shared library but no job: it has no WEIR_JOB(function)"};
  }
  if (library.entry->abi != kJobAbi) {
    return Error{ErrorCode::incompatible,
                 path + " was built for job interface " + std::to_string(library.entry->abi) +
                     ", this Weir has " + std::to_string(kJobAbi) + ". Build the job again."};
  }
  const char* build = library.entry->build_id != nullptr ? library.entry->build_id : "unknown";
  if (std::string_view(build) != WEIR_BUILD_ID) {
    return Error{ErrorCode::incompatible,
                 path + " was built with other headers or another compiler (build " + build +
                     ", this Weir is " + WEIR_BUILD_ID + "). Build the job again with this Weir."};
  }
  if (library.entry->function == nullptr) {
    return Error{ErrorCode::incompatible, path + " is a job without a function to build its graph"};
  }
  return library;
}

}  // namespace

Result<JobLibrary> load_job_library(const std::string& path) {
  WEIR_ASSIGN(const std::string bytes, read_library(path));
  const std::string version = content_hash(bytes).hex();
  WEIR_ASSIGN(const std::string copy, copy_by_content(bytes, version));
  return load(path, copy, version);
}

Result<JobLibrary> load_job_copy(const std::string& path, const std::string& hash) {
  WEIR_ASSIGN(const std::string bytes, read_library(path));
  const std::string version = content_hash(bytes).hex();
  if (version == hash) return load(path, path, version);
  return Error{ErrorCode::corrupt, "The copy " + path +
                                       " of a job library has changed: its content "
                                       "hash is " +
                                       version + "."};
}

}  // namespace weir
