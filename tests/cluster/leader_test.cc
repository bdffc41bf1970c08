// A leader on a real registry in a folder, without workers. What it does with them is tested by
// coordinator_server_test.cc, and what it decides by scheduler_test.cc.
#include "weir/cluster/leader.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/cluster/temporary_folder.h"
#include "weir/base/check.h"

namespace weir::cluster {
namespace {

class LeaderTest : public testing::Test {
 protected:
  void SetUp() override {
    registry_ = open_file_registry(folder_.path()).value();
    epoch_ = registry_->campaign("here").value().epoch;
    control_ = std::make_unique<SerialThread>(
        *clock_, [this] { return leader_ ? leader_->tick() : SteadyTime::max(); });
    writes_ = std::make_unique<SerialThread>(*clock_);
  }
  void TearDown() override {
    control_->end();
    writes_->end();
  }
  /// On the control thread.
  template <class Work>
  void there(Work work) {
    std::promise<void> done;
    control_->post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void lead(std::vector<JobRecord> records, LeaderOptions options = {}) {
    there([&] {
      leader_ = std::make_unique<ClusterLeader>(
          options,
          LeaderSeams{*clock_, *registry_, *control_, *writes_, [] { return SteadyTime::max(); }},
          epoch_, RecordSet{std::move(records), {}});
    });
  }
  /// What became of a request.
  template <class Request>
  Status ask(Request request) {
    std::promise<Status> told;
    control_->post(
        [&] { request(*leader_, [&](const Status& status) { told.set_value(status); }); });
    return told.get_future().get();
  }
  static JobRecord job(const std::string& id) {
    JobRecord record;
    record.id = id;
    record.spec.name = "carts";
    return record;
  }
  Status submit(const std::string& id) {
    return ask([&](ClusterLeader& leader, auto done) { leader.submit(job(id), done); });
  }
  Status cancel(const std::string& id) {
    return ask([&](ClusterLeader& leader, auto done) { leader.cancel(id, done); });
  }
  std::size_t kept() { return registry_->list("jobs/").value().size(); }

  TemporaryFolder folder_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Registry> registry_;
  std::uint64_t epoch_ = 0;
  std::unique_ptr<ClusterLeader> leader_;
  std::unique_ptr<SerialThread> writes_, control_;
};

TEST_F(LeaderTest, ARecordThatTheRegistryNeverTakesCostsOnlyItself) {
  JobRecord large = job("j-large");
  large.spec.settings["text"] = std::string(kMaxValueBytes, 'x');
  lead({large});
  const Status refused = cancel("j-large");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("1048576"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(submit("j-1").ok()) << "others need not wait";
  EXPECT_EQ(kept(), 1u);
  there([&] { EXPECT_EQ(leader_->over(), std::nullopt); });
}

TEST_F(LeaderTest, JobsThatAreOverAreForgottenBeyondTheNewest) {
  LeaderOptions options;
  options.keep_jobs = 2;
  lead({}, options);
  for (int i = 0; i < 5; ++i) {
    const std::string id = "j-" + std::to_string(i);
    ASSERT_TRUE(submit(id).ok());
    ASSERT_TRUE(cancel(id).ok());
  }
  ASSERT_TRUE(submit("j-last").ok());  // behind all that was to be erased
  EXPECT_EQ(kept(), 3u);
  EXPECT_TRUE(submit("j-0").ok()) << "nothing is left of it, in memory either";
}

}  // namespace
}  // namespace weir::cluster
