// See client.h. By libcurl, which also signs (AWS Signature Version 4). The hash of each body is
// signed with it, so that a server refuses one that was changed or cut on the way.
#include "weir/base/s3/client.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <thread>

#include "weir/base/clock.h"
#include "weir/base/path.h"
#include "weir/base/s3/xml.h"

namespace weir::s3 {
namespace {

constexpr std::size_t kMostIdle = 16;
constexpr std::chrono::milliseconds kLongestPause{5'000};
constexpr long kLongestExpect = 200;  // ms
constexpr std::uint64_t kMostErrorBytes = 64 * 1024;

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  const int done =
      ::EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, ::EVP_sha256(), nullptr);
  WEIR_CHECK(done == 1 && size == 32, "SHA-256 can be computed");
  constexpr const char* kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

/// What the functions that libcurl calls fill in.
struct Receiver {
  Answer& answer;
  std::uint64_t most_bytes;
  bool too_large = false;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* to) {
  auto& receiver = *static_cast<Receiver*>(to);
  if (receiver.answer.body.size() + size > receiver.most_bytes) {
    receiver.too_large = true;
    return 0;
  }
  receiver.answer.body.append(bytes, size);
  return size;
}

/// The value of header `name` in `line`, or nothing.
bool read_header(std::string_view line, std::string_view name, std::string& value) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((line[i] | 0x20) != (name[i] | 0x20)) return false;
  }
  line.remove_prefix(name.size() + 1);
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = line.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return true;
  value = line.substr(begin, line.find_last_not_of(kSpace) + 1 - begin);
  return true;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t size, void* to) {
  Answer& answer = static_cast<Receiver*>(to)->answer;
  const std::string_view line(bytes, size);
  read_header(line, "etag", answer.etag);
  read_header(line, "content-range", answer.content_range);
  read_header(line, kUploadMark, answer.upload_mark);
  return size;
}

/// No byte of the request has left this host.
bool surely_not_sent(CURLcode result) {
  return result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY ||
         result == CURLE_COULDNT_CONNECT || result == CURLE_PEER_FAILED_VERIFICATION ||
         result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT;
}

/// Repeating the request cannot help.
bool is_final(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_UNSUPPORTED_PROTOCOL ||
         result == CURLE_URL_MALFORMAT || result == CURLE_SSL_CACERT_BADFILE;
}

void read_error(Answer& answer) {
  const auto error = read_xml(std::string_view(answer.body).substr(0, kMostErrorBytes));
  if (!error || error->name != "Error") return;
  answer.code = error->text_of("Code");
  answer.message = error->text_of("Message");
}

std::chrono::milliseconds now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

void pause(std::chrono::milliseconds first, unsigned failures) {
  const auto longest = std::min(first * (1 << std::min(failures - 1, 16u)), kLongestPause);
  const auto half = static_cast<std::uint64_t>(longest.count() / 2);
  std::this_thread::sleep_for(longest - std::chrono::milliseconds(entropy_seed() % (half + 1)));
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Result<Place> parse_place(std::string_view path) {
  const auto refuse = [&path](const char* why) {
    return Error{ErrorCode::invalid_argument,
                 "'" + std::string(path) + "' is no path of S3: " + why +
                     ". Paths are s3://BUCKET/NAME, with or without further slashes in the name."};
  };
  if (!is_object_path(path)) return refuse("it does not begin with s3://");
  const std::string tidy = canonical_path(std::string(path));
  std::string_view rest = std::string_view(tidy).substr(5);
  Place place;
  place.bucket = rest.substr(0, rest.find('/'));
  if (place.bucket.size() < rest.size()) place.key = rest.substr(place.bucket.size() + 1);
  if (place.bucket.empty()) return refuse("it names no bucket");
  for (const char c : place.bucket) {
    if (!is_unreserved(c)) return refuse("its bucket has a name that no bucket can have");
  }
  const std::string parts = "/" + place.key + "/";
  if (parts.find("/../") != std::string::npos) return refuse("it has a part '..'");
  return place;
}

std::string encode_uri(std::string_view text, bool slashes) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c) || (c == '/' && slashes)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

bool Answer::may_heal() const {
  return status == 0 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

Client::Client(S3Options options) : options_(std::move(options)) {
  static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  WEIR_CHECK(ready == CURLE_OK, "libcurl can be used");
}

Client::~Client() {
  for (void* handle : idle_) ::curl_easy_cleanup(handle);
}

void* Client::take_handle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return ::curl_easy_init();
  void* handle = idle_.back();
  idle_.pop_back();
  return handle;
}

void Client::give_handle(void* handle) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() >= kMostIdle) return ::curl_easy_cleanup(handle);
  ::curl_easy_reset(handle);  // keeps its connections
  idle_.push_back(handle);
}

std::string Client::url_of(const Request& request) const {
  std::string url = options_.endpoint.empty() ? "https://s3." + options_.region + ".amazonaws.com"
                                              : options_.endpoint;
  while (url.ends_with('/')) url.pop_back();
  url += "/" + request.place.bucket;
  if (!request.place.key.empty()) url += "/" + encode_uri(request.place.key, true);
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += separator + encode_uri(name, false) + "=" + encode_uri(value, false);
    separator = '&';
  }
  return url;
}

Answer Client::try_once(const Request& request, const std::string& url,
                        const std::vector<std::string>& headers) {
  Answer answer;
  Receiver receiver{answer, request.most_bytes};
  CURL* const handle = take_handle();
  WEIR_CHECK(handle != nullptr, "libcurl has memory");
  curl_slist* list = nullptr;
  for (const std::string& header : headers) list = ::curl_slist_append(list, header.c_str());
  const std::string signing = "aws:amz:" + options_.region + ":s3";
  const auto pieces = static_cast<long>((request.body.size() + request.most_bytes) >> 23);
  const std::string_view method = request.method;
  std::array<char, CURL_ERROR_SIZE> problem{};
  ::curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options_.connect_timeout.count()));
  ::curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(options_.request_timeout.count()) * (1 + pieces));
  // Before a large body a server is asked whether it wants it, and need not say. The header cannot
  // be switched off: it would be signed, though not sent.
  ::curl_easy_setopt(handle, CURLOPT_EXPECT_100_TIMEOUT_MS, kLongestExpect);
  ::curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, signing.c_str());
  ::curl_easy_setopt(handle, CURLOPT_USERNAME, options_.access_key.c_str());
  ::curl_easy_setopt(handle, CURLOPT_PASSWORD, options_.secret_key.c_str());
  if (method == "HEAD") {
    ::curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (method == "PUT" || method == "POST") {
    ::curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    ::curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method);
  } else {
    ::curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method);
  }
  ::curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
  ::curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &take_body);
  ::curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiver);
  ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &take_header);
  ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, &receiver);
  ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem.data());
  const CURLcode result = ::curl_easy_perform(handle);
  if (result == CURLE_OK) {
    ::curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_off_t length = 0;
    ::curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    answer.content_length = length > 0 ? static_cast<std::uint64_t>(length) : 0;
    if (!answer.ok()) read_error(answer);
    answer.unknown = answer.status >= 500;
  } else {
    answer.message = problem[0] != 0 ? problem.data() : ::curl_easy_strerror(result);
    if (receiver.too_large) answer.message = "the answer is larger than any that makes sense";
    if (is_final(result)) answer.code = "NotTried";
    answer.unknown = !surely_not_sent(result);
  }
  ::curl_slist_free_all(list);
  if (result == CURLE_OK) {
    give_handle(handle);
  } else {
    ::curl_easy_cleanup(handle);  // with connections that may be at fault
  }
  return answer;
}

Answer Client::send(const Request& request) {
  const std::string url = url_of(request);
  std::vector<std::string> headers = request.headers;
  headers.push_back("x-amz-content-sha256: " + sha256_hex(request.body));
  if (!options_.session_token.empty()) {
    headers.push_back("x-amz-security-token: " + options_.session_token);
  }
  if (std::string_view(request.method) == "PUT" || std::string_view(request.method) == "POST") {
    headers.emplace_back("Content-Type: application/octet-stream");
  }
  const auto end = now() + options_.retry_for;
  bool unknown = false;
  for (unsigned failures = 0;;) {
    Answer answer = try_once(request, url, headers);
    answer.unknown = unknown = unknown || answer.unknown;
    const bool again = (answer.may_heal() && answer.code != "NotTried") ||
                       (answer.status == 409 && request.retry_conflicts) ||
                       answer.code == "RequestTimeout";
    if (!again) return answer;
    ++failures;
    if (now() >= end) {
      answer.message += " (" + std::to_string(failures) + " tries)";
      return answer;
    }
    pause(options_.first_pause, failures);
  }
}

Error Client::failure(const char* action, const Place& place, const Answer& answer) const {
  std::string text = std::string("cannot ") + action + " " + place.text() + ": ";
  if (answer.status == 0) {
    text += "no answer from " + (options_.endpoint.empty() ? "AWS" : options_.endpoint) + ": " +
            answer.message;
  } else {
    text += "status " + std::to_string(answer.status);
    if (!answer.code.empty()) text += " " + answer.code;
    if (!answer.message.empty()) text += ": " + answer.message;
  }
  if (answer.code == "NoSuchBucket") {
    return {ErrorCode::invalid_argument, text + "; make the bucket first"};
  }
  if (answer.status == 301 || answer.status == 307 || answer.status == 400) {
    text += "; check AWS_REGION and AWS_ENDPOINT_URL";
  }
  if (answer.status == 401 || answer.status == 403) {
    text += "; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do";
  }
  if (answer.status == 404) return {ErrorCode::not_found, text};
  if (answer.status == 412) return {ErrorCode::already_exists, text};
  if (answer.status == 507) return {ErrorCode::disk_full, text + "; free space there", true};
  return {ErrorCode::io, text,
          (answer.may_heal() && answer.code != "NotTried") || answer.status == 409};
}

}  // namespace weir::s3
