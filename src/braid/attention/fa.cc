#include "braid/attention/fa.h"

namespace braid {
namespace {

class FaAttention final : public AttentionBackend {
 public:
  explicit FaAttention(Ops& ops) : ops_(ops) {}

  std::string_view name() const override { return "fa"; }

  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out) override {
    ops_.paged_attention(q, sequences, layer, params, out);
  }

 private:
  Ops& ops_;
};

}  // namespace

std::unique_ptr<AttentionBackend> make_fa_attention(Ops& ops) {
  return std::make_unique<FaAttention>(ops);
}

}  // namespace braid
