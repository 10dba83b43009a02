// Packed weights in memory that outlives the process (base/kept_memory.h): the next process of the same ranks has them
// without reading or packing anything.
//
// Buffers lie in the file in the order in which they are taken, which is the same in every start. A header says what
// the weights were made of. It is written last, so a process that is killed while it loads leaves nothing. Then the
// memory is read-only. Tested by kept_weights_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/base/kept_memory.h"
#include "braid/base/result.h"
#include "braid/tensor/buffer.h"

namespace braid {

class KeptWeights {
 public:
  // Takes over what the memory has, if that is whole and was made for the same: `what` describes all that the weights'
  // bytes and order depend on. Otherwise the memory is cleared.
  static Result<std::unique_ptr<KeptWeights>> open(KeptMemory memory, std::string what);

  // The weights are there from an earlier start: what is taken must not be written.
  bool are_there() const { return are_there_; }

  // The next part of the memory, for a BufferArena. Zeros, unless the weights are there.
  std::shared_ptr<const Mapping> take(int64_t bytes);

  // Before these bytes, of a taken mapping, are filled or used: has the system back them with huge pages, as far as
  // these end in the bytes, or enter them into the process's page tables if they are there.
  void prepare(std::span<std::byte> bytes) const;

  // All weights are loaded, and have these checksums (WeightPages): from now on the next start finds them.
  Status finish(std::span<const uint64_t> sums);

  // As finish() got them. The weights are there.
  Result<std::vector<uint64_t>> sums() const;

 private:
  struct Header;

  KeptWeights(KeptMemory memory, std::string what) : memory_(std::move(memory)), what_(std::move(what)) {}
  Result<Header> read_header() const;

  KeptMemory memory_;  // its lock is held as long as somebody may write
  const std::string what_;
  bool are_there_ = false;
  int64_t end_ = 0;  // of what was taken, in the file
  std::vector<std::shared_ptr<const Mapping>> taken_;
};

}  // namespace braid
