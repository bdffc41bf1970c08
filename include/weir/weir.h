// Weir for job authors: one include gives jobs, streams, operators and file connectors.
//
//   #include <weir/weir.h>
//
// docs/job_api.md walks through it; weir/testing.h is for tests of jobs and operators.
#pragma once

#include "weir/file.h"
#include "weir/operators/stream.h"
#include "weir/runtime/job_library.h"
#include "weir/runtime/run.h"
