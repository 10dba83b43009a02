#include "braid/parallel/group_row_exchange.h"

#include <vector>

#include "braid/parallel/token_exchange.h"

namespace braid {
namespace {

void throw_unless(const Status& status) {
  if (!status.ok()) throw WorldEnded(status.error());
}

std::span<std::byte> contiguous_bytes(Rows rows) {
  CHECK(rows.stride == rows.cols);
  return {rows.data, static_cast<size_t>(rows.rows * rows.cols * dtype_bytes(rows.dtype))};
}

}  // namespace

IndexRange GroupRowExchange::own_rows(int64_t rows, int64_t unit) const {
  return split_evenly(rows, group_.rank(), group_.size(), unit);
}

std::vector<int64_t> GroupRowExchange::row_bytes(int64_t rows, int64_t bytes_of_row, int64_t unit) const {
  std::vector<int64_t> bytes;
  for (int32_t member = 0; member < group_.size(); ++member) {
    const IndexRange range = split_evenly(rows, member, group_.size(), unit);
    bytes.push_back((range.end - range.begin) * bytes_of_row);
  }
  return bytes;
}

void GroupRowExchange::gather(Rows all, int64_t unit) {
  const IndexRange range = own_rows(all.rows, unit);
  const Rows own = all.slice_rows(range.begin, range.end - range.begin);
  throw_unless(group_.all_gather_v(contiguous_bytes(own), contiguous_bytes(all),
                                   row_bytes(all.rows, all.cols * dtype_bytes(all.dtype), unit)));
}

// One exchange for each part that a member has. What came of it lies member by member.
void GroupRowExchange::scatter(std::span<const Rows> parts, Rows own, int64_t unit) {
  const int64_t size = own.rows * own.cols;  // of a part
  const auto own_bytes = static_cast<int64_t>(contiguous_bytes(own).size());
  const auto num_members = static_cast<int64_t>(group_.size());
  const int64_t num_parts = num_members * std::ssize(parts);
  if (received_.bytes() < num_parts * own_bytes) received_ = Buffer(num_parts * own_bytes);
  const std::vector<int64_t> received_counts(static_cast<size_t>(num_members), own_bytes);
  for (int64_t i = 0; i < std::ssize(parts); ++i) {
    const Rows part = parts[static_cast<size_t>(i)];
    const std::span<std::byte> to(received_.data() + i * num_members * own_bytes,
                                  static_cast<size_t>(num_members * own_bytes));
    throw_unless(group_.all_to_all_v(
        contiguous_bytes(part), row_bytes(part.rows, part.cols * dtype_bytes(part.dtype), unit), to, received_counts));
  }
  const auto* const received = received_.as<float>();
  auto* const sums = reinterpret_cast<float*>(own.data);
  for (int64_t member = 0; member < num_members; ++member) {
    for (int64_t i = 0; i < std::ssize(parts); ++i) {
      const float* const part = received + (i * num_members + member) * size;
      const bool is_first = member == 0 && i == 0;
      for (int64_t at = 0; at < size; ++at) sums[at] = is_first ? part[at] : sums[at] + part[at];
    }
  }
}

}  // namespace braid
