// Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace braid::metrics {

class Histogram;

// A name and a value in braces behind a metric's name.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  // Every metric is called `prefix` + its name. A prefix that ends in ':' or '_' is taken as it is, another gets a '_';
  // an empty one stays empty. Every sample has `labels`.
  Exposition(std::string_view prefix, Labels labels);

  void gauge(std::string_view name, std::string_view help, double value);
  // One sample a DP group, with its number as label dp_rank; of one group alone without it.
  void gauge_by_group(std::string_view name, std::string_view help, std::span<const double> values);
  void counter(std::string_view name, std::string_view help, double value);
  void counter_by_group(std::string_view name, std::string_view help, std::span<const double> values);
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void by_group(std::string_view name, std::string_view help, std::string_view type, std::span<const double> values);
  std::string header(std::string_view name, std::string_view help, std::string_view type);
  void sample(std::string_view name, std::string_view more_labels, double value);

  std::string prefix_;
  std::string labels_;  // name="value",…, without braces
  std::string text_;
};

}  // namespace braid::metrics
