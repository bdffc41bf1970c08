// Kafka for job authors: sources and sinks of weir::kafka.
//
//   #include <weir/kafka.h>
#pragma once

#include "weir/connectors/kafka/dead_letters.h"
#include "weir/connectors/kafka/sink.h"
#include "weir/connectors/kafka/source.h"
