// Files, generators and standard output: what a job reads and writes without any other system.
//
//   weir::file::lines, csv<T>, json<T>                sources over files that may be followed
//   weir::memory::values<T>, json_lines<T>            sources over memory
//   weir::generator<T>                                a source that makes its records
//   weir::file::json_sink<T>, csv_sink<T>, text_sink  exactly once into files
//   weir::print<T>                                    standard output, at least once
#pragma once

#include "weir/connectors/file/generator.h"
#include "weir/connectors/file/memory.h"
#include "weir/connectors/file/sinks.h"
#include "weir/connectors/file/sources.h"
