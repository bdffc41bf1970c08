// Writing objects; see files.h. Bytes are gathered: a small object is one request when it is
// synced, a large one an upload in parts. One thread at a time.
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/hash.h"
#include "weir/base/log.h"
#include "weir/base/s3/files.h"
#include "weir/base/s3/xml.h"

namespace weir::s3 {
namespace {

constexpr std::size_t kMostParts = 10'000;
constexpr int kCompletions = 3;  // when a server says yes, and then no

class ObjectWriter final : public AppendFile {
 public:
  ObjectWriter(std::shared_ptr<Client> client, Place place)
      : client_(std::move(client)), place_(std::move(place)) {}
  ~ObjectWriter() override { give_up(); }

  Status append(std::string_view bytes) override {
    WEIR_TRY(check_usable("append to"));
    return keep([&] { return take(bytes); });
  }

  Status sync() override {
    WEIR_TRY(check_usable("write"));
    return keep([&] { return upload_.empty() ? put_whole() : complete(); });
  }

  Status close() override {
    if (!synced_ && !closed_) give_up();
    closed_ = true;
    return {};
  }

 private:
  template <class Operation>
  Status keep(Operation operation) {
    Status status = operation();
    broken_ = !status.ok();
    if (broken_) give_up();
    return status;
  }

  Status check_usable(const char* action) const {
    const char* why = nullptr;
    if (closed_) why = "it is closed";
    if (broken_) why = "an earlier write to it failed; throw it away";
    if (synced_) why = "objects cannot be changed once they are there";
    if (why == nullptr) return {};
    return Error{ErrorCode::io, std::string("cannot ") + action + " " + place_.text() + ": " + why};
  }

  Status take(std::string_view bytes) {
    const std::size_t part = client_->options().part_bytes;
    while (bytes_.size() + bytes.size() > part) {
      const std::size_t fits = part - bytes_.size();
      bytes_ += bytes.substr(0, fits);
      bytes.remove_prefix(fits);
      WEIR_TRY(send_part());
    }
    bytes_ += bytes;
    return {};
  }

  Status put_whole() {
    Request request{.method = "PUT", .place = place_, .body = bytes_};
    const Answer answer = client_->send(request);
    if (!answer.ok()) return client_->failure("write", place_, answer);
    synced_ = true;
    bytes_ = {};
    return {};
  }

  Status begin_upload() {
    mark_ = Hash128{entropy_seed(), entropy_seed()}.hex();
    Request request{.method = "POST", .place = place_, .query = {{"uploads", ""}}};
    request.headers.push_back(std::string(kUploadMark) + ": " + mark_);
    const Answer answer = client_->send(request);
    if (!answer.ok()) return client_->failure("begin the upload of", place_, answer);
    const auto told = read_xml(answer.body);
    if (told) upload_ = told->text_of("UploadId");
    if (!upload_.empty()) return {};
    return Error{ErrorCode::io, "cannot upload " + place_.text() + ": the server gave no UploadId"};
  }

  Status send_part() {
    if (upload_.empty()) WEIR_TRY(begin_upload());
    if (parts_.size() >= kMostParts) {
      return Error{ErrorCode::invalid_argument,
                   "cannot write " + place_.text() + ": it is longer than " +
                       std::to_string(kMostParts) + " parts of " +
                       std::to_string(client_->options().part_bytes) +
                       " bytes; a job with a higher parallelism has smaller files"};
    }
    Request request{.method = "PUT", .place = place_, .body = bytes_};
    request.query = {{"partNumber", std::to_string(parts_.size() + 1)}, {"uploadId", upload_}};
    const Answer answer = client_->send(request);
    if (!answer.ok()) return client_->failure("write a part of", place_, answer);
    parts_.push_back(answer.etag);
    bytes_.clear();
    return {};
  }

  Status complete() {
    if (!bytes_.empty()) WEIR_TRY(send_part());
    std::string body = "<CompleteMultipartUpload>";
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
              escape(parts_[i]) + "</ETag></Part>";
    }
    body += "</CompleteMultipartUpload>";
    Request request{
        .method = "POST", .place = place_, .query = {{"uploadId", upload_}}, .body = body};
    Answer answer;
    bool done = false;
    for (int tries = 0; tries < kCompletions && !done; ++tries) {
      answer = client_->send(request);
      // A server may begin its answer before it knows, and then tell an error with status 200.
      const auto told = answer.ok() ? read_xml(answer.body) : std::nullopt;
      done = told && told->name == "CompleteMultipartUploadResult";
      // A first try may have had its effect, and the next then find no such upload.
      if (!done && (answer.unknown || answer.ok())) done = is_there();
      if (!answer.ok()) break;
    }
    if (!done) return client_->failure("complete the upload of", place_, answer);
    synced_ = true;
    upload_.clear();
    bytes_ = {};
    return {};
  }

  bool is_there() {
    const Answer answer = client_->send({.method = "HEAD", .place = place_});
    return answer.ok() && answer.upload_mark == mark_;
  }

  /// Parts that stay after all cost space until the bucket's rules remove them.
  void give_up() {
    if (upload_.empty()) return;
    Request request{.method = "DELETE", .place = place_, .query = {{"uploadId", upload_}}};
    const Answer answer = client_->send(request);
    upload_.clear();
    if (answer.ok() || answer.status == 404) return;
    log_warn("s3", client_->failure("give up the upload of", place_, answer).message);
  }

  static std::string escape(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
      if (c == '"') {
        escaped += "&quot;";
      } else if (c != '<' && c != '>' && c != '&') {
        escaped += c;
      }
    }
    return escaped;
  }

  std::shared_ptr<Client> client_;  // shared with the storage, which this may outlive
  Place place_;
  std::string bytes_;               // not sent yet
  std::string upload_;              // id of the upload in parts that is under way; empty: none
  std::string mark_;                // its own, by which its object is known
  std::vector<std::string> parts_;  // their ETags
  bool synced_ = false, broken_ = false, closed_ = false;
};

}  // namespace

std::unique_ptr<AppendFile> write_object(std::shared_ptr<Client> client, Place place) {
  return std::make_unique<ObjectWriter>(std::move(client), std::move(place));
}

}  // namespace weir::s3
