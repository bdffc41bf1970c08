// JSON of etcd's gateway: 64-bit numbers are strings, keys and values base64, and whatever is zero,
// false or empty is left out; see etcd_client.h.
#include "weir/cluster/etcd_client.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <thread>

#include "weir/base/base64.h"
#include "weir/base/check.h"
#include "weir/cluster/http_client.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenRounds{50};
constexpr milliseconds kLeastAttempt{100};

/// The codes of gRPC that say something else than "it went wrong".
enum Grpc {
  kInvalidArgument = 3,
  kNotFound = 5,
  kPermission = 7,
  kExhausted = 8,
  kUnknownUser = 16
};

SteadyTime now() { return std::chrono::steady_clock::now(); }

const json::object& object_of(const json::object& parent, const char* name) {
  static const json::object none;
  const json::value* const found = parent.if_contains(name);
  return found != nullptr && found->is_object() ? found->get_object() : none;
}

std::string string_of(const json::object& parent, const char* name) {
  const json::value* const found = parent.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::int64_t number_of(const json::object& parent, const char* name) {
  const json::value* const found = parent.if_contains(name);
  if (found != nullptr && found->is_int64()) return found->get_int64();
  const std::string text = string_of(parent, name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Error malformed(const std::string& what) {
  return {ErrorCode::io, "The answer of etcd has " + what + "; is it etcd that listens there?"};
}

Status add_entries(const json::object& response, std::vector<EtcdEntry>& entries) {
  const json::value* const kvs = response.if_contains("kvs");
  if (kvs == nullptr) return {};
  if (!kvs->is_array()) return malformed("no list of keys");
  for (const json::value& kv : kvs->get_array()) {
    if (!kv.is_object()) return malformed("a key that is no object");
    const json::object& object = kv.get_object();
    EtcdEntry entry;
    auto key = decode_base64(string_of(object, "key"));
    auto value = decode_base64(string_of(object, "value"));
    if (!key || !value) return malformed("a key or value that is not base64");
    entry.key = std::move(*key);
    entry.value = std::move(*value);
    entry.create_revision = static_cast<std::uint64_t>(number_of(object, "create_revision"));
    entry.mod_revision = static_cast<std::uint64_t>(number_of(object, "mod_revision"));
    entry.lease = string_of(object, "lease");
    entries.push_back(std::move(entry));
  }
  return {};
}

template <class T>
json::object one_field(const char* name, T value) {
  json::object object;
  object[name] = std::move(value);
  return object;
}

json::object compare_of(const EtcdCompare& compare) {
  const bool create = compare.target == EtcdCompare::Target::create;
  return {{"target", create ? "CREATE" : "MOD"},
          {"result", "EQUAL"},
          {"key", encode_base64(compare.key)},
          {create ? "create_revision" : "mod_revision", std::to_string(compare.revision)}};
}

json::object operation_of(const EtcdWrite& write) {
  json::object body = one_field("key", encode_base64(write.key));
  if (write.erase) return one_field("request_delete_range", std::move(body));
  body["value"] = encode_base64(write.value);
  if (!write.lease.empty()) body["lease"] = write.lease;
  return one_field("request_put", std::move(body));
}

/// What an endpoint said to one attempt.
struct Refusal {
  Error error;
  bool final = false;  ///< another endpoint would say the same
};

Refusal refusal_of(const std::string& endpoint, const HttpResponse& response,
                   const json::object& body) {
  // Streams wrap it once more.
  const json::object& inner = object_of(body, "error");
  const json::object& error = inner.empty() ? body : inner;
  const std::int64_t code = number_of(error, inner.empty() ? "code" : "grpc_code");
  std::string reason = string_of(error, "message");
  if (reason.empty()) reason = string_of(error, "error");
  if (reason.empty()) reason = "HTTP status " + std::to_string(response.status);
  const std::string message = "etcd at " + endpoint + " refused: " + reason;
  const auto says = [&reason](std::string_view text) {
    return reason.find(text) != std::string::npos;
  };
  if (code == kNotFound) return {{ErrorCode::not_found, message}, true};
  if (code == kInvalidArgument) return {{ErrorCode::invalid_argument, message}, true};
  if (code == kPermission || code == kUnknownUser) return {{ErrorCode::io, message}, true};
  if (code == kExhausted && says("space")) {
    return {
        {ErrorCode::disk_full, message + "; compact and defragment it, or raise its quota", true},
        true};
  }
  return {{ErrorCode::io, message, true}, false};
}

}  // namespace

struct EtcdClient::Json {
  json::object object;
};

EtcdClient::EtcdClient(std::vector<std::string> endpoints, milliseconds attempt,
                       std::shared_ptr<net::Tls> tls)
    : endpoints_(std::move(endpoints)),
      attempt_(std::max(attempt, kLeastAttempt)),
      tls_(std::move(tls)) {
  WEIR_CHECK(!endpoints_.empty(), "there is somebody to ask");
}

Result<EtcdClient::Json> EtcdClient::post(const std::string& path, const Json& body,
                                          EtcdCall& call) {
  HttpRequest request;
  request.method = "POST";
  request.body = json::serialize(body.object);
  request.tls = tls_;
  std::vector<std::string> failures(endpoints_.size());  // the newest of each endpoint
  const std::size_t first = answered_.load(std::memory_order_relaxed);
  for (std::size_t attempt = 0;; ++attempt) {
    const std::size_t index = (first + attempt) % endpoints_.size();
    if (attempt != 0 && attempt % endpoints_.size() == 0) {
      std::this_thread::sleep_until(std::min(call.deadline, now() + kBetweenRounds));
    }
    const auto left = std::chrono::duration_cast<milliseconds>(call.deadline - now());
    if (left <= milliseconds(0)) break;
    request.url = endpoints_[index] + path;
    bool maybe_sent = false;
    const auto response = http_request(request, std::min(left, attempt_), &maybe_sent);
    if (!response.ok()) {
      if (response.error().code == ErrorCode::invalid_argument) return response.error();
      call.maybe_done |= maybe_sent;
      failures[index] = response.error().message;
      continue;
    }
    boost::system::error_code unreadable;
    json::value answer = json::parse(response->body, unreadable);
    const bool is_object = !unreadable && answer.is_object();
    if (response->status == 200 && is_object && !answer.get_object().contains("error")) {
      answered_.store(index, std::memory_order_relaxed);
      return Json{std::move(answer.get_object())};
    }
    const Refusal refusal =
        refusal_of(endpoints_[index], *response, is_object ? answer.get_object() : json::object());
    if (refusal.final) return refusal.error;
    call.maybe_done = true;
    failures[index] = refusal.error.message;
  }
  std::string reasons;
  for (const std::string& failure : failures) {
    if (!failure.empty()) reasons += (reasons.empty() ? "" : "; ") + failure;
  }
  if (reasons.empty()) reasons = "the time was over before " + endpoints_[first] + " was asked";
  return Error{ErrorCode::io, "etcd does not answer: " + reasons, true};
}

Result<std::vector<EtcdEntry>> EtcdClient::range(const std::string& key, const std::string& end,
                                                 EtcdCall& call) {
  Json body;
  body.object["key"] = encode_base64(key);
  if (!end.empty()) body.object["range_end"] = encode_base64(end);
  WEIR_ASSIGN(const Json answer, post("/v3/kv/range", body, call));
  std::vector<EtcdEntry> entries;
  WEIR_TRY(add_entries(answer.object, entries));
  return entries;
}

Result<EtcdTxnResult> EtcdClient::txn(const EtcdTxn& txn, EtcdCall& call) {
  json::array compare, success, failure;
  for (const EtcdCompare& one : txn.compare) compare.push_back(compare_of(one));
  for (const EtcdWrite& one : txn.success) success.push_back(operation_of(one));
  for (const std::string& key : txn.failure) {
    failure.push_back(one_field("request_range", one_field("key", encode_base64(key))));
  }
  Json body;
  body.object["compare"] = std::move(compare);
  body.object["success"] = std::move(success);
  body.object["failure"] = std::move(failure);
  WEIR_ASSIGN(const Json answer, post("/v3/kv/txn", body, call));
  EtcdTxnResult result;
  const json::value* const succeeded = answer.object.if_contains("succeeded");
  result.succeeded = succeeded != nullptr && succeeded->is_bool() && succeeded->get_bool();
  result.revision =
      static_cast<std::uint64_t>(number_of(object_of(answer.object, "header"), "revision"));
  if (result.revision == 0) return malformed("no revision");
  const json::value* const responses = answer.object.if_contains("responses");
  if (result.succeeded || responses == nullptr || !responses->is_array()) return result;
  for (const json::value& response : responses->get_array()) {
    if (!response.is_object()) return malformed("a response that is no object");
    WEIR_TRY(add_entries(object_of(response.get_object(), "response_range"), result.entries));
  }
  return result;
}

Result<std::string> EtcdClient::grant(std::chrono::seconds ttl, EtcdCall& call) {
  WEIR_ASSIGN(const Json answer,
              post("/v3/lease/grant", Json{one_field("TTL", ttl.count())}, call));
  std::string id = string_of(answer.object, "ID");
  if (id.empty()) return malformed("no lease");
  return id;
}

Status EtcdClient::keep_alive(const std::string& lease, EtcdCall& call) {
  WEIR_ASSIGN(const Json answer, post("/v3/lease/keepalive", Json{one_field("ID", lease)}, call));
  if (number_of(object_of(answer.object, "result"), "TTL") > 0) return {};
  return Error{ErrorCode::not_found, "The lease " + lease + " is over"};
}

Status EtcdClient::revoke(const std::string& lease, EtcdCall& call) {
  const auto answer = post("/v3/lease/revoke", Json{one_field("ID", lease)}, call);
  if (answer.ok() || answer.error().code == ErrorCode::not_found) return {};
  return answer.error();
}

}  // namespace weir::cluster
