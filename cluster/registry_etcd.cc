// The registry in etcd. Under the cluster's prefix:
//
//   leader        OWNER ' ' ADDRESS, held by the leader's lease; its create revision is the epoch
//   writes        the newest write of a leader: OWNER '.' NUMBER
//   records/KEY   what `put` keeps
//
// OWNER names one registry object, in hexadecimal digits, so that it knows its own key again when
// the answer to its campaign was lost.
//
// Every write is a transaction on two conditions: that the leader key is still of this epoch, and
// that `writes`, which it changes too, is still as the leader knows it. By the first, nobody writes
// who has lost the lead (hazard H26). By the second, each write is carried out once and in order:
// whatever a member of etcd still has of an older attempt, perhaps because it was frozen with the
// request in its hands, fails as soon as a newer write is there. A write whose answer is lost is
// simply sent again: the value of `writes` tells whether it was carried out before.
//
// Invariant: `writes_revision_` is the revision of the newest write known of this leader.
// Any thread. `writing_` orders campaigns and writes; renewals do not wait for them.
#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "weir/base/clock.h"
#include "weir/cluster/etcd_client.h"
#include "weir/cluster/registry.h"
#include "weir/cluster/registry_key.h"

namespace weir::cluster {
namespace {

using std::chrono::milliseconds;

std::string random_owner() {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx",
                static_cast<unsigned long long>(entropy_seed()),
                static_cast<unsigned long long>(entropy_seed()));
  return text;
}

/// The first key behind all that begin with `prefix`, which ends with a character, not with 0xff.
std::string behind(std::string prefix) {
  ++prefix.back();
  return prefix;
}

class EtcdRegistry : public Registry {
 public:
  explicit EtcdRegistry(EtcdOptions options)
      : options_(std::move(options)),
        client_(options_.endpoints, options_.timeout / static_cast<int>(options_.endpoints.size()),
                options_.tls) {}

  Result<Leader> campaign(const std::string& address) override;
  Status renew(std::uint64_t epoch) override;
  milliseconds term() const override { return options_.term; }
  void resign(std::uint64_t epoch) override;
  Result<std::optional<Leader>> leader() override;
  Result<Listing> read(const std::string& prefix) override;
  Status put(std::uint64_t epoch, const std::string& key, const std::string& value) override {
    WEIR_TRY(check_record(key, value));
    return write(epoch, {records() + key, value, {}, false}, "write " + key);
  }
  Status erase(std::uint64_t epoch, const std::string& key) override {
    WEIR_TRY(check_record(key, {}));
    return write(epoch, {records() + key, {}, {}, true}, "erase " + key);
  }

 private:
  struct Lead {
    std::uint64_t epoch = 0;
    std::string lease;
    std::string address;
  };

  std::string leader_key() const { return options_.prefix + "leader"; }
  std::string writes_key() const { return options_.prefix + "writes"; }
  std::string records() const { return options_.prefix + "records/"; }

  EtcdCall begin_call() const {
    return {std::chrono::steady_clock::now() + options_.timeout, false};
  }
  bool is_mine(const EtcdEntry& entry) const { return entry.value.starts_with(owner_ + " "); }
  static Leader leader_of(const EtcdEntry& entry);
  Result<std::optional<EtcdEntry>> find_leader(EtcdCall& call);
  Result<Leader> run_for_it(const std::string& address, EtcdCall& call);
  Result<Leader> take_up(const EtcdEntry& entry, EtcdCall& call);
  Status keep(const Lead& lead, EtcdCall& call);
  Status write(std::uint64_t epoch, EtcdWrite change, const std::string& what);

  std::optional<Lead> lead_of(std::uint64_t epoch) {
    const std::lock_guard lock(mutex_);
    return lead_ && lead_->epoch == epoch ? lead_ : std::nullopt;
  }
  void forget(std::uint64_t epoch) {
    const std::lock_guard lock(mutex_);
    if (lead_ && lead_->epoch == epoch) lead_.reset();
  }

  const EtcdOptions options_;
  const std::string owner_ = random_owner();
  EtcdClient client_;
  std::mutex writing_;  // taken before mutex_
  std::uint64_t writes_revision_ = 0;
  std::uint64_t writes_ = 0;  // how many this object began
  std::mutex mutex_;          // held for moments only
  std::optional<Lead> lead_;  // as far as is known
};

Leader EtcdRegistry::leader_of(const EtcdEntry& entry) {
  const std::size_t space = entry.value.find(' ');
  const bool found = space != std::string::npos;
  return {entry.create_revision, found ? entry.value.substr(space + 1) : std::string()};
}

Result<std::optional<EtcdEntry>> EtcdRegistry::find_leader(EtcdCall& call) {
  WEIR_ASSIGN(std::vector<EtcdEntry> found, client_.range(leader_key(), {}, call));
  if (found.empty()) return std::optional<EtcdEntry>();
  return std::optional(std::move(found.front()));
}

Result<std::optional<Leader>> EtcdRegistry::leader() {
  EtcdCall call = begin_call();
  WEIR_ASSIGN(const std::optional<EtcdEntry> entry, find_leader(call));
  if (!entry) return std::optional<Leader>();
  return std::optional(leader_of(*entry));
}

// ---- election

Result<Leader> EtcdRegistry::campaign(const std::string& address) {
  const std::lock_guard order(writing_);
  EtcdCall call = begin_call();
  // A second look when the first found our own key with a lease that was just over.
  for (int look = 0;; ++look) {
    WEIR_ASSIGN(const std::optional<EtcdEntry> entry, find_leader(call));
    if (!entry) return run_for_it(address, call);
    if (!is_mine(*entry)) return leader_of(*entry);
    Result<Leader> mine = take_up(*entry, call);
    if (mine.ok() || mine.error().code != ErrorCode::not_found || look == 1) return mine;
  }
}

/// Nobody leads: takes a lease, and with it the lead unless another is quicker.
Result<Leader> EtcdRegistry::run_for_it(const std::string& address, EtcdCall& call) {
  const auto ttl = std::chrono::ceil<std::chrono::seconds>(options_.term);
  WEIR_ASSIGN(const std::string lease, client_.grant(ttl, call));
  EtcdTxn txn;
  txn.compare.push_back({EtcdCompare::Target::create, leader_key(), 0});
  txn.success.push_back({leader_key(), owner_ + " " + address, lease, false});
  txn.success.push_back({writes_key(), owner_ + "." + std::to_string(++writes_), {}, false});
  txn.failure.push_back(leader_key());
  // Without an answer the lead may be ours: the next campaign finds the key and takes it up. If
  // there is none, the lease runs out.
  WEIR_ASSIGN(const EtcdTxnResult result, client_.txn(txn, call));
  if (result.succeeded) {
    writes_revision_ = result.revision;
    const std::lock_guard lock(mutex_);
    lead_ = Lead{result.revision, lease, address};
    return Leader{result.revision, address};
  }
  if (result.entries.empty()) {
    return Error{ErrorCode::io, "etcd says both that there is a leader and that there is none",
                 true};
  }
  // Ours: an earlier attempt of the same transaction was carried out.
  if (is_mine(result.entries.front())) return take_up(result.entries.front(), call);
  static_cast<void>(client_.revoke(lease, call));  // else it runs out
  return leader_of(result.entries.front());
}

/// Goes on with a lead that is ours by its key, for a whole term from now.
Result<Leader> EtcdRegistry::take_up(const EtcdEntry& entry, EtcdCall& call) {
  const Leader leader = leader_of(entry);
  Lead lead{leader.epoch, entry.lease, leader.address};
  WEIR_TRY(keep(lead, call));
  const std::lock_guard lock(mutex_);
  if (!lead_ || lead_->epoch != lead.epoch) {
    writes_revision_ = lead.epoch;  // a later one is noticed by the first write
    lead_ = std::move(lead);
  }
  return leader;
}

Status EtcdRegistry::renew(std::uint64_t epoch) {
  const std::optional<Lead> lead = lead_of(epoch);
  if (!lead) return not_leading("renew the lead", epoch);
  EtcdCall call = begin_call();
  return keep(*lead, call);
}

Status EtcdRegistry::keep(const Lead& lead, EtcdCall& call) {
  const auto lost = [&] {
    forget(lead.epoch);
    return not_leading("renew the lead", lead.epoch);
  };
  const Status kept = client_.keep_alive(lead.lease, call);
  if (!kept.ok()) return kept.error().code == ErrorCode::not_found ? lost() : kept.error();
  // A member that is cut off renews leases alone: the majority must say that it is ours (H27).
  WEIR_ASSIGN(const std::optional<EtcdEntry> entry, find_leader(call));
  if (!entry || entry->create_revision != lead.epoch) return lost();
  return {};
}

void EtcdRegistry::resign(std::uint64_t epoch) {
  const std::lock_guard order(writing_);
  const std::optional<Lead> lead = lead_of(epoch);
  if (!lead) return;
  forget(epoch);
  EtcdCall call = begin_call();
  static_cast<void>(client_.revoke(lead->lease, call));  // else it runs out
}

// ---- records

Result<Listing> EtcdRegistry::read(const std::string& prefix) {
  WEIR_TRY(check_key_prefix(prefix));
  EtcdCall call = begin_call();
  const std::string from = records() + prefix;
  WEIR_ASSIGN(std::vector<EtcdEntry> entries, client_.range(from, behind(from), call));
  Listing listing;
  for (EtcdEntry& entry : entries) {
    listing.values.emplace(entry.key.substr(records().size()), std::move(entry.value));
  }
  return listing;
}

Status EtcdRegistry::write(std::uint64_t epoch, EtcdWrite change, const std::string& what) {
  const std::lock_guard order(writing_);
  if (!lead_of(epoch)) return not_leading(what, epoch);
  EtcdCall call = begin_call();
  const std::string number = owner_ + "." + std::to_string(++writes_);
  EtcdTxn txn;
  txn.success = {std::move(change), {writes_key(), number, {}, false}};
  txn.failure = {leader_key(), writes_key()};
  for (;;) {
    txn.compare = {{EtcdCompare::Target::create, leader_key(), epoch},
                   {EtcdCompare::Target::mod, writes_key(), writes_revision_}};
    WEIR_ASSIGN(const EtcdTxnResult result, client_.txn(txn, call));
    if (result.succeeded) {
      writes_revision_ = result.revision;
      return {};
    }
    const auto find = [&result](const std::string& key) {
      const auto found = std::find_if(result.entries.begin(), result.entries.end(),
                                      [&key](const EtcdEntry& entry) { return entry.key == key; });
      return found == result.entries.end() ? EtcdEntry() : *found;
    };
    if (find(leader_key()).create_revision != epoch) {
      forget(epoch);
      if (!call.maybe_done) return not_leading(what, epoch);
      return Error{ErrorCode::io,
                   "Epoch " + std::to_string(epoch) +
                       " lost the lead while etcd gave no answer; whether it could " + what +
                       " before is not known"};
    }
    // Still the leader, so `writes` is ours: of this write, or of an older one without an answer.
    const EtcdEntry newest = find(writes_key());
    writes_revision_ = newest.mod_revision;
    if (newest.value == number) return {};
  }
}

}  // namespace

Result<std::unique_ptr<Registry>> open_etcd_registry(EtcdOptions options) {
  const auto bad = [](const std::string& why) {
    return Error{ErrorCode::invalid_argument, "Cannot use etcd: " + why};
  };
  if (options.endpoints.empty()) return bad("no endpoint is given");
  for (std::string& endpoint : options.endpoints) {
    if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) {
      return bad("the endpoint '" + endpoint + "' does not begin with http:// or https://");
    }
    while (endpoint.ends_with('/')) endpoint.pop_back();
  }
  if (options.term < std::chrono::seconds(1)) return bad("a term is one second or longer");
  if (options.timeout < milliseconds(1)) return bad("the time-out is not positive");
  WEIR_TRY(check_key_prefix(options.prefix));
  if (!options.prefix.ends_with('/')) options.prefix += '/';
  return std::unique_ptr<Registry>(std::make_unique<EtcdRegistry>(std::move(options)));
}

}  // namespace weir::cluster
