// Metrics as Prometheus reads them (text format 0.0.4): families with HELP and TYPE once each, then
// their samples, whatever the order in which samples come. One thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cluster {

class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  /// Begins or goes on with a family. `type`: "gauge" or "counter", whose name ends with _total.
  void family(const std::string& name, std::string_view type, std::string_view help);
  /// A sample of the family that was named last.
  void sample(const Labels& labels, double value);

  std::string text() const;
  /// The content type of `text`.
  static constexpr const char* kType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Family {
    std::string name, head, samples;
  };
  std::vector<Family> families_;
  std::size_t current_ = 0;
};

}  // namespace weir::cluster
