// Replies and requests of the API as JSON. Not for others than the files http_*.cc. Pure functions:
// any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "weir/cluster/http_server.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

HttpReply json_reply(unsigned status, const boost::json::object& object);
/// 405, with the methods that there are.
HttpReply wrong_method(const std::string& allowed);

/// The body of a request; an empty one is an empty object. Error: invalid_argument.
Result<boost::json::object> body_object(const std::string& body);
/// Fills `spec` with what a request says of it; other fields stay. Error: invalid_argument, which
/// names the field that is unknown or wrong, of the names and paths of all of `spec` (job_names.h).
Status read_spec(const boost::json::object& object, JobSpec& spec);

/// The object that a job answered. Errors: its own; corrupt for what is none.
Result<boost::json::object> answer_object(const Result<std::string>& answer);
/// The same as a reply.
HttpReply answer_reply(const Result<std::string>& answer);

/// A record as the API shows it, and what the job waits for, if for anything.
boost::json::object record_json(const JobRecord& record, const std::string& waits_for = {});
/// The same in few words, for lists.
boost::json::object summary_json(const JobRecord& record, const std::string& waits_for = {});
/// A job whose record cannot be read, for lists.
boost::json::object summary_json(const UnreadableRecord& record);

}  // namespace weir::cluster
