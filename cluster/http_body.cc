// Bodies of requests, read into memory or, of uploads, into files; see http_core.h.
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "weir/base/log.h"
#include "weir/cluster/http_core.h"
#include "weir/cluster/http_head.h"

namespace weir::cluster {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

}  // namespace

bool HttpServer::Core::Connection::is_upload() const {
  const auto& head = head_->get();
  const std::string_view path(head.target().data(), head.target().size());
  return head.method() == http::verb::put && !options().upload_path.empty() &&
         path.starts_with(options().upload_path);
}

void HttpServer::Core::Connection::read_body() {
  const bool upload = is_upload();
  const std::uint64_t limit = upload ? options().max_upload_bytes : options().max_body_bytes;
  const auto& head = head_->get();
  if (!takes_body(head, options())) {
    return refuse(http_error(413, "invalid_argument", "This request must have no body"),
                  "a body where none is taken");
  }
  if (const auto length = head_->content_length(); length && *length > limit) {
    return refuse(http_error(413, "invalid_argument",
                             "The body has " + std::to_string(*length) + " bytes; at most " +
                                 std::to_string(limit) + " are taken"),
                  "a body of " + std::to_string(*length) + " bytes");
  }
  if (upload ? !begin_upload() : !take_memory(head_->content_length().value_or(limit))) return;
  if (!beast::iequals(head[http::field::expect], "100-continue")) return read_taken_body(limit);
  static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.tcp().expires_after(options().write_time);
  asio::async_write(stream_, asio::buffer(kGoOn),
                    [self = shared_from_this(), limit](error_code failed, std::size_t) {
                      if (failed) return self->close();
                      self->read_taken_body(limit);
                    });
}

void HttpServer::Core::Connection::read_taken_body(std::uint64_t limit) {
  const bool keep = head_->get().keep_alive();
  if (uploading_) {
    auto parser = std::make_shared<http::request_parser<http::file_body>>(std::move(*head_));
    parser->body_limit(limit);
    error_code failed;
    parser->get().body().open(upload_.c_str(), beast::file_mode::write_new, failed);
    if (failed) {
      return refuse(http_error(500, "io", "Cannot create " + upload_ + ": " + failed.message()),
                    "cannot create " + upload_ + ": " + failed.message());
    }
    return read_body<http::request_parser<http::file_body>>(parser, options().upload_time,
                                                            [this, keep](auto& taken) {
                                                              taken.get().body().close();
                                                              keep_ = keep;
                                                              call_.upload = upload_;
                                                            });
  }
  auto parser = std::make_shared<http::request_parser<http::string_body>>(std::move(*head_));
  parser->body_limit(limit);
  parser->get().body().reserve(memory_);  // it would grow by leaps past what it has taken
  read_body<http::request_parser<http::string_body>>(parser, options().body_time,
                                                     [this, keep](auto& taken) {
                                                       keep_ = keep;
                                                       call_.body = std::move(taken.get().body());
                                                     });
}

bool HttpServer::Core::Connection::begin_upload() {
  uploading_ = true;
  if (core_->uploads.fetch_add(1) >= options().max_uploads) {
    refuse(http_error(503, "io", "Too many uploads at a time; try again"), "too many uploads");
    return false;
  }
  upload_ = options().upload_folder + "/.upload-" + core_->unique + "-" +
            std::to_string(core_->next_upload.fetch_add(1)) + ".tmp";
  return true;
}

template <class Parser>
void HttpServer::Core::Connection::read_body(std::shared_ptr<Parser> parser,
                                             std::chrono::milliseconds time,
                                             std::function<void(Parser&)> taken) {
  stream_.tcp().expires_after(time);
  http::async_read(stream_, buffer_, *parser,
                   [self = shared_from_this(), parser, taken = std::move(taken)](error_code failed,
                                                                                 std::size_t) {
                     if (failed) return self->on_body_error(failed);
                     taken(*parser);
                     self->call();
                   });
}

void HttpServer::Core::Connection::on_body_error(error_code failed) {
  if (failed == http::error::body_limit) {
    return refuse(http_error(413, "invalid_argument", "The body is too large"), "a large body");
  }
  if (failed == beast::error::timeout) {
    log_info("http", peer_ + " did not send its request in time");
    return close();
  }
  if (failed == boost::system::errc::no_space_on_device) {
    return refuse(http_error(507, "disk_full", "No space left in " + options().upload_folder),
                  "no space left in " + options().upload_folder);
  }
  if (is_bad_http(failed)) {
    return refuse(
        http_error(400, "invalid_argument", "The body cannot be read: " + failed.message()),
        failed.message());
  }
  if (!upload_.empty() && failed != http::error::partial_message) {  // of the disk, or of the link
    return refuse(http_error(500, "io", "Cannot keep the body: " + failed.message()),
                  "cannot keep its body: " + failed.message());
  }
  close();
}

/// For a body, until it has been answered.
bool HttpServer::Core::Connection::take_memory(std::uint64_t bytes) {
  if (core_->bodies.take(bytes)) {
    memory_ = bytes;
    return true;
  }
  HttpReply reply = http_error(503, "io", "Too many large requests at a time; try again");
  reply.headers["Retry-After"] = "1";
  refuse(std::move(reply), "too many large requests at a time");
  return false;
}

void HttpServer::Core::Connection::drop_body() {
  core_->bodies.give_back(std::exchange(memory_, 0));
  if (!std::exchange(uploading_, false)) return;
  core_->uploads.fetch_sub(1);
  if (!upload_.empty()) ::unlink(upload_.c_str());
  upload_.clear();
}

}  // namespace weir::cluster
