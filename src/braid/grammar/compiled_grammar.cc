#include "braid/grammar/compiled_grammar.h"

#include <utility>

#include "braid/grammar/grammar_memory.h"

namespace braid {

CompiledGrammar::CompiledGrammar(std::shared_ptr<const grammar::Vocabulary> vocabulary,
                                 std::unique_ptr<Workshop> workshop)
    : vocabulary_(std::move(vocabulary)), workshop_(std::move(workshop)) {}

CompiledGrammar::~CompiledGrammar() = default;

int64_t CompiledGrammar::num_states() const {
  return static_cast<int64_t>(workshop_->machine->num_states());
}

int64_t CompiledGrammar::memory_bytes() const {
  const std::lock_guard lock(workshop_->mutex);
  return workshop_->machine_bytes + workshop_->masks.memory_bytes() + workshop_->memory->explorer.memory_bytes();
}

Result<std::shared_ptr<const CompiledGrammar>> CompiledGrammar::compile(
    const grammar::Grammar& grammar, std::shared_ptr<const grammar::Vocabulary> vocabulary,
    std::shared_ptr<grammar::SharedLocalMasks> shared, std::shared_ptr<MemoryMeter> meter) {
  TRY(grammar::Machine made, grammar::make_machine(grammar, vocabulary->available_bytes()));
  auto machine = std::make_shared<const grammar::Machine>(std::move(made));
  auto workshop = std::make_unique<Workshop>(std::move(machine), vocabulary, std::move(shared), std::move(meter));
  const grammar::Explorer& explorer = workshop->memory->explorer;
  if (explorer.start() == grammar::kFailedConfig) return fail("the grammar is too ambiguous at its very start");
  if (!explorer.can_continue(explorer.start())) return fail("only the empty text satisfies it");
  workshop->masks.warm_up(workshop->memory->explorer);
  workshop->count_bytes();
  return std::shared_ptr<const CompiledGrammar>(new CompiledGrammar(std::move(vocabulary), std::move(workshop)));
}

}  // namespace braid
