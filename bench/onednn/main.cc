// braid's and oneDNN's matrix kernels in one run, taking turns: the yardstick of docs/performance.md.
#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "braid/bench/roofline/roofline.h"
#include "braid/bench/roofline/weight_set.h"
#include "braid/bench/timing.h"
#include "braid/kernels/cpu/matmul.h"
#include "onednn_product.h"

namespace braid {
namespace {

struct Options {
  int threads = 2;
  std::string isa;
  std::string dtype = "bfloat16";
  std::vector<int64_t> batch_sizes = {1, 8, 16, 32, 64, 128, 512};
  std::vector<std::string> shapes = {"1024x6144", "3072x1024"};
  double seconds = 1.5;  // of each product
  bool json = false;
};

struct Comparison {
  int64_t m, n, k;
  double braid_s;
  double onednn_s;
};

// Each turn is several calls. After oneDNN's turn its threads get time to go to sleep: OpenMP's spin for milliseconds.
Comparison compare(const Options& options, CpuIsa isa, DType dtype, ThreadTeam& team, WeightSet& weights, int64_t m,
                   int64_t n, int64_t k) {
  constexpr int64_t kWeightBytes = int64_t{256} << 20;
  constexpr int kCallsPerTurn = 6;
  const RowsBuffer x_buffer = random_rows(dtype, m, k, 1.0F, 3);
  const RowsBuffer y_buffer(DType::kFloat32, m, n);
  const Rows x = x_buffer.first(m);
  const Rows y = y_buffer.first(m);
  OnednnProduct onednn(dtype, m, n, k, kWeightBytes);
  std::vector<double> braid_times;
  std::vector<double> onednn_times;
  const auto take_turn = [&](std::vector<double>& times, FunctionRef<void()> product) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    product();
    double spent = 0;
    for (int call = 0; call < kCallsPerTurn; ++call) {
      times.push_back(seconds_of(product));
      spent += times.back();
    }
    return spent;
  };
  for (double spent = 0; spent < options.seconds;) {
    spent += take_turn(braid_times, [&] { cpu::matmul(isa, team, x, weights.next(), y, {}); });
    spent += take_turn(onednn_times, [&] { onednn.run(x, y); });
  }
  return {.m = m, .n = n, .k = k, .braid_s = median(braid_times), .onednn_s = median(onednn_times)};
}

int run(const Options& options) {
  omp_set_num_threads(options.threads);
  const auto isa = choose_isa(options.isa.empty() ? std::nullopt : std::optional<std::string_view>(options.isa));
  if (!isa.ok()) {
    fmt::print(stderr, "{}\n", isa.error().message);
    return 1;
  }
  const DType dtype = options.dtype == "float32" ? DType::kFloat32 : DType::kBFloat16;
  ThreadTeam team(options.threads);
  const double read = measure_read_bandwidth(team, int64_t{1} << 30, 1.0);
  double peaks[2] = {measure_peak_flops(isa.value(), team, dtype, 1.0), 0};

  std::vector<Comparison> comparisons;
  for (const std::string& shape : options.shapes) {
    const size_t cross = shape.find('x');
    const int64_t k = std::stoll(shape.substr(0, cross));
    const int64_t n = std::stoll(shape.substr(cross + 1));
    WeightSet weights(team, dtype, n, k, int64_t{512} << 20);
    for (int64_t m : options.batch_sizes) {
      comparisons.push_back(compare(options, isa.value(), dtype, team, weights, m, n, k));
      const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n * k);
      peaks[0] = std::max(peaks[0], flops / comparisons.back().braid_s);
      peaks[1] = std::max(peaks[1], flops / comparisons.back().onednn_s);
    }
  }

  nlohmann::json line = {{"isa", isa_name(isa.value())},       {"dtype", dtype_name(dtype)},
                         {"threads", options.threads},         {"read_bytes_per_s", read},
                         {"braid_flops_per_s", peaks[0]},      {"onednn_flops_per_s", peaks[1]},
                         {"products", nlohmann::json::array()}};
  const double peak = std::max(peaks[0], peaks[1]);
  if (!options.json) {
    fmt::print("{} {}, {} threads: read {:.1f} GB/s, best products: braid {:.1f}, oneDNN {:.1f} GFLOP/s\n",
               isa_name(isa.value()), dtype_name(dtype), options.threads, read * 1e-9, peaks[0] * 1e-9,
               peaks[1] * 1e-9);
    fmt::print("{:>6} {:>7} {:>4} {:>10} {:>10} {:>7} {:>7}\n", "K", "N", "M", "braid us", "oneDNN us", "ratio",
               "floor");
  }
  for (const Comparison& c : comparisons) {
    const double bytes = static_cast<double>(c.n * c.k * dtype_bytes(dtype));
    const double flops = 2.0 * static_cast<double>(c.m) * static_cast<double>(c.n * c.k);
    const double roofline_fraction = std::max(bytes / read, flops / peak) / c.braid_s;
    line["products"].push_back({{"k", c.k},
                                {"n", c.n},
                                {"m", c.m},
                                {"braid_s", c.braid_s},
                                {"onednn_s", c.onednn_s},
                                {"floor_fraction", roofline_fraction}});
    if (!options.json) {
      fmt::print("{:>6} {:>7} {:>4} {:>10.1f} {:>10.1f} {:>6.2f}x {:>6.1f}%\n", c.k, c.n, c.m, c.braid_s * 1e6,
                 c.onednn_s * 1e6, c.onednn_s / c.braid_s, roofline_fraction * 100);
    }
  }
  if (options.json) fmt::print("{}\n", line.dump());
  return 0;
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  braid::Options options;
  CLI::App app("braid's matrix kernels against oneDNN's");
  app.add_option("--threads", options.threads, "threads of each")->check(CLI::PositiveNumber);
  app.add_option("--isa", options.isa, "braid's tier (the best one)");
  app.add_option("--dtype", options.dtype, "of weights and rows")->check(CLI::IsMember({"bfloat16", "float32"}));
  app.add_option("--batch-sizes", options.batch_sizes, "rows M")->delimiter(',');
  app.add_option("--shapes", options.shapes, "KxN")->delimiter(',');
  app.add_option("--seconds", options.seconds, "time for each product");
  app.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(app, argc, argv);
  return braid::run(options);
}
