// A job as its author sees it while building it: the graph under construction and the
// configuration. The typed streams that `source` returns are in operators/stream.h. Used by one
// thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <source_location>
#include <string>
#include <string_view>

#include "weir/runtime/graph.h"

namespace weir {

template <class T>
class Stream;
template <class T>
class SourceStream;
template <class T>
struct SourceOptions;

/// A required setting that was not given, or one that cannot be read.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace job_detail {
std::int64_t to_integer(std::string_view key, const std::string& value);
double to_real(std::string_view key, const std::string& value);
bool to_bool(std::string_view key, const std::string& value);
Duration to_duration(std::string_view key, const std::string& value);
}  // namespace job_detail

class Job {
 public:
  Job(std::string name, const std::map<std::string, std::string>& config)
      : name_(std::move(name)), config_(config.begin(), config.end()) {}

  const std::string& name() const { return name_; }
  /// Names the job; by default it has the name of its library or function.
  void set_name(std::string name) { name_ = std::move(name); }

  /// The setting `key`, given as `--set key=value` or in the configuration file. Throws
  /// ConfigError, which says how to give it, when it is missing.
  const std::string& config(std::string_view key) const;
  /// The same with a default, as text, number, bool or Duration ("10s"), by the type of the
  /// default.
  std::string config(std::string_view key, const char* otherwise) const;
  template <class T>
  T config(std::string_view key, T otherwise) const {
    const std::string* value = find(key);
    if (value == nullptr) return otherwise;
    if constexpr (std::is_same_v<T, bool>)
      return job_detail::to_bool(key, *value);
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(job_detail::to_integer(key, *value));
    else if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(job_detail::to_real(key, *value));
    else if constexpr (std::is_convertible_v<Duration, T>)
      return T(job_detail::to_duration(key, *value));
    else
      return T(*value);
  }
  bool has_config(std::string_view key) const { return find(key) != nullptr; }

  /// The number of key groups, fixed for the life of the job's state. Default 256.
  void set_max_parallelism(std::uint32_t groups);
  std::uint32_t max_parallelism() const { return max_parallelism_; }

  /// Adds a source of records of type T and returns its stream; defined in operators/stream.h.
  /// `source`: what a connector's function returns. `options`: event time, allowance, idleness.
  template <class S>
  SourceStream<typename S::Record> source(
      std::string name, std::shared_ptr<S> source, SourceOptions<typename S::Record> options = {},
      std::source_location place = std::source_location::current());

  /// The dead letters of all steps as a stream, once; defined in operators/stream.h. Each comes
  /// with the checkpoint that keeps it, and again, with one attempt more, when its replay has
  /// failed. The letters stay in the queue of `weir dlq` as well. Those of steps behind this stream
  /// are in the queue alone. Steps behind it have a parallelism of 1 where they do not say another.
  Stream<DeadLetter> dead_letters(std::string name = "dead-letters",
                                  std::source_location place = std::source_location::current());

  /// Checks the finished graph as a whole. Throws GraphError.
  void check() const;

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }
  /// Settings that the job never asked for: most likely misspelt.
  std::vector<std::string> unused_config() const;

 private:
  const std::string* find(std::string_view key) const;

  std::string name_;
  std::map<std::string, std::string, std::less<>> config_;
  mutable std::set<std::string, std::less<>> asked_;
  std::uint32_t max_parallelism_ = 256;
  Graph graph_;
};

}  // namespace weir
