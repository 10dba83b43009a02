// The private state of a CompiledGrammar, used only by it and its matchers. Tested by grammar_matcher_test.cc.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "braid/grammar/automaton/endless_states.h"
#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/mask/mask_builder.h"
#include "braid/grammar/memory_meter.h"
#include "braid/grammar/unique_item_walk.h"

namespace braid {

// The configurations found so far. A matcher holds the id of one, and keeps the memory alive.
struct CompiledGrammar::Memory {
  Memory(std::shared_ptr<const grammar::Machine> machine, std::shared_ptr<MemoryMeter> meter)
      : explorer(std::move(machine)), share(std::move(meter)) {}

  grammar::Explorer explorer;
  MemoryMeter::Share share;
};

struct CompiledGrammar::Internals {
  Internals(std::shared_ptr<const grammar::Machine> the_machine, std::shared_ptr<const grammar::Vocabulary> vocabulary,
            std::shared_ptr<grammar::SharedLocalMasks> shared, std::shared_ptr<MemoryMeter> the_meter)
      : machine(std::move(the_machine)),
        meter(std::move(the_meter)),
        share(meter),
        masks(machine, std::move(vocabulary), std::move(shared)),
        memory(std::make_shared<Memory>(machine, meter)) {}

  // Needs the lock. Starts a new memory if the current one is too large.
  void renew_memory() {
    const bool is_scarce = meter->is_scarce();
    const int64_t max_bytes = std::max(is_scarce ? kLeastMemoryBytes : kMaxMemoryBytes, 2 * max_copied_bytes);
    if (memory->explorer.memory_bytes() <= max_bytes) return;
    memory = std::make_shared<Memory>(machine, meter);
    max_copied_bytes = 0;
    masks.forget_configs();
    if (is_scarce) masks.forget_states();
  }
  // Needs the lock. Call after any work.
  void count_bytes() {
    memory->share.set(memory->explorer.memory_bytes());
    share.set(machine_bytes + masks.memory_bytes() + (endless ? endless->memory_bytes() : 0));
  }

  // Needs the lock. Null if the grammar has no arrays of unique items.
  std::unique_ptr<grammar::UniqueItemWalk> unique_item_walk(grammar::UniqueItems& items) {
    if (!machine->has_unique_items) return nullptr;
    if (!endless) endless.emplace(machine);
    return std::make_unique<grammar::UniqueItemWalk>(memory->explorer, *endless, items);
  }

  // A new memory starts above the first size, or above the second if memory is scarce.
  static constexpr int64_t kMaxMemoryBytes = int64_t{16} << 20;
  static constexpr int64_t kLeastMemoryBytes = int64_t{1} << 20;

  const std::shared_ptr<const grammar::Machine> machine;
  const int64_t machine_bytes = machine->memory_bytes();
  const std::shared_ptr<MemoryMeter> meter;
  std::mutex mutex;  // guards all members below, and every Memory of this grammar
  MemoryMeter::Share share;
  grammar::MaskBuilder masks;
  std::shared_ptr<Memory> memory;                 // the current one
  std::optional<grammar::EndlessStates> endless;  // once they are needed
  // The largest configuration that was copied into the current memory. A configuration may be large (e.g. a thousand
  // levels deep) and must not be copied at every step.
  int64_t max_copied_bytes = 0;
};

}  // namespace braid
