// Opening splits. Called from any thread.
#include "weir/connectors/file/text_source.h"

namespace weir::file::detail {

Result<std::unique_ptr<ByteInput>> open_input(const SourceContext& context, const InputSpec& spec,
                                              const SplitSetup& setup, const TextPosition& start) {
  // A later split begins a byte early, to see whether a line begins exactly at its begin.
  const bool early = setup.begin > 0 && start.offset == setup.begin;
  return open_file({.env = context.env,
                    .path = setup.name,
                    .offset = early ? start.offset - 1 : start.offset,
                    .expected = start.fingerprint,
                    .follow = spec.follow});
}

Result<std::vector<std::string>> TextSource::discover(const SourceContext& context) const {
  WEIR_TRY(check());
  return find_splits(*context.env->storage, spec_);
}

std::optional<Duration> TextSource::discovery_interval() const {
  if (!spec_.follow) return std::nullopt;
  return spec_.discovery_interval;
}

std::size_t TextSource::most_open_readers() const {
  // Each holds a file descriptor and the bytes of its window. A limited rate is counted by the
  // reader, and would begin anew with every opening.
  constexpr std::size_t kMostOpen = 64;
  return spec_.rate_per_second > 0 ? SIZE_MAX : kMostOpen;
}

Result<std::unique_ptr<UntypedReader>> TextSource::open(const SourceContext& context,
                                                        const std::string& split,
                                                        const std::string& position) const {
  WEIR_TRY(check());
  Opened opened;
  opened.setup = parse_split(split, spec_);
  WEIR_ASSIGN(opened.start, TextPosition::decode(position, opened.setup));
  WEIR_ASSIGN(opened.input, open_input(context, spec_, opened.setup, opened.start));
  return make_reader(context, std::move(opened));
}

}  // namespace weir::file::detail
