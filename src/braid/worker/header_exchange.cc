#include "braid/worker/header_exchange.h"

namespace braid {
namespace {

constexpr uint64_t kPrefillGoesOn = 1;
constexpr uint64_t kMovesPages = 2;
constexpr uint64_t kMustStop = 4;
constexpr uint64_t kHasFailed = 8;
constexpr uint64_t kImageHasFailed = 16;
constexpr uint64_t kImageMaySucceed = 32;
constexpr uint64_t kHasImageNews = 64;
constexpr int kFirstSizeBit = 32;  // of halved_sizes, behind the flags

uint64_t flag_if(bool is_set, uint64_t flag) {
  return is_set ? flag : 0;
}

}  // namespace

WorldHeaders::WorldHeaders(WorldCommunicator world) : world_(world), all_(static_cast<size_t>(world.size())) {}

Status WorldHeaders::exchange(const StepHeader& own, std::span<StepHeader> all) {
  world_.begin_step(static_cast<int64_t>(own.round));
  const Words words = encode(own);
  TRY_STATUS(world_.all_gather(std::as_bytes(std::span(words)), std::as_writable_bytes(std::span(all_))));
  for (size_t rank = 0; rank < all.size(); ++rank) all[rank] = decode(all_[rank]);
  return {};
}

WorldHeaders::Words WorldHeaders::encode(const StepHeader& header) {
  return {header.round,
          header.work_count,
          static_cast<uint64_t>(header.num_tokens),
          static_cast<uint64_t>(header.num_logit_rows),
          static_cast<uint64_t>(header.plan_bytes),
          static_cast<uint64_t>(header.image_bytes),
          header.images.num_settled,
          static_cast<uint64_t>(header.held_steps),
          uint64_t{header.halved_sizes} << kFirstSizeBit | flag_if(header.prefill_goes_on, kPrefillGoesOn) |
              flag_if(header.moves_pages, kMovesPages) | flag_if(header.must_stop, kMustStop) |
              flag_if(header.has_failed, kHasFailed) | flag_if(header.images.has_failed, kImageHasFailed) |
              flag_if(header.images.may_succeed_elsewhere, kImageMaySucceed) |
              flag_if(header.has_image_news, kHasImageNews)};
}

StepHeader WorldHeaders::decode(const Words& words) {
  const auto& [round, work_count, num_tokens, num_logit_rows, plan_bytes, image_bytes, num_settled, held_steps, flags] =
      words;
  return {.round = round,
          .work_count = work_count,
          .num_tokens = static_cast<int64_t>(num_tokens),
          .num_logit_rows = static_cast<int64_t>(num_logit_rows),
          .plan_bytes = static_cast<int64_t>(plan_bytes),
          .image_bytes = static_cast<int64_t>(image_bytes),
          .images = {.num_settled = num_settled,
                     .has_failed = (flags & kImageHasFailed) != 0,
                     .may_succeed_elsewhere = (flags & kImageMaySucceed) != 0},
          .held_steps = static_cast<int32_t>(held_steps),
          .halved_sizes = static_cast<uint32_t>(flags >> kFirstSizeBit),
          .prefill_goes_on = (flags & kPrefillGoesOn) != 0,
          .moves_pages = (flags & kMovesPages) != 0,
          .has_image_news = (flags & kHasImageNews) != 0,
          .must_stop = (flags & kMustStop) != 0,
          .has_failed = (flags & kHasFailed) != 0};
}

}  // namespace braid
