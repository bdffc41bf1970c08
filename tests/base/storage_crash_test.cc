// MemoryStorage as a disk that loses power, fills up and fails: what the crash tests of everything
// above stand on. Each property is tried with many seeds, and must also be seen to bite.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/storage.h"

namespace weir {
namespace {

constexpr std::uint64_t kSeeds = 200;

std::unique_ptr<AppendFile> append(Storage& disk, const std::string& path, std::string_view bytes) {
  auto file = disk.create(path).value();
  WEIR_CHECK(file->append(bytes).ok(), "a disk in memory takes bytes");
  return file;
}

void write_durably(Storage& disk, const std::string& path, std::string_view bytes) {
  const auto file = append(disk, path, bytes);
  WEIR_CHECK(file->sync().ok() && disk.sync_dir(".").ok(), "a disk in memory can be synced");
}

/// The content of `path`, or "-" when there is no such file.
std::string content(Storage& disk, const std::string& path) {
  const auto bytes = read_file(disk, path);
  return bytes.ok() ? *bytes : "-";
}

/// All outcomes of `prepare` and a crash, over many seeds; `look` describes what is left.
template <class Prepare, class Look>
std::set<std::string> outcomes(Prepare prepare, Look look) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    MemoryStorage disk;
    prepare(disk);
    disk.crash(seed);
    seen.insert(look(disk));
  }
  return seen;
}

using Outcomes = std::set<std::string>;

TEST(Crash, WhatWasSyncedStays) {
  EXPECT_EQ(outcomes([](Storage& disk) { write_durably(disk, "f", "durable"); },
                     [](Storage& disk) { return content(disk, "f"); }),
            Outcomes{"durable"});
}

TEST(Crash, ANameWithoutASyncOfItsFolderMayVanish) {
  EXPECT_EQ(outcomes([](Storage& disk) { WEIR_CHECK(append(disk, "f", "x")->sync().ok(), ""); },
                     [](Storage& disk) { return content(disk, "f"); }),
            (Outcomes{"-", "x"}));
}

TEST(Crash, UnsyncedBytesAreTornAtAnyPlace) {
  const Outcomes seen = outcomes(
      [](Storage& disk) {
        const auto file = append(disk, "f", "ab");
        WEIR_CHECK(file->sync().ok() && disk.sync_dir(".").ok(), "");
        WEIR_CHECK(file->append("cd").ok(), "");
      },
      [](Storage& disk) { return content(disk, "f"); });
  for (const char* expected : {"ab", "abc", "abcd"}) EXPECT_EQ(seen.count(expected), 1u);
  EXPECT_EQ(seen.count(std::string("abc\0", 4)), 1u) << "zeroes where data never came";
  for (const std::string& bytes : seen) EXPECT_EQ(bytes.substr(0, 2), "ab");
}

TEST(Crash, EmptyingAFileMayBeUndone) {
  const Outcomes seen = outcomes(
      [](Storage& disk) {
        write_durably(disk, "f", "old");
        append(disk, "f", "n");
      },
      [](Storage& disk) { return content(disk, "f"); });
  EXPECT_EQ(seen, (Outcomes{"old", "", "n", std::string(1, '\0')}));
}

TEST(Crash, ARenameHappensAsAWholeOrNotAtAll) {
  const auto look = [](Storage& disk) { return content(disk, "a") + "," + content(disk, "b"); };
  const auto prepare = [](Storage& disk) {
    write_durably(disk, "a", "new");
    write_durably(disk, "b", "old");
    WEIR_CHECK(disk.rename("a", "b").ok(), "");
  };
  EXPECT_EQ(outcomes(prepare, look), (Outcomes{"new,old", "-,new"}));
  const auto prepare_and_sync = [&](Storage& disk) {
    prepare(disk);
    WEIR_CHECK(disk.sync_dir(".").ok(), "");
  };
  EXPECT_EQ(outcomes(prepare_and_sync, look), Outcomes{"-,new"});
}

TEST(Crash, ANewNameComesAsAWholeOrNotAtAll) {
  const auto look = [](Storage& disk) { return content(disk, "a") + "," + content(disk, "b"); };
  const auto prepare = [](Storage& disk) {
    write_durably(disk, "a", "new");
    WEIR_CHECK(disk.rename_new("a", "b").ok(), "");
    WEIR_CHECK(!disk.rename_new("b", "b").ok(), "");
  };
  EXPECT_EQ(outcomes(prepare, look), (Outcomes{"new,-", "-,new"}));
}

TEST(Crash, NewFilesAreThereOrNotAndStayOnceReported) {
  const std::vector<std::string> steps = {"create",     "append",   "sync", "close",
                                          "rename_new", "sync_dir", "none"};
  for (const std::string& dies_at : steps) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      MemoryStorage disk;
      disk.set_fault([&](std::string_view operation, const std::string&) -> Status {
        if (operation == dies_at) return Error{ErrorCode::io, "power is gone"};
        return {};
      });
      const Status written = write_new_file(disk, "f", "new", "me");
      EXPECT_EQ(written.ok(), dies_at == "none");
      disk.set_fault(nullptr);
      const bool unknown = !written.ok() && written.error().code == ErrorCode::fsync_failed;
      EXPECT_EQ(unknown, dies_at == "sync_dir");
      EXPECT_EQ(disk.exists("f").value(), written.ok() || unknown);
      disk.crash(seed);
      const std::string bytes = content(disk, "f");
      if (!unknown) {
        ASSERT_EQ(bytes, written.ok() ? "new" : "-") << "died at " << dies_at << ", seed " << seed;
      }
      EXPECT_TRUE(bytes == "new" || bytes == "-");
    }
  }
}

TEST(Crash, ARenameBetweenFoldersIsDurableAfterASyncOfEither) {
  for (const char* synced : {"a", "b"}) {
    const Outcomes seen = outcomes(
        [&](Storage& disk) {
          WEIR_CHECK(disk.make_dirs("a").ok() && disk.make_dirs("b").ok(), "");
          WEIR_CHECK(append(disk, "a/f", "x")->sync().ok(), "");
          WEIR_CHECK(disk.rename("a/f", "b/f").ok() && disk.sync_dir(synced).ok(), "");
        },
        [](Storage& disk) { return content(disk, "a/f") + "," + content(disk, "b/f"); });
    EXPECT_EQ(seen, Outcomes{"-,x"});
  }
}

TEST(Crash, ALaterChangeOfANameNeverComesWithoutTheEarlier) {
  const Outcomes seen = outcomes(
      [](Storage& disk) {
        write_durably(disk, "staged", "1");
        WEIR_CHECK(disk.rename("staged", "part-1").ok(), "");
        WEIR_CHECK(append(disk, "staged", "2")->sync().ok(), "");
      },
      [](Storage& disk) { return content(disk, "staged") + "," + content(disk, "part-1"); });
  EXPECT_EQ(seen, (Outcomes{"1,-", "-,1", "2,1"})) << "the content 1 is never lost";
}

TEST(Crash, ARemovedFileMayComeBackUntilTheFolderIsSynced) {
  const auto look = [](Storage& disk) { return content(disk, "d/f"); };
  const auto prepare = [](Storage& disk) {
    WEIR_CHECK(disk.make_dirs("d").ok(), "");
    WEIR_CHECK(append(disk, "d/f", "x")->sync().ok() && disk.sync_dir("d").ok(), "");
    WEIR_CHECK(disk.remove("d/f").ok(), "");
  };
  EXPECT_EQ(outcomes(prepare, look), (Outcomes{"-", "x"}));
  EXPECT_EQ(outcomes(
                [&](Storage& disk) {
                  prepare(disk);
                  WEIR_CHECK(disk.sync_dir("d").ok(), "");
                },
                look),
            Outcomes{"-"});
}

TEST(Crash, RemovedFoldersComeBackFileByFile) {
  const Outcomes seen = outcomes(
      [](Storage& disk) {
        WEIR_CHECK(disk.make_dirs("d/e").ok(), "");
        WEIR_CHECK(append(disk, "d/f", "1")->sync().ok() && disk.sync_dir("d").ok(), "");
        WEIR_CHECK(append(disk, "d/e/g", "2")->sync().ok() && disk.sync_dir("d/e").ok(), "");
        WEIR_CHECK(disk.remove_all("d").ok(), "");
      },
      [](Storage& disk) {
        const bool folder = disk.exists("d").value();
        const std::string left = content(disk, "d/f") + content(disk, "d/e/g");
        EXPECT_EQ(folder, left != "--");
        return left;
      });
  EXPECT_EQ(seen, (Outcomes{"--", "1-", "-2", "12"}));
}

TEST(Crash, AFolderRenameHappensAsAWholeOrNotAtAll) {
  const Outcomes seen = outcomes(
      [](Storage& disk) {
        WEIR_CHECK(disk.make_dirs("tmp").ok(), "");
        for (const char* path : {"tmp/a", "tmp/b"}) {
          WEIR_CHECK(append(disk, path, "x")->sync().ok() && disk.sync_dir("tmp").ok(), "");
        }
        WEIR_CHECK(disk.rename("tmp", "final").ok(), "");
      },
      [](Storage& disk) {
        return content(disk, "tmp/a") + content(disk, "tmp/b") + content(disk, "final/a") +
               content(disk, "final/b");
      });
  EXPECT_EQ(seen, (Outcomes{"xx--", "--xx"}));
}

TEST(Crash, AtomicWritesAreOldOrNewAtEveryMoment) {
  const std::vector<std::string> steps = {"create", "append",   "sync", "close",
                                          "rename", "sync_dir", "none"};
  for (const std::string& dies_at : steps) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      MemoryStorage disk;
      ASSERT_TRUE(write_file_atomically(disk, "pointer", "old").ok());
      disk.set_fault([&](std::string_view operation, const std::string&) -> Status {
        if (operation == dies_at) return Error{ErrorCode::io, "power is gone"};
        return {};
      });
      const bool written = write_file_atomically(disk, "pointer", "new").ok();
      EXPECT_EQ(written, dies_at == "none");
      disk.set_fault(nullptr);
      disk.crash(seed);
      const std::string bytes = content(disk, "pointer");
      ASSERT_TRUE(bytes == "new" || (bytes == "old" && !written))
          << bytes << " after dying at " << dies_at << ", seed " << seed;
    }
  }
}

TEST(Crash, IsTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    MemoryStorage disk;
    for (int i = 0; i < 20; ++i) append(disk, "f" + std::to_string(i), "some bytes");
    disk.crash(seed);
    std::string all;
    for (int i = 0; i < 20; ++i) all += content(disk, "f" + std::to_string(i)) + ";";
    return all;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Crash, FilesOpenedBeforeFailAndNothingIsLostTwice) {
  MemoryStorage disk;
  write_durably(disk, "f", "x");
  const auto reader = disk.open("f").value();
  const auto writer = append(disk, "g", "y");
  disk.crash(1);
  char c;
  EXPECT_FALSE(reader->read_at(0, &c, 1).ok());
  EXPECT_FALSE(writer->append("z").ok());
  const std::string after = content(disk, "g");
  disk.crash(2);
  EXPECT_EQ(content(disk, "g"), after) << "what survived one crash is on the disk";
}

TEST(Crash, OpenFilesMayOutliveTheStorage) {
  auto disk = std::make_unique<MemoryStorage>();
  const auto writer = append(*disk, "f", "x");
  disk.reset();
  EXPECT_TRUE(writer->append("y").ok());
}

TEST(FullDisk, TakesWhatFitsAndHealsWhenSpaceIsFreed) {
  MemoryStorage disk;
  write_durably(disk, "ballast", "12345");
  disk.set_capacity(8);
  auto file = disk.create("f").value();
  const Status status = file->append("abcdef");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::disk_full);
  EXPECT_TRUE(status.error().retryable);
  EXPECT_FALSE(file->append("x").ok()) << "a torn file takes no more";
  EXPECT_EQ(content(disk, "f"), "abc");
  ASSERT_TRUE(disk.remove("ballast").ok());
  EXPECT_TRUE(disk.create("f").value()->append("abcdef").ok());
}

TEST(Fault, NamesTheOperationAndThePathAndIsItsResult) {
  MemoryStorage disk;
  std::vector<std::string> calls;
  disk.set_fault([&](std::string_view operation, const std::string& path) -> Status {
    calls.push_back(std::string(operation) + " " + path);
    if (operation == "sync") return Error{ErrorCode::fsync_failed, "injected"};
    return {};
  });
  ASSERT_TRUE(disk.make_dirs("d").ok());
  auto file = disk.create("d/f").value();
  ASSERT_TRUE(file->append("x").ok());
  EXPECT_EQ(file->sync().error().code, ErrorCode::fsync_failed);
  EXPECT_EQ(file->sync().error().code, ErrorCode::io) << "refused without asking again";
  ASSERT_TRUE(disk.rename("d/f", "d/g").ok());
  ASSERT_TRUE(disk.sync_dir("d").ok());
  EXPECT_EQ(calls, (std::vector<std::string>{"make_dirs d", "create d/f", "append d/f", "sync d/f",
                                             "rename d/f", "sync_dir d"}));
}

TEST(MemoryStorage, MayBeUsedByManyThreads) {
  MemoryStorage disk;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&disk, i] {
      for (int n = 0; n < 50; ++n) {
        const std::string path = std::to_string(i) + "-" + std::to_string(n);
        ASSERT_TRUE(write_file_atomically(disk, path, path).ok());
        ASSERT_EQ(content(disk, path), path);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(disk.list(".").value().size(), 200u);
}

}  // namespace
}  // namespace weir
