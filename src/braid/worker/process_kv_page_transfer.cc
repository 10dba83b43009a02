#include "braid/worker/process_kv_page_transfer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

// A probe is as many pieces as keep a link busy: 32 ms at 1 Gbit/s. The first connects the processes, and others may
// have the CPUs meanwhile, so the best of some counts.
constexpr int64_t kProbeBytes = int64_t{1} << 20;
constexpr int32_t kProbeParts = 4;
constexpr int32_t kNumProbes = 4;
constexpr MoveId kProbe = std::numeric_limits<MoveId>::max();

HandOver& hand_over_of(const ThreadWorld& world) {
  HandOver* const found = world.hand_over();
  CHECK(found != nullptr, "the world has no other process");
  return *found;
}

}  // namespace

ProcessKvPageTransfer::ProcessKvPageTransfer(LocalKvPageTransfer& local, const ThreadWorld& world,
                                             const RankTransport& transport, const ParallelLayout& layout)
    : local_(local), hand_over_(hand_over_of(world)), transport_(transport), attn_tp_size_(layout.attn_tp_size()) {}

HandOverId ProcessKvPageTransfer::id_of(const MovedPages& piece, int32_t attn_tp_rank) const {
  return {.from = rank_of(piece.move.from_group, attn_tp_rank),
          .to = rank_of(piece.move.to_group, attn_tp_rank),
          .item = piece.move.id,
          .part = piece.piece};
}

bool ProcessKvPageTransfer::are_in_one_process(const HandOverId& id) const {
  return transport_.process_of(id.from) == transport_.process_of(id.to);
}

Status ProcessKvPageTransfer::give(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team,
                                   const KvCache& cache) {
  const HandOverId id = id_of(piece, attn_tp_rank);
  if (are_in_one_process(id)) return local_.give(piece, attn_tp_rank, team, cache);
  const auto room = [&](int64_t bytes) { return hand_over_.room(id.to, bytes); };
  hand_over_.give(id, KvPageCopy::gather(team, cache, piece.pages, room).take_bytes());
  return {};
}

Status ProcessKvPageTransfer::take(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, KvCache& cache) {
  const HandOverId id = id_of(piece, attn_tp_rank);
  if (are_in_one_process(id)) return local_.take(piece, attn_tp_rank, team, cache);
  TRY(Buffer bytes, hand_over_.take(id));
  if (piece.pages.empty()) return {};
  auto copy = KvPageCopy::of_bytes(cache, piece.pages, std::move(bytes));
  if (!copy.ok()) return fail("piece {} of move {}: {}", piece.piece, piece.move.id, copy.error().message);
  return copy->scatter(team, cache, piece.pages);
}

bool ProcessKvPageTransfer::is_giving(MoveId move, int32_t from_group, int32_t attn_tp_rank) {
  return hand_over_.is_giving(rank_of(from_group, attn_tp_rank), move);
}

Status ProcessKvPageTransfer::finish(int32_t group, int32_t attn_tp_rank) {
  return hand_over_.finish(rank_of(group, attn_tp_rank));
}

Result<double> measure_hand_over_rate(const ThreadWorld& world, const RankTransport& transport, int32_t tp_rank,
                                      int32_t attn_tp_size) {
  const WorldCommunicator comm = world.world(tp_rank);
  const int32_t to = (tp_rank + attn_tp_size) % comm.size();
  const int32_t from = (tp_rank + comm.size() - attn_tp_size) % comm.size();
  const auto is_elsewhere = [&](int32_t rank) { return transport.process_of(rank) != transport.process_of(tp_rank); };
  double rate = 0;  // of what came; 0: it comes from this process
  for (int32_t probe = 0; probe < kNumProbes; ++probe) {
    std::vector<Buffer> parts;
    for (int32_t part = 0; part < kProbeParts; ++part) {
      std::fill_n(parts.emplace_back(kProbeBytes).data(), kProbeBytes, std::byte{1});
    }
    TRY_STATUS(comm.barrier());
    const double start_s = monotonic_seconds();
    HandOver& hand_over = hand_over_of(world);
    for (int32_t part = probe * kProbeParts; Buffer & data : parts) {
      if (is_elsewhere(to)) {
        hand_over.give({.from = tp_rank, .to = to, .item = kProbe, .part = part++}, std::move(data));
      }
    }
    for (int32_t part = probe * kProbeParts; is_elsewhere(from) && part < (probe + 1) * kProbeParts; ++part) {
      TRY_STATUS(hand_over.take({.from = from, .to = tp_rank, .item = kProbe, .part = part}));
    }
    if (is_elsewhere(from)) {
      rate = std::max(rate, static_cast<double>(kProbeBytes * kProbeParts) / (monotonic_seconds() - start_s));
    }
  }
  std::vector<double> rates(static_cast<size_t>(comm.size()));
  TRY_STATUS(comm.all_gather(bytes_of(rate), std::as_writable_bytes(std::span(rates))));
  std::erase(rates, 0.0);
  CHECK(!rates.empty(), "groups of {} ranks are in one process", attn_tp_size);
  return std::ranges::min(rates);
}

}  // namespace braid
