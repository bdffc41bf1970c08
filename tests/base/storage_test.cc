// What every Storage promises: on the real file system, in memory, and on a real S3 server as far
// as objects can; that one in s3_test.cc, too.
#include "weir/base/storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include "tests/base/s3_server.h"
#include "weir/base/path.h"

namespace weir {
namespace {

/// A fresh empty folder in a fresh storage.
struct Place {
  std::unique_ptr<Storage> storage;
  std::string folder;
  std::string missing = {};  ///< why there is none
};

Place posix_place() {
  std::string folder = ::testing::TempDir() + "weir_storage_XXXXXX";
  WEIR_CHECK(::mkdtemp(folder.data()) != nullptr, "the temporary folder can be written");
  return {make_posix_storage(), folder};
}

Place memory_place() {
  auto storage = std::make_unique<MemoryStorage>();
  WEIR_CHECK(storage->make_dirs("/data").ok(), "an empty disk takes a folder");
  return {std::move(storage), "/data"};
}

Place s3_place() {
  testing::S3Server& server = testing::S3Server::get();
  if (!server.missing().empty()) return {memory_place().storage, "/data", server.missing()};
  return {make_s3_storage(server.options()), server.fresh_folder()};
}

class StorageContract : public ::testing::TestWithParam<Place (*)()> {
 protected:
  StorageContract() : place_(GetParam()()), storage_(*place_.storage) {}
  ~StorageContract() override { static_cast<void>(storage_.remove_all(place_.folder)); }

  void SetUp() override {
    if (!place_.missing.empty()) GTEST_SKIP() << place_.missing;
  }
  bool holds_objects() const { return storage_.holds_objects(place_.folder); }
  std::string path(std::string_view name) const { return join_path(place_.folder, name); }
  void write(const std::string& name, std::string_view bytes) {
    auto file = storage_.create(path(name));
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE((*file)->append(bytes).ok());
    ASSERT_TRUE((*file)->sync().ok());
    ASSERT_TRUE((*file)->close().ok());
  }
  std::string read(const std::string& name) { return read_file(storage_, path(name)).value(); }
  std::string names(const std::string& folder) {
    std::string joined;
    for (const StorageEntry& entry : storage_.list(folder).value()) {
      joined += entry.name + (entry.is_directory ? "/ " : " ");
    }
    return joined;
  }

  Place place_;
  Storage& storage_;
};

/// What files can and objects cannot.
class FileStorageContract : public StorageContract {};

TEST_P(FileStorageContract, AppendedBytesReadBack) {
  auto file = storage_.create(path("f")).value();
  ASSERT_TRUE(file->append("hello ").ok());
  ASSERT_TRUE(file->append("").ok());
  ASSERT_TRUE(file->append("world").ok());
  EXPECT_EQ(read("f"), "hello world");
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(file->append("!").ok());
  ASSERT_TRUE(file->close().ok());
  ASSERT_TRUE(file->close().ok());
  EXPECT_FALSE(file->append("?").ok());
  EXPECT_FALSE(file->sync().ok());
  EXPECT_EQ(read("f"), "hello world!");
}

TEST_P(FileStorageContract, ALockHasOneHolder) {
  auto lock = storage_.lock(path("lock"));
  ASSERT_TRUE(lock.ok()) << lock.error().message;
  EXPECT_TRUE(storage_.exists(path("lock")).value());
  EXPECT_EQ(storage_.lock(path("lock")).error().code, ErrorCode::already_exists);
  EXPECT_TRUE(storage_.lock(path("another")).ok());
  lock->reset();
  EXPECT_TRUE(storage_.lock(path("lock")).ok());
  EXPECT_EQ(storage_.lock(path("nowhere/lock")).error().code, ErrorCode::not_found);

  HeldLocks held;
  ASSERT_TRUE(held.hold(storage_, path("lock")).ok());
  EXPECT_TRUE(held.hold(storage_, path("lock")).ok());
  EXPECT_FALSE(storage_.lock(path("lock")).ok());
  held.release_all();
  EXPECT_TRUE(storage_.lock(path("lock")).ok());
}

TEST_P(StorageContract, ManyMegabytesAtOnce) {
  const std::string bytes(5'000'001, 'b');
  write("big", bytes);
  EXPECT_EQ(read("big"), bytes);
}

TEST_P(StorageContract, CreateEmptiesAnExistingFile) {
  write("f", "old content");
  write("f", "new");
  EXPECT_EQ(read("f"), "new");
}

TEST_P(StorageContract, ReadsAtAnyOffset) {
  write("f", "0123456789");
  const auto file = storage_.open(path("f")).value();
  EXPECT_EQ(file->size_bytes(), 10u);
  char buffer[8] = {};
  EXPECT_EQ(file->read_at(3, buffer, 4).value(), 4u);
  EXPECT_EQ(std::string(buffer, 4), "3456");
  EXPECT_EQ(file->read_at(8, buffer, 8).value(), 2u);
  EXPECT_EQ(file->read_at(10, buffer, 8).value(), 0u);
  EXPECT_EQ(file->read_at(1000, buffer, 8).value(), 0u);
}

TEST_P(StorageContract, AnOpenFileOutlivesItsName) {
  write("f", "still here");
  const auto file = storage_.open(path("f")).value();
  ASSERT_TRUE(storage_.remove(path("f")).ok());
  char buffer[5];
  EXPECT_EQ(file->read_at(0, buffer, 5).value(), 5u);
  EXPECT_EQ(std::string(buffer, 5), "still");
}

TEST_P(StorageContract, MissingThingsAreNotFound) {
  EXPECT_EQ(storage_.open(path("no")).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(storage_, path("no")).error().code, ErrorCode::not_found);
  EXPECT_NE(storage_.open(path("no")).error().message.find(path("no")), std::string::npos);
  EXPECT_TRUE(storage_.remove(path("no")).ok());
  EXPECT_TRUE(storage_.remove_all(path("no")).ok());
  EXPECT_FALSE(storage_.exists(path("no")).value());
  if (holds_objects()) return;
  EXPECT_EQ(storage_.create(path("no/f")).error().code, ErrorCode::not_found);
  EXPECT_EQ(storage_.list(path("no")).error().code, ErrorCode::not_found);
  EXPECT_EQ(storage_.sync_dir(path("no")).error().code, ErrorCode::not_found);
  EXPECT_EQ(storage_.rename(path("no"), path("f")).error().code, ErrorCode::not_found);
}

TEST_P(FileStorageContract, RenameReplaces) {
  write("a", "from a");
  write("b", "from b");
  ASSERT_TRUE(storage_.rename(path("a"), path("b")).ok());
  EXPECT_EQ(read("b"), "from a");
  EXPECT_EQ(names(place_.folder), "b ");
  write("f", "x");
  EXPECT_EQ(storage_.rename(path("f"), path("no/f")).error().code, ErrorCode::not_found);
  ASSERT_TRUE(storage_.rename(path("f"), path("f")).ok());
  EXPECT_EQ(read("f"), "x");
}

TEST_P(FileStorageContract, RenameNewReplacesNothing) {
  write("a", "from a");
  write("b", "from b");
  EXPECT_EQ(storage_.rename_new(path("a"), path("b")).error().code, ErrorCode::already_exists);
  EXPECT_EQ(read("a") + ", " + read("b"), "from a, from b");
  ASSERT_TRUE(storage_.make_dirs(path("d")).ok());
  EXPECT_EQ(storage_.rename_new(path("a"), path("d")).error().code, ErrorCode::already_exists);
  ASSERT_TRUE(storage_.rename_new(path("a"), path("c")).ok());
  EXPECT_EQ(read("c"), "from a");
  EXPECT_EQ(names(place_.folder), "b c d/ ");
  EXPECT_EQ(storage_.rename_new(path("no"), path("e")).error().code, ErrorCode::not_found);
  EXPECT_EQ(storage_.rename_new(path("b"), path("no/e")).error().code, ErrorCode::not_found);
  EXPECT_EQ(read("b"), "from b");
}

TEST_P(StorageContract, OfManyWritersOfANewFileOneSucceeds) {
  constexpr int kRounds = 50, kWriters = 4;
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "f" + std::to_string(round);
    std::atomic<int> succeeded{0}, winner{-1};
    std::vector<std::thread> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&, i] {
        const std::string me = std::to_string(i);
        const Status status = write_new_file(storage_, path(name), me, me);
        if (status.ok()) {
          ++succeeded;
          winner = i;
        } else {
          EXPECT_EQ(status.error().code, ErrorCode::already_exists) << status.error().message;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_EQ(succeeded.load(), 1);
    EXPECT_EQ(read(name), std::to_string(winner.load()));
    ASSERT_TRUE(storage_.remove(path(name)).ok());
    EXPECT_EQ(names(place_.folder), "") << "no temporary file stays";
  }
}

TEST_P(FileStorageContract, RenamesAFolderWithAllInIt) {
  ASSERT_TRUE(storage_.make_dirs(path("d/e")).ok());
  write("d/f", "1");
  write("d/e/g", "2");
  write("dx", "another name with the same beginning");
  ASSERT_TRUE(storage_.rename(path("d"), path("t")).ok());
  EXPECT_EQ(read("t/f") + read("t/e/g"), "12");
  EXPECT_EQ(names(place_.folder), "dx t/ ");
  ASSERT_TRUE(storage_.make_dirs(path("full/x")).ok());
  EXPECT_EQ(storage_.rename(path("t"), path("full")).error().code, ErrorCode::already_exists);
  EXPECT_FALSE(storage_.rename(path("t"), path("t/inside")).ok());
}

TEST_P(FileStorageContract, FoldersAreMadeListedAndRemovedDeeply) {
  ASSERT_TRUE(storage_.make_dirs(path("a/b/c")).ok());
  ASSERT_TRUE(storage_.make_dirs(path("a/b/c")).ok());
  ASSERT_TRUE(storage_.make_dirs(path("a/b/d/")).ok());
  write("a/z", "12345");
  write("a/b/f", "");
  EXPECT_EQ(names(path("a")), "b/ z ");
  EXPECT_EQ(names(path("a/b/")), "c/ d/ f ");
  EXPECT_EQ(storage_.list(path("a")).value()[1].size_bytes, 5u);
  EXPECT_TRUE(storage_.exists(path("a/b")).value());
  ASSERT_TRUE(storage_.remove_all(path("a/b")).ok());
  EXPECT_EQ(names(path("a")), "z ");
  EXPECT_FALSE(storage_.exists(path("a/b/f")).value());
  ASSERT_TRUE(storage_.remove_all(path("a/z")).ok());
  EXPECT_EQ(names(path("a")), "");
}

TEST_P(FileStorageContract, WrongKindsAreRefused) {
  ASSERT_TRUE(storage_.make_dirs(path("d")).ok());
  write("f", "x");
  EXPECT_FALSE(storage_.create(path("d")).ok());
  EXPECT_FALSE(storage_.open(path("d")).ok());
  EXPECT_FALSE(storage_.remove(path("d")).ok());
  EXPECT_FALSE(storage_.make_dirs(path("f")).ok());
  EXPECT_FALSE(storage_.make_dirs(path("f/d")).ok());
  EXPECT_FALSE(storage_.create(path("f/g")).ok());
}

TEST_P(StorageContract, ReadFileRefusesMoreThanTheLimit) {
  write("f", "12345");
  EXPECT_EQ(read_file(storage_, path("f"), 5).value(), "12345");
  EXPECT_EQ(read_file(storage_, path("f"), 4).error().code, ErrorCode::invalid_argument);
}

TEST_P(StorageContract, WriteFileAtomicallyReplacesAndLeavesNothingBehind) {
  ASSERT_TRUE(write_file_atomically(storage_, path("f"), "one").ok());
  ASSERT_TRUE(write_file_atomically(storage_, path("f"), "two").ok());
  EXPECT_EQ(read("f"), "two");
  EXPECT_EQ(names(place_.folder), "f ");
  if (holds_objects()) return;
  EXPECT_EQ(write_file_atomically(storage_, path("no/f"), "x").error().code, ErrorCode::not_found);
}

INSTANTIATE_TEST_SUITE_P(Posix, StorageContract, ::testing::Values(&posix_place));
INSTANTIATE_TEST_SUITE_P(Memory, StorageContract, ::testing::Values(&memory_place));
INSTANTIATE_TEST_SUITE_P(S3, StorageContract, ::testing::Values(&s3_place));
INSTANTIATE_TEST_SUITE_P(Posix, FileStorageContract, ::testing::Values(&posix_place));
INSTANTIATE_TEST_SUITE_P(Memory, FileStorageContract, ::testing::Values(&memory_place));

// A server may do what it was asked for and lose its answer; asked again it finds the name taken.
TEST(PosixStorage, ARenameThatHadBeenDoneIsNoFailure) {
  const Place place = posix_place();
  const std::string from = join_path(place.folder, "from"), to = join_path(place.folder, "to");
  auto file = place.storage->create(from).value();
  ASSERT_TRUE(file->append("x").ok());
  ASSERT_TRUE(file->close().ok());
  ASSERT_EQ(::link(from.c_str(), to.c_str()), 0);
  EXPECT_TRUE(place.storage->rename_new(from, to).ok());
  EXPECT_FALSE(place.storage->exists(from).value());
  EXPECT_EQ(read_file(*place.storage, to).value(), "x");
  EXPECT_TRUE(place.storage->remove_all(place.folder).ok());
}

TEST(HeldLocks, MayHoldNothing) {
  MemoryStorage storage;
  HeldLocks held = HeldLocks::none();
  ASSERT_TRUE(held.hold(storage, "lock").ok());
  EXPECT_TRUE(storage.lock("lock").ok());
}

TEST(MemoryStorage, ACrashFreesLocks) {
  MemoryStorage storage;
  auto before = storage.lock("lock").value();
  storage.crash(1);
  const auto after = storage.lock("lock").value();
  before.reset();
  EXPECT_FALSE(storage.lock("lock").ok());
}

TEST(Path, OneFolderHasOneCanonicalName) {
  const std::string folder = std::filesystem::canonical(::testing::TempDir()).string() +
                             "/weir_path_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder + "/real");
  std::filesystem::create_directory_symlink("real", folder + "/link");
  for (const char* spelling :
       {"/real/not/there", "/link/not/there/", "/./link/../real//not/there"}) {
    EXPECT_EQ(canonical_path(folder + spelling), folder + "/real/not/there");
  }
  EXPECT_EQ(canonical_path("x"), std::filesystem::current_path().string() + "/x");
  EXPECT_EQ(canonical_path("/"), "/");
  EXPECT_EQ(canonical_path(""), "");
  std::filesystem::remove_all(folder);
}

TEST(PosixStorage, AFullDiskIsToldApart) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const auto storage = make_posix_storage();
  auto file = storage->create("/dev/full").value();
  const Status status = file->append("x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::disk_full);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_NE(status.error().message.find("/dev/full"), std::string::npos);
  EXPECT_NE(status.error().message.find("free space"), std::string::npos);
  EXPECT_EQ(file->append("x").error().code, ErrorCode::io) << "part of it may be there";
}

TEST(PosixStorage, AnErrorOfTheDiskMayHeal) {
  if (!std::filesystem::exists("/proc/self/mem")) GTEST_SKIP() << "no /proc/self/mem here";
  const auto storage = make_posix_storage();
  const auto file = storage->open("/proc/self/mem").value();
  char byte = 0;
  const auto read = file->read_at(0, &byte, 1);  // nothing is mapped there: EIO
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::io);
  EXPECT_TRUE(read.error().retryable);
}

/// Ends the process with 7 when a write that a limit cuts off fails and leaves the file unusable.
[[noreturn]] void write_beyond_a_limit(Storage& storage, const std::string& path) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, 1000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  auto file = storage.create(path).value();
  const Status status = file->append(std::string(1500, 'x'));
  std::_Exit(!status.ok() && !file->sync().ok() ? 7 : 1);
}

// A limit on the size of a file makes the kernel write a part first, then fail.
TEST(PosixStorageDeathTest, ShortWritesAreContinuedUntilTheError) {
  const Place place = posix_place();
  const std::string path = join_path(place.folder, "f");
  EXPECT_EXIT(write_beyond_a_limit(*place.storage, path), ::testing::ExitedWithCode(7), "");
  EXPECT_EQ(read_file(*place.storage, path).value(), std::string(1000, 'x'));
  EXPECT_TRUE(place.storage->remove_all(place.folder).ok());
}

TEST(PosixStorage, AFailedSyncIsFinal) {
  // A pipe takes bytes and cannot be synced.
  const Place place = posix_place();
  const std::string path = join_path(place.folder, "pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  auto file = place.storage->create(path).value();
  ASSERT_TRUE(file->append("x").ok());
  const Status status = file->sync();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::fsync_failed);
  EXPECT_FALSE(status.error().retryable);
  EXPECT_EQ(file->sync().error().code, ErrorCode::io) << "never retried";
  EXPECT_FALSE(file->append("y").ok());
  ::close(reader);
  EXPECT_FALSE(place.storage->open(path).ok()) << "a pipe cannot be read at any offset";
  EXPECT_TRUE(place.storage->remove_all(place.folder).ok());
}

TEST(Path, JoinsAndTakesApart) {
  EXPECT_EQ(join_path("a", "b"), "a/b");
  EXPECT_EQ(join_path("a/", "b"), "a/b");
  EXPECT_EQ(join_path("/", "b"), "/b");
  EXPECT_EQ(join_path("", "b"), "b");
  EXPECT_EQ(parent_path("a/b"), "a");
  EXPECT_EQ(parent_path("a//b/"), "a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "/");
  EXPECT_EQ(parent_path("a"), ".");
  EXPECT_EQ(parent_path(""), ".");
  EXPECT_EQ(file_name("a/b"), "b");
  EXPECT_EQ(file_name("a/b/"), "b");
  EXPECT_EQ(file_name("b"), "b");
  EXPECT_EQ(file_name("/"), "/");
  EXPECT_EQ(file_name(""), "");
}

}  // namespace
}  // namespace weir
