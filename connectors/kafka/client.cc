// Making handles of librdkafka, and what they say; see client.h. Topics are in client_topics.cc,
// reading in client_fetch.cc.
#include "weir/connectors/kafka/client.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "weir/base/log.h"

namespace weir::kafka::detail {
namespace {

const std::set<std::string, std::less<>> kSecrets = {"sasl.password",
                                                     "ssl.key.password",
                                                     "ssl.keystore.password",
                                                     "ssl.key.pem",
                                                     "ssl_key",
                                                     "sasl.oauthbearer.client.secret",
                                                     "sasl.oauthbearer.config"};

// Each would take away a guarantee, or is an option of ours.
const std::set<std::string, std::less<>> kOurs = {"bootstrap.servers",
                                                  "metadata.broker.list",
                                                  "transactional.id",
                                                  "enable.idempotence",
                                                  "acks",
                                                  "request.required.acks",
                                                  "isolation.level",
                                                  "auto.offset.reset",
                                                  "enable.auto.commit",
                                                  "group.id",
                                                  "enable.auto.offset.store",
                                                  "enable.partition.eof",
                                                  "group.instance.id",
                                                  "max.in.flight"};

bool is_reference(const std::string& value) {
  return value.starts_with("env:") || value.starts_with("file:");
}

Error wrong_setting(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message), false};
}

/// The value behind a reference; anything else as it is.
Result<std::string> resolve(const std::string& name, const std::string& value) {
  if (value.starts_with("env:")) {
    const std::string variable = value.substr(4);
    const char* found = std::getenv(variable.c_str());
    if (found != nullptr) return std::string(found);
    return wrong_setting("the setting " + name + " is to be taken from the environment variable " +
                         variable + ", which is not set");
  }
  if (value.starts_with("file:")) {
    std::ifstream file(value.substr(5), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
      return wrong_setting("the setting " + name + " is to be taken from the file " +
                           value.substr(5) + ", which cannot be read");
    }
    std::string content = text.str();
    if (content.ends_with('\n')) content.pop_back();
    if (content.ends_with('\r')) content.pop_back();
    return content;
  }
  return value;
}

/// Which of the job's settings has to do with an error, as the end of a sentence.
std::string advice(rd_kafka_resp_err_t code, const Connection& to) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__SSL:
      return "; see the settings security.protocol, ssl.ca.location and ssl.certificate.location";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
      return "; see the settings security.protocol, sasl.mechanism, sasl.username and "
             "sasl.password";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return "; are the brokers at " + to.brokers + " (.brokers), and is security.protocol right?";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "; the user of this job needs rights on the topic (READ for a source, WRITE for a "
             "sink, DESCRIBE for both)";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "; the user of this job needs the right READ on the group (.group)";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "; the user of this job needs the right WRITE on transactional ids that begin with "
             "JOB/STEP (or .id)";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "; the user of this job needs the right IDEMPOTENT_WRITE on the cluster";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return "; see .max_record, and max.message.bytes of the topic";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return "; the setting transaction.timeout.ms is larger than the broker's "
             "transaction.max.timeout.ms";
    default:
      return "";
  }
}

}  // namespace

std::string brokers_or_default(const std::string& brokers) {
  if (!brokers.empty()) return brokers;
  const char* found = std::getenv("WEIR_KAFKA_BROKERS");
  return found != nullptr ? found : "";
}

Status Connection::check() const {
  if (brokers.empty()) {
    return wrong_setting(
        "it has no brokers; set .brokers, or the environment variable WEIR_KAFKA_BROKERS");
  }
  for (const auto& [name, value] : settings) {
    if (kOurs.contains(name)) {
      return wrong_setting("the setting " + name +
                           " is not for a job to make: exactly once rests on it, or an option of "
                           "the source or sink says it");
    }
    if (kSecrets.contains(name) && !is_reference(value)) {
      return wrong_setting("the setting " + name +
                           " is a secret: write env:NAME or file:PATH, which says where it is");
    }
    WEIR_TRY(resolve(name, value));
  }
  return {};
}

Error client_error(int code, const std::string& text, const Connection& to, bool retryable) {
  const auto err = static_cast<rd_kafka_resp_err_t>(code);
  ErrorCode kind = ErrorCode::io;
  if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
      err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
    kind = ErrorCode::not_found;
  }
  return {kind, text + " (Kafka: " + rd_kafka_err2str(err) + ")" + advice(err, to), retryable};
}

/// What librdkafka's threads report. Guarded by its mutex.
struct Handle::Events {
  const Connection* to = nullptr;
  std::mutex mutex;
  std::string last;
  rd_kafka_resp_err_t last_code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::chrono::steady_clock::time_point said{};

  Status undelivered;

  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    auto& events = *static_cast<Events*>(opaque);
    const std::lock_guard lock(events.mutex);
    events.undelivered = client_error(
        message->err,
        "a record did not reach topic " + std::string(rd_kafka_topic_name(message->rkt)),
        *events.to, message->err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  }
  static void on_error(rd_kafka_t*, int err, const char* reason, void* opaque) {
    auto& events = *static_cast<Events*>(opaque);
    const std::lock_guard lock(events.mutex);
    const auto code = static_cast<rd_kafka_resp_err_t>(err);
    if (code == RD_KAFKA_RESP_ERR__FATAL) return;  // whoever uses the handle gets to know
    // That all are down is said after what each of them said, which is more.
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || events.last.empty()) {
      events.last = reason;
      events.last_code = code;
    }
    const auto now = std::chrono::steady_clock::now();
    if (events.said.time_since_epoch().count() != 0 &&
        now - events.said < std::chrono::seconds(30)) {
      return;
    }
    events.said = now;
    log_warn(events.to->who, "trouble with Kafka, which is tried again: " + events.last +
                                 advice(events.last_code, *events.to));
  }
  static void on_log(const rd_kafka_t* rk, int, const char* facility, const char* text) {
    const auto* events = static_cast<const Events*>(rd_kafka_opaque(rk));
    log_debug(events != nullptr ? events->to->who : "kafka", std::string(facility) + ": " + text);
  }
};

Handle::Handle(Connection to) : to_(std::move(to)), events_(std::make_unique<Events>()) {
  events_->to = &to_;
}

Handle::~Handle() {
  if (rk_ != nullptr) rd_kafka_destroy(rk_);
}

Result<std::unique_ptr<Handle>> Handle::make(Kind kind, Connection to, const Settings& ours) {
  WEIR_TRY(to.check());
  std::unique_ptr<Handle> made(new Handle(std::move(to)));
  std::array<char, 512> why{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto fail = [&](std::string message) -> Error {
    rd_kafka_conf_destroy(conf);
    return wrong_setting(std::move(message));
  };
  Settings all = made->to_.settings;
  for (const auto& [name, value] : ours) all.emplace(name, value);  // what the job says wins
  all["bootstrap.servers"] = made->to_.brokers;
  all.emplace("client.id", "weir");
  for (const auto& [name, value] : all) {
    auto resolved = resolve(name, value);
    if (!resolved.ok()) return fail(resolved.error().message);
    if (rd_kafka_conf_set(conf, name.c_str(), resolved->c_str(), why.data(), why.size()) !=
        RD_KAFKA_CONF_OK) {
      // librdkafka's text quotes the value, which may be a secret.
      return fail("librdkafka refuses the setting " + name +
                  (is_reference(value) ? std::string() : ": " + std::string(why.data())));
    }
  }
  rd_kafka_conf_set_opaque(conf, made->events_.get());
  rd_kafka_conf_set_error_cb(conf, &Events::on_error);
  rd_kafka_conf_set_log_cb(conf, &Events::on_log);
  // Also where nobody looks at the reports: without a callback for them a flush, and so a commit,
  // sleeps for 10 ms at a time, and no delivery wakes it.
  if (kind == Kind::producer) rd_kafka_conf_set_dr_msg_cb(conf, &Events::on_delivery);
  made->rk_ = rd_kafka_new(kind == Kind::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                           why.data(), why.size());
  if (made->rk_ == nullptr) {
    return fail("librdkafka cannot be set up: " + std::string(why.data()));
  }
  return made;
}

void Handle::poll(Millis limit) const { rd_kafka_poll(rk_, static_cast<int>(limit.count())); }

std::string Handle::trouble() const {
  poll();
  const std::lock_guard lock(events_->mutex);
  return events_->last.empty() ? "" : "; " + events_->last;
}

bool Handle::is_refused() const {
  poll();
  const std::lock_guard lock(events_->mutex);
  return events_->last_code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
         events_->last_code == RD_KAFKA_RESP_ERR__SSL ||
         events_->last_code == RD_KAFKA_RESP_ERR__RESOLVE;
}

Status Handle::take_delivery_failure() const {
  poll();
  const std::lock_guard lock(events_->mutex);
  return std::exchange(events_->undelivered, Status());
}

Error Handle::error(int code, bool retryable) const {
  Error error = client_error(code, "", to_, retryable);
  const std::string said = trouble();
  error.message = rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code)) + said;
  std::string hint = advice(static_cast<rd_kafka_resp_err_t>(code), to_);
  {
    const std::lock_guard lock(events_->mutex);
    const std::string better = advice(events_->last_code, to_);
    if (!said.empty() && !better.empty()) hint = better;
  }
  error.message += hint;
  return error;
}

}  // namespace weir::kafka::detail
