// Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace braid::metrics {

class Histogram;

// Names and values of labels, shown in braces behind a metric's name.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  // `prefix` is put in front of every metric's name. It gets a '_' unless it is empty or ends in ':' or '_'. Every
  // sample has `labels`.
  Exposition(std::string_view prefix, Labels labels);

  void gauge(std::string_view name, std::string_view help, double value);
  // One sample for each DP group, with its number as label dp_rank; a single group has no such label.
  void gauge_by_group(std::string_view name, std::string_view help, std::span<const double> values);
  void counter(std::string_view name, std::string_view help, double value);
  void counter_by_group(std::string_view name, std::string_view help, std::span<const double> values);
  // The same for each world of ranks, with its number as label world.
  void counter_by_world(std::string_view name, std::string_view help, std::span<const double> values);
  // A gauge that is always 1: its labels are what it says.
  void info(std::string_view name, std::string_view help, const Labels& labels);
  // One sample for each value of the label; without any there is nothing.
  void counter_by_label(std::string_view name, std::string_view help, std::string_view label,
                        std::span<const std::pair<std::string, double>> values);
  void gauge_by_label(std::string_view name, std::string_view help, std::string_view label,
                      std::span<const std::pair<std::string, double>> values);
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void by_number(std::string_view label, std::string_view name, std::string_view help, std::string_view type,
                 std::span<const double> values);
  void by_label(std::string_view name, std::string_view help, std::string_view type, std::string_view label,
                std::span<const std::pair<std::string, double>> values);
  std::string header(std::string_view name, std::string_view help, std::string_view type);
  void sample(std::string_view name, std::string_view more_labels, double value);

  std::string prefix_;
  std::string labels_;  // name="value",…, without braces
  std::string text_;
};

}  // namespace braid::metrics
