// Messages: every kind arrives as it was sent, and no bytes do harm.
#include "weir/cluster/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "weir/base/clock.h"

namespace weir::cluster {
namespace {

using ::testing::HasSubstr;

const ProcessId kId{"j-0a1b2c3d", UINT64_MAX, 7};

Start full_start() {
  Start start;
  start.id = kId;
  start.spec = {"orders",
                "orders.so",
                "0123abcd",
                {{"input", "/in"}, {"output", std::string("/o\0\xff", 4)}},
                {{"memory", "4GB"}},
                8,
                "/state",
                "none"};
  start.processes = {{"host-1.5f3a", 4}, {"host-2.0001", UINT32_MAX}};
  start.library_path = "/shared/libraries/0123abcd.so";
  start.over = {"j-00000001", "", "j-00000002"};
  return start;
}

ProcessReport full_report() {
  ProcessReport report;
  report.id = kId;
  report.phase = ProcessPhase::ended;
  report.address = {"10.0.0.7", 65535};
  report.outcome = JobState::cancelled;
  report.checkpoint = UINT64_MAX - 1;
  report.failure = Error{ErrorCode::user_code, "A step threw: \"\n\"", true};
  report.failed_task = FailedTask{"map, sink", 3, 1};
  return report;
}

/// One of each kind with all that it can say, and some with as little as they can.
std::vector<Message> messages() {
  ProcessReport bare;
  bare.id = {"j-1", 1, 0};
  return {Register{"host-1.5f3a", "10.0.0.7", 16, "build", {full_report(), bare}},
          Register{},
          Heartbeat{},
          full_report(),
          bare,
          Answer{3, R"({"ok":true})", Error{ErrorCode::not_found, "no", false}},
          Answer{4, "{}", std::nullopt},
          Welcome{UINT64_MAX, 100, 2000},
          full_start(),
          Start{},
          Peers{"j-1", 9, {{"a", 1}, {"b", 2}, {"", 0}}},
          Kill{"j-1", 9},
          Ask{5, kId, R"({"request":"status"})"},
          Assignment{full_start(), "/work/libraries/0123abcd.so", "10.0.0.7", "secret"}};
}

TEST(Messages, EveryKindArrivesAsItWasSent) {
  const auto sent = messages();
  std::vector<std::size_t> kinds;
  for (const Message& message : sent) {
    const std::string bytes = encode(message);
    const auto arrived = decode(bytes);
    ASSERT_TRUE(arrived.ok()) << message.index() << ": " << arrived.error().message;
    EXPECT_EQ(arrived->index(), message.index());
    EXPECT_EQ(encode(*arrived), bytes) << message.index();
    kinds.push_back(message.index());
  }
  for (std::size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
    EXPECT_THAT(kinds, ::testing::Contains(kind));
  }
}

TEST(Messages, EachFieldIsKept) {
  // Encoding again would not notice a field that is never written.
  const auto start = std::get<Start>(*decode(encode(full_start())));
  const Start sent = full_start();
  EXPECT_EQ(start.id, sent.id);
  EXPECT_EQ(start.spec.name, sent.spec.name);
  EXPECT_EQ(start.spec.library, sent.spec.library);
  EXPECT_EQ(start.spec.library_hash, sent.spec.library_hash);
  EXPECT_EQ(start.spec.settings, sent.spec.settings);
  EXPECT_EQ(start.spec.options, sent.spec.options);
  EXPECT_EQ(start.spec.parallelism, sent.spec.parallelism);
  EXPECT_EQ(start.spec.state_dir, sent.spec.state_dir);
  EXPECT_EQ(start.spec.from, sent.spec.from);
  ASSERT_EQ(start.processes.size(), 2u);
  EXPECT_EQ(start.processes[1].worker, "host-2.0001");
  EXPECT_EQ(start.processes[1].slots, UINT32_MAX);
  EXPECT_EQ(start.library_path, sent.library_path);

  const auto worker =
      std::get<Register>(*decode(encode(Register{"w", "h", 3, "b", {full_report()}})));
  EXPECT_EQ(worker.worker + worker.host + worker.build_id, "whb");
  EXPECT_EQ(worker.slots, 3u);
  ASSERT_EQ(worker.processes.size(), 1u);
  const ProcessReport& report = worker.processes[0];
  EXPECT_EQ(report.id, kId);
  EXPECT_EQ(report.phase, ProcessPhase::ended);
  EXPECT_EQ(report.address, full_report().address);
  EXPECT_EQ(report.outcome, JobState::cancelled);
  EXPECT_EQ(report.checkpoint, UINT64_MAX - 1);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->code, ErrorCode::user_code);
  EXPECT_EQ(report.failure->message, "A step threw: \"\n\"");
  EXPECT_TRUE(report.failure->retryable);
  ASSERT_TRUE(report.failed_task);
  EXPECT_EQ(report.failed_task->steps, "map, sink");
  EXPECT_EQ(report.failed_task->subtask, 3u);
  EXPECT_EQ(report.failed_task->process, 1u);

  const auto answer = std::get<Answer>(*decode(encode(Answer{4, "{}", std::nullopt})));
  EXPECT_EQ(answer.request, 4u);
  EXPECT_EQ(answer.json, "{}");
  EXPECT_FALSE(answer.failure);
  const auto welcome = std::get<Welcome>(*decode(encode(Welcome{8, 100, 2000})));
  EXPECT_EQ(welcome.epoch, 8u);
  EXPECT_EQ(welcome.heartbeat_ms, 100u);
  EXPECT_EQ(welcome.timeout_ms, 2000u);
  const auto peers = std::get<Peers>(*decode(encode(Peers{"j", 9, {{"a", 1}, {"b", 2}}})));
  EXPECT_EQ(peers.job, "j");
  EXPECT_EQ(peers.attempt, 9u);
  EXPECT_EQ(peers.addresses, (std::vector<Address>{{"a", 1}, {"b", 2}}));
  const auto kill = std::get<Kill>(*decode(encode(Kill{"j", 9})));
  EXPECT_EQ(kill.job, "j");
  EXPECT_EQ(kill.attempt, 9u);
  const auto ask = std::get<Ask>(*decode(encode(Ask{5, kId, "{}"})));
  EXPECT_EQ(ask.request, 5u);
  EXPECT_EQ(ask.id, kId);
  EXPECT_EQ(ask.json, "{}");
  const auto assignment =
      std::get<Assignment>(*decode(encode(Assignment{full_start(), "lib", "host", "token"})));
  EXPECT_EQ(assignment.start.id, kId);
  EXPECT_EQ(assignment.library + assignment.host + assignment.token, "libhosttoken");
}

TEST(Messages, AllErrorsAndStatesArriveAsThemselves) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::killed); ++code) {
    const Answer answer{1, "", Error{static_cast<ErrorCode>(code), "why", false}};
    const auto arrived = decode(encode(answer));
    ASSERT_TRUE(arrived.ok());
    EXPECT_EQ(static_cast<int>(std::get<Answer>(*arrived).failure->code), code);
  }
  for_each_enumerator<JobState>([](const char* name, JobState state) {
    ProcessReport report;
    report.outcome = state;
    const auto arrived = decode(encode(report));
    ASSERT_TRUE(arrived.ok()) << name;
    EXPECT_EQ(std::get<ProcessReport>(*arrived).outcome, state) << name;
  });
}

TEST(Messages, WhatIsCutShortIsRefused) {
  for (const Message& message : messages()) {
    const std::string bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto arrived = decode(std::string_view(bytes).substr(0, size));
      ASSERT_FALSE(arrived.ok()) << "kind " << message.index() << ", " << size << " bytes";
      ASSERT_EQ(arrived.error().code, ErrorCode::corrupt);
    }
    EXPECT_FALSE(decode(bytes + std::string(8, '\0')).ok());
  }
}

/// What decodes must encode, and decode as the same.
void expect_sound(const std::string& bytes) {
  const auto arrived = decode(bytes);
  if (!arrived.ok()) {
    EXPECT_TRUE(arrived.error().code == ErrorCode::corrupt ||
                arrived.error().code == ErrorCode::incompatible);
    return;
  }
  const std::string written = encode(*arrived);
  const auto again = decode(written);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(encode(*again), written);
}

TEST(Messages, EachFlippedBitIsReadOrRefused) {
  for (const Message& message : messages()) {
    const std::string bytes = encode(message);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      expect_sound(damaged);
    }
  }
}

TEST(Messages, ScrambledBytesAreReadOrRefused) {
  constexpr std::uint64_t kSeed = 20240611;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Random random(kSeed);
  const auto all = messages();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = encode(all[random.below(all.size())]);
    for (std::uint64_t n = 1 + random.below(8); n > 0; --n) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    expect_sound(bytes);
  }
}

TEST(Messages, AnUnknownKindSaysThatTheOtherEndIsNewer) {
  std::string bytes = encode(Heartbeat{});
  // One segment: its table is a word, then the root's pointer, then the root, which begins with the
  // number of the union's member.
  const std::uint16_t kind = 4711;
  std::memcpy(bytes.data() + 16, &kind, sizeof kind);
  const auto arrived = decode(bytes);
  ASSERT_FALSE(arrived.ok());
  EXPECT_EQ(arrived.error().code, ErrorCode::incompatible);
  EXPECT_THAT(arrived.error().message, HasSubstr("4711"));
  EXPECT_THAT(arrived.error().message, HasSubstr("newer"));
}

TEST(Messages, UnknownTextsOfStatesAreCorrupt) {
  ProcessReport report;
  report.outcome = JobState::restarting;
  std::string bytes = encode(report);
  bytes.replace(bytes.find("restarting"), 10, "unheard_of");
  const auto state = decode(bytes);
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code, ErrorCode::corrupt);
  EXPECT_THAT(state.error().message, HasSubstr("unheard_of"));
}

TEST(Messages, AFailureOfAKindThatIsNotKnownHereIsAFailure) {
  std::string bytes = encode(Answer{1, "", Error{ErrorCode::disk_full, "what happened", true}});
  bytes.replace(bytes.find("disk_full"), 9, "disk_gone");
  const auto arrived = decode(bytes);
  ASSERT_TRUE(arrived.ok()) << arrived.error().message;
  const auto& failure = std::get<Answer>(*arrived).failure;
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, ErrorCode::io);
  EXPECT_EQ(failure->message, "what happened");
  EXPECT_TRUE(failure->retryable);
}

TEST(Messages, AListOfNothingThatClaimsMillionsIsRefused) {
  // The list of addresses becomes one of 2^28 structs of no size, which take no bytes at all.
  std::string bytes = encode(Peers{"j", 1, {{"a", 1}}});
  const std::size_t words = bytes.size() / 8;
  bool found = false;
  for (std::size_t i = 1; i < words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + 8 * i, 8);
    if ((word & 3) != 1 || ((word >> 32) & 7) != 7) continue;  // a list of structs
    const std::size_t tag_at = i + 1 + static_cast<std::size_t>((word & UINT32_MAX) >> 2);
    const std::uint64_t tag = std::uint64_t{1 << 28} << 2;
    word &= (std::uint64_t{7} << 32) | UINT32_MAX;  // no words behind the tag
    std::memcpy(bytes.data() + 8 * i, &word, 8);
    std::memcpy(bytes.data() + 8 * tag_at, &tag, 8);
    found = true;
  }
  ASSERT_TRUE(found);
  const auto arrived = decode(bytes);
  ASSERT_FALSE(arrived.ok());
  EXPECT_EQ(arrived.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace weir::cluster
