// Starting and asking a cluster; see local_cluster.h.
#include "bench/local_cluster.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "weir/base/check.h"

namespace weir::bench {
namespace {

std::filesystem::path build_folder() {
  return std::filesystem::canonical("/proc/self/exe").parent_path().parent_path();
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// What a command prints; its words hold no quotes.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  WEIR_CHECK(pipe != nullptr, "cannot start a command");
  std::string text;
  char piece[4096];
  for (std::size_t n; (n = std::fread(piece, 1, sizeof piece, pipe)) > 0;) text.append(piece, n);
  const int status = ::pclose(pipe);
  WEIR_CHECK(status == 0, (command + ": " + text).c_str());
  return text;
}

std::string weir() { return build_folder() / "bin/weir"; }

}  // namespace

LocalCluster::LocalCluster(unsigned workers) : folder_("local-cluster") {
  WEIR_CHECK(std::filesystem::exists(weir()), "the weir command is not built: ninja weir_cli");
  const std::string log = folder_.path() + "/log";
  const int fd = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  auto child = cluster::ChildProcess::start(
      {weir(),
       {"local", std::to_string(workers), "--slots", "1", "--http-port", "0", "--port", "0",
        "--work", folder_.path() + "/work"},
       {{"WEIR_TOKEN", ""}},
       fd});
  ::close(fd);
  WEIR_CHECK(child.ok(), "cannot start a cluster");
  child_ = std::move(*child);
  for (int i = 0; i < 3000; ++i) {
    const std::string said = text_of(log);
    const std::size_t at = said.find("http://");
    if (at != std::string::npos && said.find("Ctrl-C") != std::string::npos) {
      url_ = said.substr(at, said.find_first_not_of("0123456789.:", at + 7) - at);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  WEIR_CHECK(false, ("no cluster: " + text_of(log)).c_str());
}

std::string LocalCluster::submit(const std::string& library, unsigned parallelism,
                                 const std::map<std::string, std::string>& settings) const {
  std::string command = weir() + " submit " + (build_folder() / "jobs" / library).string() +
                        ".so --cluster " + url_ + " --parallelism " + std::to_string(parallelism) +
                        " --checkpoint-interval 1h";
  for (const auto& [name, value] : settings) command += " --set " + name + "=" + value;
  const std::string said = output_of(command);
  const std::size_t at = said.find("j-");
  WEIR_CHECK(at != std::string::npos, said.c_str());
  return said.substr(at, 10);
}

void LocalCluster::wait_finished(const std::string& job) const {
  for (int i = 0; i < 3000; ++i) {
    const std::string said = output_of(weir() + " status " + job + " --json --cluster " + url_);
    const auto is = [&said](const char* state) {
      return said.find("\"state\":\"" + std::string(state) + "\"") != std::string::npos;
    };
    if (is("finished")) return;
    WEIR_CHECK(!is("failed") && !is("restarting"), said.c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  WEIR_CHECK(false, "a job of a benchmark does not end");
}

}  // namespace weir::bench
