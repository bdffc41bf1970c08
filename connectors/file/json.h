// Readers of JSON lines for the sources in this folder. Threads: as of SplitReader.
#pragma once

#include <memory>
#include <string_view>

#include "weir/connectors/file/json_decoder.h"
#include "weir/connectors/file/text_source.h"

namespace weir::file::detail {

std::unique_ptr<UntypedReader> make_json_reader(std::unique_ptr<ByteInput> input, SplitSetup setup,
                                                const TextPosition& start,
                                                std::shared_ptr<const JsonPlan> plan);

/// Decodes one record for the replay of dead letters.
Status decode_json(const std::shared_ptr<const JsonPlan>& plan, std::string_view bytes, void* row);

}  // namespace weir::file::detail
