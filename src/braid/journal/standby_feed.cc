#include "braid/journal/standby_feed.h"

#include <algorithm>
#include <utility>

namespace braid {

void StandbyFeed::begin(Send send, uint64_t first_copy) {
  end();
  send_ = std::move(send);
  next_copy_ = first_copy;
  next_begin_s_ = 0;
}

void StandbyFeed::end() {
  send_ = nullptr;
  has_begun_ = false;
  is_whole_ = false;
}

void StandbyFeed::give_up(double now_s) {
  has_begun_ = false;
  is_whole_ = false;
  next_begin_s_ = now_s + kPause_s;
}

Status StandbyFeed::take(const JournalKept& kept, double now_s) {
  if (!has_begun_ || kept.copy != copy_) return {};  // of an earlier copy
  if (!kept.refusal.empty()) {
    give_up(now_s);
    return fail("the standby refuses its copy of the journal, which begins anew: {}", kept.refusal);
  }
  if (kept.end < confirmed_end_ || kept.end > sent_end_) {
    give_up(now_s);
    return fail("the standby confirms {} bytes of its copy of the journal, of which {} were sent: it begins anew",
                kept.end, sent_end_);
  }
  confirmed_end_ = kept.end;
  while (!unconfirmed_.empty() && unconfirmed_.front().end <= kept.end) {
    confirmed_ = unconfirmed_.front().place;
    is_whole_ |= unconfirmed_.front().is_whole;
    unconfirmed_.pop_front();
  }
  return {};
}

void StandbyFeed::begin_copy(const Segments& segments) {
  has_begun_ = true;
  copy_ = next_copy_++;
  sent_end_ = 0;
  confirmed_end_ = 0;
  sent_ = segments.begin();
  confirmed_ = sent_;
  said_whole_ = false;
  unconfirmed_.clear();
}

Status StandbyFeed::go_on(const Segments& segments, double now_s) {
  if (send_ == nullptr) return {};
  if (!has_begun_) {
    if (now_s < next_begin_s_) return {};
    begin_copy(segments);
  }
  while (sent_end_ - confirmed_end_ < static_cast<uint64_t>(kWindowBytes) && unconfirmed_.size() < kMaxParts) {
    auto bytes = segments.read_on(sent_, kMaxPartBytes);
    if (!bytes.ok()) {
      give_up(now_s);
      return fail("the standby's copy of the journal begins anew: {}", bytes.error().message);
    }
    if (bytes->empty() && said_whole_) return {};
    const bool is_whole = sent_ == segments.end();
    said_whole_ |= is_whole;
    JournalPart part{.copy = copy_, .begin = sent_end_, .is_whole = is_whole, .bytes = *std::move(bytes)};
    sent_end_ += part.bytes.size();
    unconfirmed_.push_back({.end = sent_end_, .place = sent_, .is_whole = is_whole});
    send_(std::move(part));
  }
  return {};
}

void StandbyFeed::hold(const JournalPlace& end, std::function<void()> when_safe, double now_s) {
  held_.push_back({.end = end, .until_s = now_s + kLongestHold_s, .when_safe = std::move(when_safe)});
  release(now_s);
}

void StandbyFeed::release(double now_s) {
  while (!held_.empty()) {
    const Held& first = held_.front();
    if (is_whole_ && confirmed_ < first.end && now_s < first.until_s) return;
    first.when_safe();
    held_.pop_front();
  }
}

StandbyStats StandbyFeed::stats(const Segments& segments) const {
  StandbyStats stats{.is_there = send_ != nullptr, .is_whole = is_whole_};
  stats.bytes_behind = has_begun_ ? segments.bytes_behind(confirmed_) : segments.bytes();
  return stats;
}

}  // namespace braid
