// Driving processes of a job; see attempt.h.
#include "tests/cluster/attempt.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir/base/check.h"

namespace weir::cluster {
namespace {

constexpr std::chrono::seconds kPatience{60};
const std::string kToken = "token of the test";

}  // namespace

Attempt::Attempt(JobSpec spec, std::uint64_t number, std::vector<std::uint32_t> slots)
    : spec_(std::move(spec)),
      number_(number),
      slots_(std::move(slots)),
      network_(std::make_unique<net::Network>()) {
  const auto greet = [](const net::Hello& theirs) -> Result<net::Hello> {
    if (theirs.token == kToken) return theirs;
    return Error{ErrorCode::incompatible, "another token"};
  };
  const auto port =
      network_->listen("127.0.0.1", 0, net::LinkOptions(), greet,
                       [this](const net::Hello& theirs, std::unique_ptr<net::Link> link) {
                         arrived(theirs, std::move(link));
                       });
  WEIR_CHECK(port.ok(), "a test can listen");
  port_ = *port;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) spawn(i);
}

Attempt::~Attempt() {
  for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
  for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  std::map<std::uint32_t, std::unique_ptr<net::Link>> links;
  {
    const std::lock_guard lock(mutex_);
    links.swap(links_);
  }
  links.clear();
  network_.reset();
}

void Attempt::spawn(std::uint32_t process) {
  const std::string id = spec_.name + "/" + std::to_string(number_) + "/" + std::to_string(process);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.push_back("WEIR_TEST_PROCESS=" + id);
  environment.push_back("WEIR_TEST_WORKER=" + std::to_string(port_));
  environment.push_back("WEIR_PROCESS_TOKEN=" + kToken);
  std::vector<char*> environment_pointers;
  for (std::string& entry : environment) environment_pointers.push_back(entry.data());
  environment_pointers.push_back(nullptr);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=AttemptProcess.Run";
  char* arguments[] = {program.data(), filter.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  // Its log matters when a test fails.
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &files, nullptr, arguments, environment_pointers.data());
  posix_spawn_file_actions_destroy(&files);
  WEIR_CHECK(failed == 0, "a test can start itself");
  pids_.push_back(pid);
}

void Attempt::arrived(const net::Hello& theirs, std::unique_ptr<net::Link> link) {
  const std::uint32_t process = theirs.process;
  Assignment assignment;
  assignment.start.id = {spec_.name, number_, process};
  assignment.start.spec = spec_;
  for (const std::uint32_t slots : slots_) assignment.start.processes.push_back({"test", slots});
  assignment.host = "127.0.0.1";
  assignment.token = kToken;
  link->start(
      [this, process](const Error&) {
        const std::lock_guard lock(mutex_);
        end_.gone.push_back(process);
        changed_.notify_all();
      },
      [this, process](std::string_view bytes) { received(process, bytes); });
  link->send(encode(assignment));
  const std::lock_guard lock(mutex_);
  links_[process] = std::move(link);
}

void Attempt::received(std::uint32_t, std::string_view bytes) {
  const Result<Message> message = decode(bytes);
  WEIR_CHECK(message.ok(), "processes speak clearly");
  const std::lock_guard lock(mutex_);
  if (const auto* report = std::get_if<ProcessReport>(&*message)) on_report(*report);
  if (const auto* answer = std::get_if<Answer>(&*message)) answers_[answer->request] = *answer;
  changed_.notify_all();
}

void Attempt::on_report(const ProcessReport& report) {
  reports_[report.id.process] = report;
  if (report.phase == ProcessPhase::ended) {
    if (report.failure) end_.failures.push_back(*report.failure);
    if (report.id.process == 0 && report.outcome != JobState::running) {
      end_.outcome = report.outcome;
      end_.checkpoint = report.checkpoint;
    }
  }
  if (told_peers_ || reports_.size() < slots_.size()) return;
  Peers peers{spec_.name, number_, {}};
  for (const auto& [process, known] : reports_) {
    if (known.phase == ProcessPhase::starting) return;
    peers.addresses.push_back(known.address);
  }
  told_peers_ = true;
  for (const auto& [process, link] : links_) link->send(encode(peers));
}

bool Attempt::over() const {
  return end_.outcome != JobState::running || !end_.failures.empty() || !end_.gone.empty();
}

AttemptEnd Attempt::wait() {
  std::unique_lock lock(mutex_);
  const bool ended = changed_.wait_for(lock, kPatience, [this] { return over(); });
  WEIR_CHECK(ended, "an attempt of the test did not end");
  return end_;
}

bool Attempt::wait_until_running() {
  std::unique_lock lock(mutex_);
  const auto running = [this] {
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      const auto report = reports_.find(i);
      if (report == reports_.end() || report->second.phase < ProcessPhase::running) return false;
    }
    return true;
  };
  changed_.wait_for(lock, kPatience, [&] { return over() || running(); });
  return running() && !over();
}

void Attempt::kill(std::uint32_t process) { ::kill(pids_[process], SIGKILL); }

void Attempt::wait_for_checkpoint() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [this] {
    return over() || (reports_.contains(0) && reports_[0].checkpoint > 0);
  });
}

Result<std::string> Attempt::ask(const std::string& json) {
  std::unique_lock lock(mutex_);
  const std::uint64_t request = next_request_++;
  if (!links_.contains(0)) return Error{ErrorCode::io, "the master has not come yet", true};
  links_.at(0)->send(encode(Ask{request, {spec_.name, number_, 0}, json}));
  changed_.wait_for(lock, kPatience, [&] { return answers_.contains(request) || over(); });
  if (!answers_.contains(request)) return Error{ErrorCode::io, "no answer", true};
  const Answer& answer = answers_.at(request);
  if (answer.failure) return *answer.failure;
  return answer.json;
}

}  // namespace weir::cluster
