// Folders of this user alone.
#include "weir/base/own_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace weir {
namespace {

namespace fs = std::filesystem;

class OwnFolder : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("weir-own-folder-" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directory(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  static unsigned mode(const fs::path& path) {
    struct stat info;
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }
  fs::path root_;
};

TEST_F(OwnFolder, IsMadeForThisUserAlone) {
  const fs::path path = root_ / "new";
  EXPECT_EQ(own_folder(path, false).error().code, ErrorCode::not_found);
  ASSERT_TRUE(own_folder(path, true).ok());
  EXPECT_EQ(mode(path), 0700u);
  EXPECT_TRUE(own_folder(path, false).ok());
}

TEST_F(OwnFolder, ThatOthersMayReadIsClosed) {
  fs::permissions(root_, fs::perms(0755));
  ASSERT_TRUE(own_folder(root_, true).ok());
  EXPECT_EQ(mode(root_), 0700u);
}

TEST_F(OwnFolder, IsRefusedWhereOthersMayHavePutSomething) {
  fs::permissions(root_, fs::perms(0777));
  EXPECT_EQ(own_folder(root_, true).error().code, ErrorCode::io);
  EXPECT_EQ(mode(root_), 0777u) << "it stays as it is";
  fs::permissions(root_, fs::perms(0700));
  fs::create_directory_symlink(root_, root_ / "link");
  EXPECT_FALSE(own_folder(root_ / "link", true).ok());
  if (::geteuid() != 0) return;
  fs::create_directory(root_ / "theirs");
  ASSERT_EQ(::chown((root_ / "theirs").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(own_folder(root_ / "theirs", true).ok());
}

}  // namespace
}  // namespace weir
