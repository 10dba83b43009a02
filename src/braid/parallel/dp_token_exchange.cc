#include "braid/parallel/dp_token_exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/float_mode.h"

namespace braid {
namespace {

class Timed {
 public:
  explicit Timed(double& total_s) : total_s_(total_s), start_s_(monotonic_seconds()) {}
  ~Timed() { total_s_ += monotonic_seconds() - start_s_; }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& total_s_;
  double start_s_;
};

std::span<std::byte> bytes_of_rows(const Rows& rows) {
  return {rows.data, static_cast<size_t>(rows.rows * rows.cols * dtype_bytes(rows.dtype))};
}

void end_pass_unless(const Status& met) {
  if (!met.ok()) throw WorldEnded(met.error());
}

void zero_rows(const Rows& rows) {
  if (rows.rows > 0) std::memset(rows.data, 0, bytes_of_rows(rows).size());
}

}  // namespace

ExchangeBuffers::ExchangeBuffers(const DpAttentionConfig& config)
    : rows(config.dtype, config.max_rows(), config.hidden),
      logits(DType::kFloat32, config.all_logit_rows(), config.vocab_rows * config.place.num_head_parts()) {}

DpTokenExchange::DpTokenExchange(const DpAttentionConfig& config, Ops& ops, WorldCommunicator world,
                                 GroupCommunicator group, std::shared_ptr<const ExchangeBuffers> buffers)
    : config_(config),
      ops_(ops),
      world_(world),
      group_(group),
      buffers_(std::move(buffers)),
      logits_(config, world, group, buffers_->logits),
      own_sums_(DType::kFloat32, config.max_own_rows(), config.hidden),
      world_sums_(static_cast<size_t>(world.size())),
      group_sums_(static_cast<size_t>(group.size())),
      counts_(static_cast<size_t>(group.size())) {
  if (config.sum_dtype == DType::kBFloat16) rounded_.emplace(config);
}

DpPaddingMode DpTokenExchange::choose_padding(std::span<const int32_t> group_tokens) const {
  switch (config_.padding.rule) {
    case DpPadding::Rule::kPublished:
      return published_padding_mode(group_tokens);
    case DpPadding::Rule::kFixed:
      return config_.padding.mode;
    case DpPadding::Rule::kCheapest:
      break;
  }
  // Where memory is shared nothing is moved, and padding would only add rows. While costs are measured modes are given.
  return costs_ ? cheapest_padding_mode(*costs_, group_tokens) : DpPaddingMode::kExact;
}

void DpTokenExchange::begin_step(const DpAttentionMetadata& metadata) {
  CHECK(static_cast<int32_t>(metadata.group_tokens.size()) == config_.place.dp_size, "{} groups of {}",
        metadata.group_tokens.size(), config_.place.dp_size);
  for (const int32_t tokens : metadata.group_tokens) {
    CHECK(tokens >= 0 && tokens <= config_.max_group_tokens, "{} tokens, room for {}", tokens,
          config_.max_group_tokens);
  }
  mode_ = metadata.padding;
  // An all-reduce answers what it has received, so the gather of SUM_LEN cannot travel while nobody waits for it.
  const bool can_halve = may_halve() && mode_ != DpPaddingMode::kSumLen && std::ranges::max(metadata.group_tokens) > 1;
  num_parts_ = metadata.in_halves && can_halve ? 2 : 1;
  counts_of_step_ = {};
  ++counts_of_step_.steps_by_padding[static_cast<size_t>(mode_)];
  counts_of_step_.halved_steps = num_parts_ > 1 ? 1 : 0;
  Part* before = nullptr;
  for (int32_t number = 0; number < num_parts_; ++number) {
    select_part(number);
    std::vector<int32_t> tokens = metadata.group_tokens;
    for (int32_t& of_group : tokens) {
      const IndexRange rows = part_rows(number, of_group);
      of_group = static_cast<int32_t>(rows.end - rows.begin);
    }
    set_row_layout(part().layout, mode_, tokens, config_.place.attn_tp_size);
    part().first_row = before != nullptr ? before->layout.total_rows : 0;
    part().first_sum = before != nullptr ? before->layout.shards[static_cast<size_t>(config_.place.tp_rank)].slot : 0;
    const RowLayout::Shard& own = own_shard();
    zero_rows(all_rows().slice_rows(own.first + own.rows, own.slot - own.rows));
    count_bytes();
    before = &part();
  }
  select_part(0);
}

IndexRange DpTokenExchange::part_rows(int32_t part, int64_t group_rows) const {
  return split_evenly(group_rows, part, num_parts_);
}

// What the group's ranks receive in each exchange of this step.
void DpTokenExchange::count_bytes() {
  part().bytes = {};
  bytes_of_group_ = {};
  if (world_.shares_memory()) return;
  const int32_t first_rank = config_.place.tp_rank - config_.place.attn_tp_rank;
  for (int32_t rank = first_rank; rank < first_rank + group_.size(); ++rank) {
    part().bytes.gathered_bytes += static_cast<uint64_t>(gather_bytes(layout(), mode_, rank, config_.row_bytes()));
    part().bytes.scattered_bytes +=
        static_cast<uint64_t>(scatter_bytes(layout(), mode_, rank, config_.sum_row_bytes()));
  }
  const int64_t rows = layout().groups[static_cast<size_t>(config_.place.attn_dp_rank)].rows * (group_.size() - 1);
  bytes_of_group_.gathered_bytes = static_cast<uint64_t>(rows * config_.row_bytes());
  bytes_of_group_.scattered_bytes = static_cast<uint64_t>(rows * config_.sum_row_bytes());
}

std::optional<DpPaddingMode> DpTokenExchange::prepare_step(int64_t step, std::span<const int32_t> group_tokens,
                                                           bool in_halves) {
  const DpPaddingMode padding = choose_padding(group_tokens);
  begin_step({.step = step,
              .group_tokens = {group_tokens.begin(), group_tokens.end()},
              .padding = padding,
              .in_halves = in_halves});
  return padding;
}

// A group whose step is split is one rank, which owns all its rows: those of a part, or of the whole step.
IndexRange DpTokenExchange::own_rows(int64_t group_rows) const {
  if (is_split()) return {.begin = 0, .end = group_rows};
  const RowLayout::Group& group = layout().groups[static_cast<size_t>(config_.place.attn_dp_rank)];
  CHECK(group_rows == group.rows, "{} rows in a step whose header says {}", group_rows, group.rows);
  return {.begin = own_shard().in_group, .end = own_shard().in_group + own_shard().rows};
}

// No rank reads the slot any more: all have reached the previous layer's scatter, or the group has reached this
// layer's.
Rows DpTokenExchange::own_slot(const RowsBuffer&, int64_t rows) {
  CHECK(rows == own_shard().rows, "{} rows, own rows are {}", rows, own_shard().rows);
  return slot();
}

void DpTokenExchange::place_own(ConstRows own) {
  const Rows to = slot();
  CHECK(own.rows == to.rows && own.cols == to.cols && own.dtype == to.dtype, "[{}, {}] into [{}, {}]", own.rows,
        own.cols, to.rows, to.cols);
  if (own.rows == 0 || own.data == to.data) return;
  for (int64_t row = 0; row < own.rows; ++row) {
    std::memcpy(to.row_bytes(row), own.row_bytes(row), static_cast<size_t>(config_.row_bytes()));
  }
}

// Sets counts_ to the number of the group's rows that each of its ranks owns, in `unit`s.
void DpTokenExchange::count_group(int64_t unit) {
  const int32_t first_rank = config_.place.tp_rank - config_.place.attn_tp_rank;
  for (int32_t rank = 0; rank < group_.size(); ++rank) {
    counts_[static_cast<size_t>(rank)] = layout().shards[static_cast<size_t>(first_rank + rank)].rows * unit;
  }
}

ConstRows DpTokenExchange::group_gather(ConstRows own) {
  if (group_.size() == 1) return own;
  place_own(own);
  const RowLayout::Group& group = layout().groups[static_cast<size_t>(config_.place.attn_dp_rank)];
  const Rows rows = all_rows().slice_rows(group.first, group.rows);
  const Timed timed(waiting_s());
  counts_of_step_.gathered_bytes += bytes_of_group_.gathered_bytes;
  if (world_.shares_memory()) {
    end_pass_unless(group_.barrier());
  } else {
    count_group(config_.row_bytes());
    end_pass_unless(group_.all_gather_v(bytes_of_rows(slot()), bytes_of_rows(rows), counts_));
  }
  return rows;
}

void DpTokenExchange::begin_gather(ConstRows own) {
  place_own(own);
  counts_of_step_.gathered_bytes += part().bytes.gathered_bytes;
  if (!is_split()) return;
  const Timed timed(waiting_s());
  const RowLayout::Shard& shard = own_shard();
  const Rows all = all_rows();
  end_pass_unless(world_.begin_all_gather_v(bytes_of_rows(all.slice_rows(shard.first, shard.slot)), bytes_of_rows(all),
                                            slot_counts(layout(), config_.row_bytes())));
}

ConstRows DpTokenExchange::finish_gather() {
  const Timed timed(waiting_s());
  if (is_split()) {
    end_pass_unless(world_.finish());
  } else {
    end_pass_unless(world_.shares_memory() ? world_.barrier()
                                           : dp_gather_tokens(world_, layout(), mode_, slot(), all_rows()));
  }
  return all_rows();
}

ConstRows DpTokenExchange::group_scatter(ConstRows partial_sums) {
  if (group_.size() == 1) return partial_sums;
  CHECK(partial_sums.stride == config_.hidden && partial_sums.dtype == DType::kFloat32);
  if (world_.shares_memory()) {
    {
      const Timed timed(times_.wait_s);
      end_pass_unless(group_.share(partial_sums.data, group_sums_));
    }
    return sum_of_peers(own_shard().in_group, group_sums_);
  }
  const Timed timed(times_.move_s);
  const FlushDenormals mode;
  counts_of_step_.scattered_bytes += bytes_of_group_.scattered_bytes;
  const Rows own = own_sums(own_shard().rows);
  count_group(rounded_ ? 1 : config_.hidden);
  if (rounded_) {
    end_pass_unless(rounded_->scatter(ops_, group_, counts_, partial_sums, own));
    return own;
  }
  end_pass_unless(group_.reduce_scatter_v(
      {reinterpret_cast<const float*>(partial_sums.data), static_cast<size_t>(partial_sums.rows * config_.hidden)},
      {reinterpret_cast<float*>(own.data), static_cast<size_t>(own.rows * config_.hidden)}, counts_));
  return own;
}

void DpTokenExchange::group_sum(Rows parts) {
  if (group_.size() == 1) return;
  CHECK(parts.stride == parts.cols && parts.dtype == DType::kFloat32);
  const Timed timed(waiting_s());
  const FlushDenormals mode;
  end_pass_unless(
      group_.all_reduce(std::span(reinterpret_cast<float*>(parts.data), static_cast<size_t>(parts.rows * parts.cols))));
}

void DpTokenExchange::begin_scatter(ConstRows partial_sums) {
  CHECK(partial_sums.rows == layout().total_rows && partial_sums.stride == config_.hidden &&
            partial_sums.dtype == DType::kFloat32,
        "{} rows of {}", partial_sums.rows, layout().total_rows);
  part().partial_sums = partial_sums;
  counts_of_step_.scattered_bytes += part().bytes.scattered_bytes;
  if (!is_split()) return;
  const Timed timed(times_.move_s);
  const Rows own = own_sums(own_shard().slot);
  end_pass_unless(rounded_ ? rounded_->begin(ops_, world_, slot_counts(layout(), 1), before_part(), partial_sums, own)
                           : dp_begin_scatter_tokens(world_, layout(), partial_sums, own));
}

ConstRows DpTokenExchange::finish_scatter() {
  if (world_.shares_memory()) {
    {
      const Timed timed(times_.wait_s);
      end_pass_unless(world_.share(part().partial_sums.data, world_sums_));
    }
    return sum_of_peers(own_shard().first, world_sums_);
  }
  const Timed timed(times_.move_s);
  const FlushDenormals mode;
  const Rows own = own_sums(own_shard().slot);
  if (!is_split()) {
    end_pass_unless(rounded_ ? rounded_->scatter(ops_, world_, slot_counts(layout(), 1), part().partial_sums, own)
                             : dp_scatter_tokens(world_, layout(), mode_, part().partial_sums, own));
  } else {
    end_pass_unless(rounded_ ? rounded_->finish(ops_, world_, before_part(), own) : world_.finish());
  }
  return own_sums(own_shard().rows);
}

// Works in blocks that stay in the cache for all ranks: each value is read once and written once.
ConstRows DpTokenExchange::sum_of_peers(int64_t first_row, std::span<const void*> partial_sums) {
  constexpr int64_t kBlock = 2048;
  const Timed timed(times_.move_s);
  const Rows own = own_sums(own_shard().rows);
  auto* sums = reinterpret_cast<float*>(own.data);
  ops_.parallel_for(own.rows * config_.hidden, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block += kBlock) {
      const int64_t block_end = std::min(end, block + kBlock);
      for (size_t rank = 0; rank < partial_sums.size(); ++rank) {
        const float* from = static_cast<const float*>(partial_sums[rank]) + first_row * config_.hidden;
        if (rank == 0) {
          std::copy(from + block, from + block_end, sums + block);
        } else {
          for (int64_t i = block; i < block_end; ++i) sums[i] += from[i];
        }
      }
    }
  });
  return own;
}

ConstRows DpTokenExchange::gather_logit_rows(ConstRows own) {
  const Timed timed(waiting_s());
  end_pass_unless(logits_.gather(own));
  return logits_.gathered();
}

Rows DpTokenExchange::logit_slot(const RowsBuffer&, int64_t rows) {
  return logits_.slot(rows);
}

ConstRows DpTokenExchange::share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) {
  const Timed timed(waiting_s());
  end_pass_unless(logits_.share(product));
  return logits_.logits_of_group(group_rows, vocab_size);
}

bool DpTokenExchange::has_whole_head() const {
  return config_.place.head_parallel == HeadParallel::kGroup && config_.place.attn_tp_size == 1;
}

}  // namespace braid
