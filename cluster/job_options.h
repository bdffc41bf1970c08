// Which options of `weir run` a job of a cluster takes with it (JobSpec::options).
#pragma once

namespace weir::cluster {

/// The others are fields of JobSpec of their own, or make no sense in a cluster.
inline constexpr const char* kJobOptions[] = {"threads",
                                              "checkpoint-interval",
                                              "checkpoint-timeout",
                                              "tolerated-checkpoint-failures",
                                              "memory",
                                              "keep",
                                              "max-dead-letters",
                                              "max-dead-letter-share",
                                              "max-restarts",
                                              "allow-dropped-state",
                                              "take-over"};

}  // namespace weir::cluster
