// How the pages of a sequence that moves get from one rank to another: rank i of the source group hands over its part,
// rank i of the target group takes it in a later step. All say so by their group's plan, so whatever carries them may
// send and receive: nobody decides anything here.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"
#include "braid/kv/kv_page_copy.h"
#include "braid/wire/move.h"

namespace braid {

class KvPageTransfer {
 public:
  virtual ~KvPageTransfer() = default;
  // Copies the pages out of the cache, and does not wait for who takes them: the pages may be written at once.
  virtual Status give(const Move& move, int32_t attn_tp_rank, const KvCache& cache,
                      KvPageCopy::PagesByKvGroup pages) = 0;
  // Copies them into these pages of another cache; no groups: what was given is dropped. Each move is taken once. It
  // never waits for ever; an error ends the world.
  virtual Status take(const Move& move, int32_t attn_tp_rank, KvCache& cache, KvPageCopy::PagesByKvGroup pages) = 0;
};

// Between ranks of one process, of one world or of several.
class LocalKvPageTransfer final : public KvPageTransfer {
 public:
  // `timeout_s`: how long to wait for a part that another world has not given yet. (Within a world its headers see to
  // it that all have given what anyone is told to take.)
  explicit LocalKvPageTransfer(double timeout_s) : timeout_s_(timeout_s) {}

  Status give(const Move& move, int32_t attn_tp_rank, const KvCache& cache, KvPageCopy::PagesByKvGroup pages) override;
  Status take(const Move& move, int32_t attn_tp_rank, KvCache& cache, KvPageCopy::PagesByKvGroup pages) override;
  // A world has ended: whoever waits for its part gets an error with the reason, now and later.
  void abort(const std::string& reason);

  int64_t num_parts_on_the_way() const;

 private:
  using PartKey = std::pair<MoveId, int32_t>;  // of which rank

  const double timeout_s_;
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::map<PartKey, KvPageCopy> parts_;
  std::string abort_reason_;
};

}  // namespace braid
