// Finding a job; see job_place.h.
#include "cli/job_place.h"

#include <filesystem>

#include "cli/cluster_client.h"
#include "weir/base/path.h"

namespace weir::cli {

Result<JobPlace> job_place(const Args& args, const std::string& text) {
  std::error_code ignored;
  if (is_object_path(text)) return JobPlace{text, "", false};
  if (std::filesystem::exists(text, ignored)) return JobPlace{text, "", false};
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  // A path is no name of a job; and nobody need have heard of clusters to look for a folder.
  const bool path = text.find('/') != std::string::npos;
  if (path) return JobPlace{text, "", false};
  const auto job = client.job(text);
  if (!job.ok()) {
    if (!client.given() && job.error().code == ErrorCode::io) return JobPlace{text, "", false};
    return job.error();
  }
  const std::string over = field(*job, "over");
  return JobPlace{field(*job, "state_dir"), field(*job, "id"), over == "true"};
}

Result<JobPlace> job_place(const Args& args) {
  if (const std::string* state = args.value("state"); state != nullptr && !state->empty()) {
    return job_place(args, *state);
  }
  const bool by_operand = std::string(args.command().operands).starts_with("[JOB]");
  if (by_operand && !args.operands().empty()) return job_place(args, args.operands()[0]);
  return Error{ErrorCode::invalid_argument,
               "'weir " + std::string(args.command().name) + "' needs " +
                   (by_operand ? "a job of a cluster, or the state folder of one: --state DIR"
                               : "the state folder of the job: --state DIR")};
}

}  // namespace weir::cli
