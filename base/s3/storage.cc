// Storage on an S3 server; see s3.h. Any thread.
//
// A file that must be new is one request with `If-None-Match: *`: of several, the server lets one
// through. When a request breaks off, or is answered by an error of the server itself, it may have
// had its effect, and sent again it finds the name taken, by itself. So whoever is told that a name
// is taken reads what is there: its own bytes, which nobody else writes, mean that it has won. If
// after all tries nothing is there, an earlier one may still be on its way: nobody can tell.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "weir/base/clock.h"
#include "weir/base/hash.h"
#include "weir/base/path.h"
#include "weir/base/s3/files.h"
#include "weir/base/s3/xml.h"

namespace weir {
namespace {

using namespace s3;

constexpr std::uint64_t kMostListBytes = 16u << 20;  // of the answer for 1000 names

std::string as_folder(const std::string& key) { return key.empty() ? key : key + "/"; }

Error no_such_thing(const char* what, const std::string& path) {
  return {ErrorCode::invalid_argument,
          std::string("cannot ") + what + " " + path + ": S3 has no such operation"};
}

class S3Storage final : public Storage {
 public:
  explicit S3Storage(S3Options options) : client_(std::make_shared<Client>(std::move(options))) {}

  Result<std::unique_ptr<AppendFile>> create(const std::string& path) override {
    WEIR_ASSIGN(Place place, object_at(path));
    return write_object(client_, std::move(place));
  }

  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override {
    WEIR_ASSIGN(const Place place, object_at(path));
    return read_object(*client_, place);
  }

  Status rename(const std::string& from, const std::string&) override {
    return no_such_thing("rename", from);
  }
  Status rename_new(const std::string& from, const std::string&) override {
    return no_such_thing("rename", from);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return no_such_thing("lock", path);
  }

  Status remove(const std::string& path) override {
    WEIR_ASSIGN(const Place place, object_at(path));
    return remove_object(place);
  }

  Status remove_all(const std::string& path) override {
    WEIR_ASSIGN(const Place place, parse_place(path));
    Listing listing;
    WEIR_TRY(list_all(place, false, listing));
    for (const auto& [key, size] : listing.objects) {
      WEIR_TRY(remove_object({place.bucket, key}));
    }
    return place.key.empty() ? Status() : remove_object(place);
  }

  Status make_dirs(const std::string& path) override { return check(path); }
  Status sync_dir(const std::string& path) override { return check(path); }

  Result<std::vector<StorageEntry>> list(const std::string& path) override {
    WEIR_ASSIGN(const Place place, parse_place(path));
    Listing listing;
    WEIR_TRY(list_all(place, true, listing));
    const std::size_t skip = as_folder(place.key).size();
    std::vector<StorageEntry> entries;
    for (const auto& [key, size] : listing.objects) {
      if (key.size() > skip) entries.push_back({key.substr(skip), false, size});
    }
    for (const std::string& folder : listing.folders) {
      if (folder.size() > skip + 1) {
        entries.push_back({folder.substr(skip, folder.size() - skip - 1), true, 0});
      }
    }
    std::sort(entries.begin(), entries.end(),
              [](const StorageEntry& a, const StorageEntry& b) { return a.name < b.name; });
    return entries;
  }

  Result<bool> exists(const std::string& path) override {
    WEIR_ASSIGN(const Place place, parse_place(path));
    if (!place.key.empty()) {
      const Answer answer = client_->send({.method = "HEAD", .place = place});
      if (answer.ok()) return true;
      if (answer.status != 404) return client_->failure("look for", place, answer);
    }
    Listing listing;
    WEIR_TRY(list_page(place, false, 1, "", listing));
    return place.key.empty() || !listing.objects.empty();
  }

  Status replace_file(const std::string& path, std::string_view bytes, std::string_view) override {
    WEIR_ASSIGN(const Place place, object_at(path));
    const Answer answer = client_->send({.method = "PUT", .place = place, .body = bytes});
    return answer.ok() ? Status() : client_->failure("write", place, answer);
  }

  Status create_file(const std::string& path, std::string_view bytes, std::string_view) override {
    WEIR_ASSIGN(const Place place, object_at(path));
    WEIR_TRY(check_conditions(place));
    const Answer answer = put_new(place, bytes);
    if (answer.ok()) return {};
    if (answer.status != 412 && !answer.unknown) return client_->failure("write", place, answer);
    const auto there = content_of(place);
    if (there.ok() && *there == bytes) return {};
    const bool gone = !there.ok() && there.error().code == ErrorCode::not_found;
    if (there.ok() || (gone && answer.status == 412 && !answer.unknown)) {
      return client_->failure("write", place, taken(answer));
    }
    return Error{ErrorCode::fsync_failed,
                 "Cannot tell whether " + place.text() +
                     " is there: " + client_->failure("write", place, answer).message,
                 true};
  }

  bool holds_objects(const std::string&) const override { return true; }

 private:
  struct Listing {
    std::map<std::string, std::uint64_t> objects;  // keys with sizes
    std::set<std::string> folders;                 // keys up to a slash
    std::string next;                              // where the next page begins; empty: no more
  };

  static Status check(const std::string& path) {
    const auto place = parse_place(path);
    return place.ok() ? Status() : place.error();
  }

  static Result<Place> object_at(const std::string& path) {
    WEIR_ASSIGN(Place place, parse_place(path));
    if (place.key.empty()) {
      return Error{ErrorCode::invalid_argument, place.text() + " is a bucket, not a file"};
    }
    return place;
  }

  static Answer taken(Answer answer) {
    answer.status = 412;
    return answer;
  }

  Answer put_new(const Place& place, std::string_view bytes) {
    Request request{.method = "PUT", .place = place, .body = bytes, .retry_conflicts = true};
    request.headers.emplace_back("If-None-Match: *");
    return client_->send(request);
  }

  Result<std::string> content_of(const Place& place) {
    WEIR_ASSIGN(const auto file, read_object(*client_, place));
    std::string bytes(file->size_bytes(), '\0');
    WEIR_TRY(file->read_at(0, bytes.data(), bytes.size()));
    return bytes;
  }

  /// Some servers take `If-None-Match` for a header that they need not know: with them, of several
  /// processes that claim a job each would believe that it alone did.
  Status check_conditions(const Place& place) {
    const std::lock_guard lock(mutex_);
    if (checked_.contains(place.bucket)) return {};
    const std::string folder = place.key.substr(0, place.key.rfind('/') + 1);
    const Place probe{place.bucket,
                      folder + ".probe-" + Hash128{entropy_seed(), entropy_seed()}.hex()};
    const Answer first = put_new(probe, "1");
    if (!first.ok() && first.status != 412) return client_->failure("write", probe, first);
    const Answer second = put_new(probe, "2");
    static_cast<void>(remove_object(probe));  // one that stays is never looked at
    if (second.status == 412) {
      checked_.insert(place.bucket);
      return {};
    }
    if (!second.ok()) return client_->failure("try a conditional write of", probe, second);
    return Error{ErrorCode::incompatible,
                 "The server of s3://" + place.bucket +
                     " overwrites an object although it is asked not to by 'If-None-Match: *'. "
                     "Two processes could take themselves for the only one of a job there, so it "
                     "cannot hold checkpoints. Use a server that heeds conditional writes."};
  }

  Status remove_object(const Place& place) {
    const Answer answer = client_->send({.method = "DELETE", .place = place});
    if (answer.ok() || (answer.status == 404 && answer.code != "NoSuchBucket")) return {};
    return client_->failure("remove", place, answer);
  }

  Status list_all(const Place& place, bool one_level, Listing& listing) {
    do {
      WEIR_TRY(list_page(place, one_level, client_->options().list_page, listing.next, listing));
    } while (!listing.next.empty());
    return {};
  }

  Status list_page(const Place& place, bool one_level, int most, const std::string& from,
                   Listing& listing) {
    Request request{.place = {place.bucket, ""}, .most_bytes = kMostListBytes};
    if (!from.empty()) request.query.emplace_back("continuation-token", from);
    if (one_level) request.query.emplace_back("delimiter", "/");
    request.query.emplace_back("list-type", "2");
    request.query.emplace_back("max-keys", std::to_string(most));
    request.query.emplace_back("prefix", as_folder(place.key));
    const Answer answer = client_->send(request);
    if (!answer.ok()) return client_->failure("list", place, answer);
    const auto told = read_xml(answer.body);
    if (!told || told->name != "ListBucketResult") return not_understood(place);
    for (const XmlElement& element : told->children) {
      if (element.name == "CommonPrefixes") listing.folders.insert(element.text_of("Prefix"));
      if (element.name != "Contents") continue;
      char* end = nullptr;
      const std::string size = element.text_of("Size");
      listing.objects[element.text_of("Key")] = std::strtoull(size.c_str(), &end, 10);
      if (size.empty() || *end != 0) return not_understood(place);
    }
    const std::string before = from;
    listing.next.clear();
    if (told->text_of("IsTruncated") != "true") return {};
    listing.next = told->text_of("NextContinuationToken");
    return listing.next.empty() || listing.next == before ? not_understood(place) : Status();
  }

  static Status not_understood(const Place& place) {
    return Error{ErrorCode::io,
                 "cannot list " + place.text() + ": the server's answer makes no sense"};
  }

  const std::shared_ptr<Client> client_;
  std::mutex mutex_;
  std::set<std::string> checked_;  // buckets that heed conditions
};

std::string environment(const char* name, const char* other = nullptr) {
  const char* value = std::getenv(name);
  if ((value == nullptr || *value == 0) && other != nullptr) value = std::getenv(other);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<S3Options> s3_options_from_environment() {
  S3Options options;
  options.endpoint = environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  if (auto region = environment("AWS_REGION", "AWS_DEFAULT_REGION"); !region.empty()) {
    options.region = std::move(region);
  }
  options.access_key = environment("AWS_ACCESS_KEY_ID");
  options.secret_key = environment("AWS_SECRET_ACCESS_KEY");
  options.session_token = environment("AWS_SESSION_TOKEN");
  if (!options.access_key.empty() && !options.secret_key.empty()) return options;
  return Error{ErrorCode::invalid_argument,
               std::string("Paths s3://... need credentials: ") +
                   (options.access_key.empty() ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY") +
                   " is not set"};
}

std::unique_ptr<Storage> make_s3_storage(S3Options options) {
  return std::make_unique<S3Storage>(std::move(options));
}

}  // namespace weir
