// The base of the untyped sources over files and memory: finds splits and opens their inputs.
// Immutable once made; safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/connectors/file/discover.h"
#include "weir/connectors/file/text_reader.h"
#include "weir/connectors/file/untyped.h"

namespace weir::file::detail {

/// Opens the input of a split again at `start`; a compressed file is decompressed up to there.
Result<std::unique_ptr<ByteInput>> open_input(const SourceContext& context, const InputSpec& spec,
                                              const SplitSetup& setup, const TextPosition& start);

class TextSource : public UntypedSource {
 public:
  explicit TextSource(InputSpec spec) : spec_(std::move(spec)) {}
  Result<std::vector<std::string>> discover(const SourceContext& context) const override;
  std::optional<Duration> discovery_interval() const override;
  double rate_per_second() const override { return spec_.rate_per_second; }
  std::size_t most_open_readers() const override;
  Result<std::unique_ptr<UntypedReader>> open(const SourceContext& context,
                                              const std::string& split,
                                              const std::string& position) const final;

 protected:
  /// Everything a reader is made from.
  struct Opened {
    std::unique_ptr<ByteInput> input;
    SplitSetup setup;
    TextPosition start;
  };
  /// Refuses wrong options.
  virtual Status check() const { return {}; }
  virtual Result<std::unique_ptr<UntypedReader>> make_reader(const SourceContext& context,
                                                             Opened opened) const = 0;
  InputSpec spec_;
};

/// InputSpec from any of the option structs.
template <class Options>
InputSpec input_spec(const Options& options, PayloadFormat format) {
  return {options.path,       options.follow, options.discovery_interval, options.split_bytes,
          options.max_record, format,         options.rate_per_second};
}

}  // namespace weir::file::detail
