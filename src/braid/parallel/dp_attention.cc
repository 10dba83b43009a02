#include "braid/parallel/dp_attention.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/measure_costs.h"
#include "braid/parallel/rounded_scatter.h"

namespace braid {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

Status check_config(const DpAttentionConfig& config, bool shares_memory) {
  if (!shares_memory && config.row_bytes() % 4 != 0) {
    return fail("rows of {} {} values cannot be exchanged: they must be whole words of 4 bytes", config.hidden,
                dtype_name(config.dtype));
  }
  if (config.max_logit_rows > 0 && shares_memory != (config.place.head_parallel == HeadParallel::kWorld)) {
    return fail("the head is split over {}, and the ranks {} memory", shares_memory ? "the group" : "the world",
                shares_memory ? "share" : "do not share");
  }
  if (shares_memory && config.sum_dtype != DType::kFloat32) {
    return fail("sums as {} (--exchange-dtype) are for ranks in several processes: these share memory",
                dtype_name(config.sum_dtype));
  }
  const int64_t bytes = exchange_bytes(config, shares_memory);
  if (config.max_bytes > 0 && bytes > config.max_bytes) {
    return fail(
        "steps of {} tokens a group need {:.1f} MiB of exchange buffers a rank, {:.1f} MiB are left: a smaller "
        "--chunked-prefill-size needs less",
        config.max_group_tokens, static_cast<double>(bytes) / kMiB, static_cast<double>(config.max_bytes) / kMiB);
  }
  return {};
}

struct ScatterSpans {
  std::span<const float> parts;
  std::span<float> sums;
};

ScatterSpans spans_of_scatter(const WorldCommunicator& world, const RowLayout& layout, ConstRows partial_sums,
                              Rows own) {
  CHECK(partial_sums.stride == partial_sums.cols && partial_sums.rows == layout.total_rows &&
        partial_sums.dtype == DType::kFloat32 && own.stride == own.cols && own.cols == partial_sums.cols &&
        own.rows == layout.shards[static_cast<size_t>(world.rank())].slot);
  return {.parts = {reinterpret_cast<const float*>(partial_sums.data),
                    static_cast<size_t>(partial_sums.rows * partial_sums.cols)},
          .sums = {reinterpret_cast<float*>(own.data), static_cast<size_t>(own.rows * own.cols)}};
}

// An error of one rank is an error of all, so that no rank is left alone in a collective.
Status agree(const WorldCommunicator& world, const Status& own) {
  std::array<uint32_t, 1> num_failed{own.ok() ? 0U : 1U};
  const Status met = world.all_reduce(num_failed);
  if (!own.ok()) return own;  // even if another rank has ended the world meanwhile
  TRY_STATUS(met);
  if (num_failed[0] > 0) return fail("{} of the {} ranks cannot exchange rows", num_failed[0], world.size());
  return {};
}

}  // namespace

int64_t exchange_bytes(const DpAttentionConfig& config, bool shares_memory) {
  const int64_t vocab = config.vocab_rows * config.place.num_head_parts();
  const int64_t together = config.max_rows() * config.row_bytes() + config.all_logit_rows() * vocab * 4;
  return together / (shares_memory ? config.place.tp_size : 1) + config.max_own_rows() * config.hidden * 4 +
         (config.sum_dtype == DType::kBFloat16 ? RoundedScatter::bytes(config) : 0) + LogitExchange::own_bytes(config);
}

std::vector<int64_t> slot_counts(const RowLayout& layout, int64_t unit) {
  std::vector<int64_t> counts;
  for (const RowLayout::Shard& shard : layout.shards) counts.push_back(shard.slot * unit);
  return counts;
}

Status dp_gather_tokens(const WorldCommunicator& world, const RowLayout& layout, DpPaddingMode mode, ConstRows own,
                        Rows all) {
  const RowLayout::Shard& shard = layout.shards[static_cast<size_t>(world.rank())];
  CHECK(all.stride == all.cols && all.rows == layout.total_rows && own.rows == shard.rows && own.cols == all.cols &&
        own.dtype == all.dtype);
  const int64_t row_bytes = all.cols * dtype_bytes(all.dtype);
  const std::span<std::byte> bytes(all.data, static_cast<size_t>(all.rows * row_bytes));
  const auto place = bytes.subspan(static_cast<size_t>(shard.first * row_bytes));
  for (int64_t row = 0; row < own.rows; ++row) {
    std::byte* to = place.data() + row * row_bytes;
    if (to != own.row_bytes(row)) std::memcpy(to, own.row_bytes(row), static_cast<size_t>(row_bytes));
  }
  const auto slot = place.first(static_cast<size_t>(shard.slot * row_bytes));
  const auto padding = slot.subspan(static_cast<size_t>(shard.rows * row_bytes));
  std::fill(padding.begin(), padding.end(), std::byte{0});
  switch (mode) {
    case DpPaddingMode::kMaxLen:
      return world.all_gather(slot, bytes);
    case DpPaddingMode::kExact:
      return world.all_gather_v(slot, bytes, slot_counts(layout, row_bytes));
    case DpPaddingMode::kSumLen:
      break;
  }
  // Sums words onto zeros: a float sum would turn -0.0 into 0.0.
  CHECK(bytes.size() % sizeof(uint32_t) == 0);
  std::fill(bytes.begin(), place.begin(), std::byte{0});
  std::fill(slot.end(), bytes.end(), std::byte{0});
  return world.all_reduce(std::span(reinterpret_cast<uint32_t*>(bytes.data()), bytes.size() / sizeof(uint32_t)));
}

Status dp_scatter_tokens(const WorldCommunicator& world, const RowLayout& layout, DpPaddingMode mode,
                         ConstRows partial_sums, Rows own) {
  const auto [parts, sums] = spans_of_scatter(world, layout, partial_sums, own);
  if (mode == DpPaddingMode::kMaxLen) return world.reduce_scatter(parts, sums);
  return world.reduce_scatter_v(parts, sums, slot_counts(layout, own.cols));
}

Status dp_begin_scatter_tokens(const WorldCommunicator& world, const RowLayout& layout, ConstRows partial_sums,
                               Rows own) {
  const auto [parts, sums] = spans_of_scatter(world, layout, partial_sums, own);
  return world.begin_reduce_scatter_v(parts, sums, slot_counts(layout, own.cols));
}

Result<std::unique_ptr<DpTokenExchange>> initialize_dp_attention(const DpAttentionConfig& config, Ops& ops,
                                                                 WorldCommunicator world, GroupCommunicator group) {
  CHECK(config.max_group_tokens >= 1 && config.hidden >= 1 && world.size() == config.place.tp_size &&
        world.rank() == config.place.tp_rank && group.size() == config.place.attn_tp_size &&
        group.rank() == config.place.attn_tp_rank);
  TRY_STATUS(agree(world, check_config(config, world.shares_memory())));
  std::shared_ptr<const ExchangeBuffers> buffers;
  if (!world.shares_memory() || world.rank() == 0) buffers = std::make_shared<const ExchangeBuffers>(config);
  if (world.shares_memory()) {  // all ranks hold rank 0's buffers
    std::vector<const void*> owners(static_cast<size_t>(world.size()));
    TRY_STATUS(world.share(&buffers, owners));
    if (world.rank() != 0) buffers = *static_cast<const std::shared_ptr<const ExchangeBuffers>*>(owners[0]);
    TRY_STATUS(world.barrier());
  }
  auto exchange = std::make_unique<DpTokenExchange>(config, ops, world, group, std::move(buffers));
  if (!world.shares_memory() && config.padding.rule == DpPadding::Rule::kCheapest) {
    ExchangeCosts costs = config.known_costs;
    if (costs.points.empty()) {
      TRY(costs, measure_exchange_costs(*exchange, world));
    }
    exchange->set_costs(std::move(costs));
  }
  return exchange;
}

}  // namespace braid
