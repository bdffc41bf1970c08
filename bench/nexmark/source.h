// The generator as a source. Split s of n reads the chunks s, s + n, s + 2n, ... of the order of
// arrival, so that the events are the same however many splits there are.
#pragma once

#include <memory>

#include "bench/nexmark/generator.h"
#include "weir/runtime/source.h"

namespace weir::bench::nexmark {

std::shared_ptr<Source<Event>> make_source(const GeneratorSettings& settings, std::uint32_t splits);

}  // namespace weir::bench::nexmark
