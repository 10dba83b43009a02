#include "braid/grammar/compiled_grammar.h"

#include <utility>

#include "braid/grammar/grammar_memory.h"

namespace braid {

CompiledGrammar::CompiledGrammar(std::shared_ptr<const grammar::Vocabulary> vocabulary,
                                 std::unique_ptr<Internals> internals)
    : vocabulary_(std::move(vocabulary)), internals_(std::move(internals)) {}

CompiledGrammar::~CompiledGrammar() = default;

int64_t CompiledGrammar::num_states() const {
  return static_cast<int64_t>(internals_->machine->num_states());
}

int64_t CompiledGrammar::memory_bytes() const {
  const std::lock_guard lock(internals_->mutex);
  return internals_->machine_bytes + internals_->masks.memory_bytes() + internals_->memory->explorer.memory_bytes();
}

Result<std::shared_ptr<const CompiledGrammar>> CompiledGrammar::compile(
    const grammar::Grammar& grammar, std::shared_ptr<const grammar::Vocabulary> vocabulary,
    std::shared_ptr<grammar::SharedLocalMasks> shared, std::shared_ptr<MemoryMeter> meter) {
  TRY(grammar::Machine made, grammar::make_machine(grammar, vocabulary->available_bytes()));
  auto machine = std::make_shared<const grammar::Machine>(std::move(made));
  auto internals = std::make_unique<Internals>(std::move(machine), vocabulary, std::move(shared), std::move(meter));
  const grammar::Explorer& explorer = internals->memory->explorer;
  if (explorer.start() == grammar::kFailedConfig) return fail("the grammar is too ambiguous at its very start");
  if (!explorer.can_continue(explorer.start())) return fail("only the empty text satisfies it");
  internals->masks.warm_up(internals->memory->explorer);
  internals->count_bytes();
  return std::shared_ptr<const CompiledGrammar>(new CompiledGrammar(std::move(vocabulary), std::move(internals)));
}

}  // namespace braid
