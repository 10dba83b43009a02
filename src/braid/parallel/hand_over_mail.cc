#include "braid/parallel/hand_over_mail.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

// In a hurry the receiver copies one chunk while the next arrives. At a pace, chunks are small, so that little lies
// before a message of a step.
constexpr int64_t kLargestChunk = int64_t{1} << 20;
constexpr int64_t kSmallestChunk = int64_t{16} << 10;
constexpr double kChunkOfPace_s = 1e-3;
constexpr double kMostCredit_s = 5e-3;       // of rest made up for
constexpr int32_t kMostChunksUnderWay = 16;  // of which none moves while both ends nap

std::string describe(const HandOverId& id) {
  return fmt::format("part {} of item {} from rank {} to rank {}", id.part, id.item, id.from, id.to);
}

}  // namespace

HandOverMail::HandOverMail(ProcessPort& port, const RankSpread& spread, Announce announce)
    : port_(port), spread_(spread), announce_(std::move(announce)) {}

void HandOverMail::give(const HandOverId& id, Buffer data) {
  CHECK(data.bytes() > 0, "{} is empty", describe(id));
  giving_.push_back({.id = id, .data = std::move(data)});
}

bool HandOverMail::is_giving(int32_t from) const {
  return std::ranges::any_of(giving_, [&](const Given& given) { return given.id.from == from; });
}

bool HandOverMail::is_giving(int32_t from, uint64_t item) const {
  return std::ranges::any_of(giving_,
                             [&](const Given& given) { return given.id.from == from && given.id.item == item; });
}

std::optional<Buffer> HandOverMail::try_take(const HandOverId& id) {
  const auto found = coming_.find(id);
  if (found == coming_.end()) return std::nullopt;
  Coming& coming = found->second;
  forget_done(coming.under_way, num_receiving_);
  if (coming.num_announced < coming.data.bytes() || !coming.under_way.empty()) return std::nullopt;
  Buffer data = std::move(coming.data);
  num_waiting_ -= data.bytes();
  coming_.erase(found);
  return data;
}

void HandOverMail::forget_done(std::vector<PortRequest>& requests, int32_t& count) {
  count -= static_cast<int32_t>(std::erase_if(requests, [&](PortRequest request) { return port_.test(request); }));
}

void HandOverMail::begin_chunk(Given& given, int64_t bytes) {
  const HandOverId& id = given.id;
  const int32_t process = spread_.process_of(id.to);
  const int32_t tag = announce_({.type = HeadType::kHandOver,
                                 .from = id.from,
                                 .to = id.to,
                                 .call = {.step = static_cast<int64_t>(id.item),
                                          .op = id.part,
                                          .kind = OpKind::kHandOver,
                                          .bytes = given.data.bytes(),
                                          .peer = id.to},
                                 .num_bytes = bytes},
                                process);
  given.under_way.push_back(port_.send(given.data.data() + given.num_begun, static_cast<size_t>(bytes), process, tag));
  given.num_begun += bytes;
  ++num_sending_;
}

void HandOverMail::look_after(double now_s) {
  for (auto& [id, coming] : coming_) forget_done(coming.under_way, num_receiving_);
  for (Given& given : giving_) forget_done(given.under_way, num_sending_);
  std::erase_if(giving_,
                [](const Given& given) { return given.num_begun == given.data.bytes() && given.under_way.empty(); });
  const bool is_free = pace_ <= 0 || num_hurries_ > 0;
  const int64_t chunk =
      is_free ? kLargestChunk : std::clamp(static_cast<int64_t>(pace_ * kChunkOfPace_s), kSmallestChunk, kLargestChunk);
  const double most_credit = std::max(static_cast<double>(chunk), pace_ * kMostCredit_s);
  credit_ = std::min(credit_ + pace_ * (now_s - looked_s_), most_credit);
  looked_s_ = now_s;
  for (Given& given : giving_) {
    while (given.num_begun < given.data.bytes()) {
      if (num_sending_ >= kMostChunksUnderWay || (!is_free && credit_ <= 0)) return;
      const int64_t bytes = std::min(chunk, given.data.bytes() - given.num_begun);
      begin_chunk(given, bytes);
      if (!is_free) credit_ -= static_cast<double>(bytes);
    }
  }
}

Status HandOverMail::deliver(const MessageHead& head, int32_t process) {
  const HandOverId id{
      .from = head.from, .to = head.to, .item = static_cast<uint64_t>(head.call.step), .part = head.call.op};
  auto found = coming_.find(id);
  if (found == coming_.end()) {
    const int64_t total = head.call.bytes;
    if (total < 1 || total > max_waiting_ - num_waiting_) {
      return fail("{} has {} bytes, and {} of at most {} wait to be taken", describe(id), total, num_waiting_,
                  max_waiting_);
    }
    num_waiting_ += total;
    found = coming_.emplace(id, Coming{.data = Buffer(total)}).first;
  }
  Coming& coming = found->second;
  const int64_t left = coming.data.bytes() - coming.num_announced;
  if (head.tag < 0 || head.call.bytes != coming.data.bytes() || head.num_bytes > left) {
    return fail("{} bytes of {} came, and {} of {} were left", head.num_bytes, describe(id), left, coming.data.bytes());
  }
  coming.under_way.push_back(
      port_.receive(coming.data.data() + coming.num_announced, static_cast<size_t>(head.num_bytes), process, head.tag));
  coming.num_announced += head.num_bytes;
  ++num_receiving_;
  return {};
}

}  // namespace braid
