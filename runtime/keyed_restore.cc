// Messages of restoring keyed state; see keyed_restore.h.
#include "weir/runtime/keyed_restore.h"

namespace weir::restore_detail {

Result<Schema> parse(const std::string& text, const char* what) {
  auto schema = parse_schema(text);
  if (schema.ok()) return schema;
  return Error{ErrorCode::corrupt, std::string("the checkpoint's ") + what +
                                       " schema does not read back: " + schema.error().message};
}

Error other_key(const Schema& written, const Schema& wanted) {
  return Error{ErrorCode::incompatible,
               "its keys were written as " + describe(written) + " and are now " +
                   describe(wanted) +
                   "; a key cannot be changed. Give the step another name to begin anew"};
}

Error damaged_row(std::string_view what) {
  return Error{
      ErrorCode::corrupt,
      std::string(what) +
          ". The files passed their hashes, so they were written so: by another version of "
          "the job, or by a bug. Restore from another checkpoint or a savepoint."};
}

FieldNames fields_now(const Schema& written, const Schema& now, const ReadPlan& plan) {
  FieldNames names;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    if (plan.targets[i] < 0) continue;
    const std::string& name = now.fields[static_cast<std::size_t>(plan.targets[i])].name;
    if (name != written.fields[i].name) names.emplace(written.fields[i].name, name);
  }
  return names;
}

}  // namespace weir::restore_detail
