#include "braid/server/metrics/exposition.h"

#include <fmt/format.h>

#include <cmath>

#include "braid/server/metrics/histogram.h"

namespace braid::metrics {
namespace {

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

std::string in_a_row(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}=\"{}\"", name, escaped(value));
  }
  return text;
}

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::isnan(value)) return "NaN";
  return fmt::format("{}", value);
}

}  // namespace

Exposition::Exposition(std::string_view prefix, Labels labels) : prefix_(prefix), labels_(in_a_row(labels)) {
  if (!prefix_.empty() && prefix_.back() != ':' && prefix_.back() != '_') prefix_ += '_';
}

std::string Exposition::header(std::string_view name, std::string_view help, std::string_view type) {
  std::string full_name = prefix_ + std::string(name);
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", full_name, help, full_name, type);
  return full_name;
}

void Exposition::sample(std::string_view name, std::string_view more_labels, double value) {
  const std::string_view comma = !labels_.empty() && !more_labels.empty() ? "," : "";
  text_ += fmt::format("{}{{{}{}{}}} {}\n", name, labels_, comma, more_labels, number(value));
}

void Exposition::gauge(std::string_view name, std::string_view help, double value) {
  sample(header(name, help, "gauge"), "", value);
}

void Exposition::gauge_by_group(std::string_view name, std::string_view help, std::span<const double> values) {
  by_number("dp_rank", name, help, "gauge", values);
}

void Exposition::counter_by_group(std::string_view name, std::string_view help, std::span<const double> values) {
  by_number("dp_rank", name, help, "counter", values);
}

void Exposition::counter_by_world(std::string_view name, std::string_view help, std::span<const double> values) {
  by_number("world", name, help, "counter", values);
}

void Exposition::info(std::string_view name, std::string_view help, const Labels& labels) {
  sample(header(name, help, "gauge"), in_a_row(labels), 1);
}

void Exposition::counter_by_label(std::string_view name, std::string_view help, std::string_view label,
                                  std::span<const std::pair<std::string, double>> values) {
  by_label(name, help, "counter", label, values);
}

void Exposition::gauge_by_label(std::string_view name, std::string_view help, std::string_view label,
                                std::span<const std::pair<std::string, double>> values) {
  by_label(name, help, "gauge", label, values);
}

void Exposition::by_label(std::string_view name, std::string_view help, std::string_view type, std::string_view label,
                          std::span<const std::pair<std::string, double>> values) {
  if (values.empty()) return;
  const std::string full_name = header(name, help, type);
  for (const auto& [value_of_label, value] : values) {
    sample(full_name, fmt::format("{}=\"{}\"", label, escaped(value_of_label)), value);
  }
}

void Exposition::by_number(std::string_view label, std::string_view name, std::string_view help, std::string_view type,
                           std::span<const double> values) {
  const std::string full_name = header(name, help, type);
  for (size_t i = 0; i < values.size(); ++i) {
    sample(full_name, values.size() == 1 ? "" : fmt::format("{}=\"{}\"", label, i), values[i]);
  }
}

void Exposition::counter(std::string_view name, std::string_view help, double value) {
  sample(header(name, help, "counter"), "", value);
}

void Exposition::histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
  const std::string full_name = header(name, help, "histogram");
  uint64_t total = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    total += histogram.counts()[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : HUGE_VAL;
    sample(full_name + "_bucket", fmt::format("le=\"{}\"", number(bound)), static_cast<double>(total));
  }
  sample(full_name + "_sum", "", histogram.sum());
  sample(full_name + "_count", "", static_cast<double>(total));
}

}  // namespace braid::metrics
