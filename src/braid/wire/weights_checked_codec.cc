#include "braid/wire/weights_checked_codec.h"

#include <cmath>
#include <utility>

namespace braid {
namespace {

namespace weights_format = process_message_format;

Status check_pages(int64_t num_pages, int64_t num_bad_pages) {
  if (num_pages >= 0 && num_bad_pages >= 0 && num_bad_pages <= num_pages) return {};
  return fail("{} bad pages of {}", num_bad_pages, num_pages);
}

Result<RankWeights> decode_rank_weights(const weights_format::RankWeights& from, const ProcessMessageLimits& limits) {
  RankWeights weights{
      .checked_unix_s = from.checked_unix_s(), .num_pages = from.num_pages(), .num_bad_pages = from.num_bad_pages()};
  if (!std::isfinite(weights.checked_unix_s)) return fail("weights that were checked at no time");
  TRY_STATUS(check_pages(weights.num_pages, weights.num_bad_pages));
  TRY_STATUS(flat::check_count(from.damaged(), "damaged weights of a rank", RankWeights::kMaxDamaged));
  if (from.damaged() == nullptr) return weights;
  for (const weights_format::DamagedWeights* damaged : *from.damaged()) {
    RankWeights::Damaged one{.tensors = {}, .num_bad_pages = damaged->num_bad_pages()};
    TRY_STATUS(check_pages(weights.num_bad_pages, one.num_bad_pages));
    if (damaged->tensors() != nullptr) one.tensors = damaged->tensors()->str();
    if (std::ssize(one.tensors) > limits.max_text) {
      return fail("names of tensors of {} bytes, at most {} fit", one.tensors.size(), limits.max_text);
    }
    weights.damaged.push_back(std::move(one));
  }
  return weights;
}

}  // namespace

flat::Offset<weights_format::WeightsChecked> encode_weights_checked(flat::Builder& builder,
                                                                    const WeightsChecked& checked) {
  std::vector<flat::Offset<weights_format::RankWeights>> ranks;
  for (const RankWeights& rank : checked.ranks) {
    std::vector<flat::Offset<weights_format::DamagedWeights>> damaged;
    for (const RankWeights::Damaged& one : rank.damaged) {
      const auto tensors_at = builder.CreateString(one.tensors);
      damaged.push_back(weights_format::CreateDamagedWeights(builder, tensors_at, one.num_bad_pages));
    }
    const auto damaged_at = flat::add_list(builder, damaged);
    ranks.push_back(weights_format::CreateRankWeights(builder, rank.checked_unix_s, rank.num_pages, rank.num_bad_pages,
                                                      damaged_at));
  }
  const auto ranks_at = flat::add_list(builder, ranks);
  return weights_format::CreateWeightsChecked(builder, checked.id, checked.num_pages, checked.num_bad_pages, ranks_at);
}

Result<WeightsChecked> decode_weights_checked(const weights_format::WeightsChecked& from,
                                              const ProcessMessageLimits& limits) {
  WeightsChecked checked{.id = from.id(), .num_pages = from.num_pages(), .num_bad_pages = from.num_bad_pages()};
  TRY_STATUS(check_pages(checked.num_pages, checked.num_bad_pages));
  TRY_STATUS(flat::check_count(from.ranks(), "ranks", limits.max_ranks));
  if (from.ranks() == nullptr) return checked;
  for (const weights_format::RankWeights* rank : *from.ranks()) {
    TRY(RankWeights weights, decode_rank_weights(*rank, limits));
    checked.ranks.push_back(std::move(weights));
  }
  return checked;
}

}  // namespace braid
