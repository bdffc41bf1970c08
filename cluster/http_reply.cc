// How calls are named, and replies that say what went wrong; see http_server.h.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "weir/cluster/http_server.h"
#include "weir/cluster/http_target.h"

namespace weir::cluster {
namespace {

unsigned status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::already_exists:
    case ErrorCode::fenced:
    case ErrorCode::incompatible:
      return 409;
    case ErrorCode::disk_full:
      return 507;
    case ErrorCode::io:
    case ErrorCode::cancelled:
    case ErrorCode::peer_lost:
    case ErrorCode::killed:
      return 503;
    case ErrorCode::corrupt:
    case ErrorCode::fsync_failed:
    case ErrorCode::user_code:
      break;
  }
  return 500;
}

}  // namespace

std::string to_string(const HttpCall& call) {
  constexpr std::size_t kMost = 200;
  std::string text = call.method + " ";
  for (const std::string& segment : call.path) {
    text += "/" + percent_encode(segment);
    if (text.size() > kMost) break;
  }
  if (call.path.empty()) text += "/";
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text + " of " + call.peer;
}

HttpReply http_error(unsigned status, const std::string& code, const std::string& message) {
  const boost::json::object error{{"code", code}, {"message", message}};
  return {status, boost::json::serialize(boost::json::object{{"error", error}}) + "\n"};
}

HttpReply http_error(const Error& error) {
  return http_error(status_of(error), to_string(error.code), error.message);
}

}  // namespace weir::cluster
