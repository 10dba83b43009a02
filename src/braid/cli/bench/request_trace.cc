#include "braid/cli/bench/request_trace.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace braid {
namespace {

// The standard's distributions differ from library to library: these do not.
class Draws {
 public:
  explicit Draws(uint64_t seed) : random_(seed) {}

  double uniform() { return (static_cast<double>(random_() >> 11U) + 0.5) * 0x1p-53; }  // in (0, 1)
  double exponential() { return -std::log(uniform()); }
  double normal() { return std::sqrt(2 * exponential()) * std::cos(2 * std::numbers::pi * uniform()); }
  TokenId token(int64_t vocab_size) { return static_cast<TokenId>(random_() % static_cast<uint64_t>(vocab_size)); }
  int32_t heavy_tailed(int32_t median, int32_t largest) {
    const double len = std::round(median * std::exp(normal()));
    return static_cast<int32_t>(std::clamp(len, 1.0, static_cast<double>(std::max(1, largest))));
  }
  std::vector<TokenId> tokens(int32_t count, int64_t vocab_size) {
    std::vector<TokenId> drawn(static_cast<size_t>(count));
    for (TokenId& id : drawn) id = token(vocab_size);
    return drawn;
  }

 private:
  std::mt19937_64 random_;
};

template <typename Prompt>
std::vector<TracedRequest> make_trace(const TraceOptions& options, Draws& draws, const Prompt& draw_prompt) {
  std::vector<TracedRequest> trace(static_cast<size_t>(options.num_requests));
  double now_s = 0;
  for (TracedRequest& request : trace) {
    if (options.request_rate > 0) now_s += draws.exponential() / options.request_rate;
    request.arrival_s = now_s;
    request.prompt = draw_prompt();
    const auto room = options.max_len - static_cast<int32_t>(request.prompt.size());
    request.output_len = draws.heavy_tailed(options.output_len, room);
  }
  return trace;
}

}  // namespace

std::vector<TracedRequest> heavy_tailed_trace(const TraceOptions& options) {
  Draws draws(options.seed);
  return make_trace(options, draws, [&] {
    return draws.tokens(draws.heavy_tailed(options.prompt_len, options.max_len - 1), options.vocab_size);
  });
}

std::vector<TracedRequest> shared_prefix_trace(const TraceOptions& options, int32_t num_prefixes, int32_t prefix_len) {
  Draws draws(options.seed);
  std::vector<std::vector<TokenId>> prefixes;
  double total_weight = 0;
  for (int32_t k = 1; k <= num_prefixes; ++k) {
    prefixes.push_back(draws.tokens(prefix_len, options.vocab_size));
    total_weight += 1.0 / k;
  }
  return make_trace(options, draws, [&] {
    double left = draws.uniform() * total_weight;
    size_t chosen = 0;
    while (chosen + 1 < prefixes.size() && left > 1.0 / static_cast<double>(chosen + 1)) {
      left -= 1.0 / static_cast<double>(++chosen);
    }
    std::vector<TokenId> prompt = prefixes[chosen];
    const int32_t own_len = draws.heavy_tailed(options.prompt_len, options.max_len - 1 - prefix_len);
    const std::vector<TokenId> own = draws.tokens(own_len, options.vocab_size);
    prompt.insert(prompt.end(), own.begin(), own.end());
    return prompt;
  });
}

}  // namespace braid
