// A real S3 server for the tests of this program, started when the first one asks for it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "weir/base/s3/s3.h"

namespace weir::testing {

/// Runs tests/servers/s3_server.py until it is destroyed.
class S3Server {
 public:
  static S3Server& get() {
    static S3Server server;
    return server;
  }

  /// Why there is none, or empty.
  const std::string& missing() const { return missing_; }
  std::string address() const { return url_.substr(url_.rfind('/') + 1); }  ///< HOST:PORT

  S3Options options() const {
    S3Options options;
    options.endpoint = url_;
    options.access_key = "testkey";
    options.secret_key = "testsecret";
    options.first_pause = std::chrono::milliseconds(5);
    return options;
  }
  /// A folder that nothing has used before.
  std::string fresh_folder() {
    return "s3://weir-test/" + std::to_string(::getpid()) + "-" + std::to_string(++folders_);
  }

 private:
  S3Server() : folder_(::testing::TempDir() + "weir_s3_XXXXXX") {
    WEIR_CHECK(::mkdtemp(folder_.data()) != nullptr, "the temporary folder can be written");
    std::array<int, 2> in, out;
    WEIR_CHECK(::pipe(in.data()) == 0 && ::pipe(out.data()) == 0, "there are pipes");
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
      const char* script = WEIR_TEST_SOURCE_DIR "/tests/servers/s3_server.py";
      ::execlp("python3", "python3", "-B", script, folder_.c_str(), nullptr);
      ::_exit(1);
    }
    ::close(in[0]);
    ::close(out[1]);
    stop_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    if (line.starts_with("ready ")) {
      url_ = line.substr(6);
    } else {
      missing_ = line.empty() ? "there is no python3" : line;
    }
  }
  ~S3Server() {
    ::close(stop_);
    ::waitpid(child_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string folder_, url_, missing_;
  pid_t child_ = -1;
  int stop_ = -1, folders_ = 0;
};

}  // namespace weir::testing
