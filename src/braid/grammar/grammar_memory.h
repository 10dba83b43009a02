// The inside of a CompiledGrammar, for it and its matchers alone.
#pragma once

#include <memory>
#include <mutex>

#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/mask/mask_builder.h"

namespace braid {

// The configurations found so far. Matchers hold numbers of them, and so keep alive the memory that they refer to.
struct CompiledGrammar::Memory {
  explicit Memory(std::shared_ptr<const grammar::Machine> machine) : explorer(std::move(machine)) {}

  grammar::Explorer explorer;
};

struct CompiledGrammar::Workshop {
  Workshop(std::shared_ptr<const grammar::Machine> the_machine, std::shared_ptr<const grammar::Vocabulary> vocabulary,
           std::shared_ptr<grammar::SharedLocalMasks> shared)
      : machine(std::move(the_machine)),
        masks(machine, std::move(vocabulary), std::move(shared)),
        memory(std::make_shared<Memory>(machine)) {}

  // More than this, and a new memory begins.
  static constexpr int64_t kMaxMemoryBytes = int64_t{16} << 20;

  const std::shared_ptr<const grammar::Machine> machine;
  std::mutex mutex;  // guards all below, and every Memory of this grammar
  grammar::MaskBuilder masks;
  std::shared_ptr<Memory> memory;  // the current one
  int64_t max_memory_bytes = kMaxMemoryBytes;
};

}  // namespace braid
