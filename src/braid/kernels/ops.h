// What a device can do: the one seam between the model and the hardware. Shapes, units and what is written; nothing
// about how. Implemented by kernels/ref (slow, the definition), kernels/cpu (SIMD, a tier chosen at run time), and
// later cuda.
//
// Every operation is row-wise invariant: a row's result has the same bits whatever the other rows, their number, and
// the number of threads. "Compute dtype" is kFloat32 or kBFloat16, the model's; sums are always float32.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/kernels/row_max.h"
#include "braid/request/ids.h"
#include "braid/tensor/rows.h"

namespace braid {

// What a product does with its float32 sums before it stores them.
struct Epilogue {
  enum class Kind : uint8_t {
    kStore,  // y = sum
    kAdd,    // y += sum (y float32)
    // Of a gate/up matrix; y is half as wide as it:
    kSiluMul,           // y[:, i] = silu(gate_i) * up_i
    kGeluMul,           // gelu(gate_i) * up_i, gelu by its tanh approximation (Hendrycks & Gimpel, arXiv 1606.08415)
    kClampedSwigluMul,  // gpt-oss: g · sigmoid(1.702 g) * (u + 1), with g = min(gate_i, 7) and u = up_i in [-7, 7]
  };
  Kind kind = Kind::kStore;
  std::span<const float> bias = {};  // [n], added to the sum first; empty: none. (In packed column order where gated.)
  // grouped_matmul: one bias a group, each as `bias`; empty: none.
  std::span<const std::vector<float>> expert_biases = {};

  bool is_gated() const { return kind >= Kind::kSiluMul; }
};

// Rows sorted by group, for the experts of a mixture: group g has rows [offsets[g], offsets[g + 1]) of the sorted
// order.
struct ExpertRows {
  std::span<const int32_t> offsets;       // [num_groups + 1]; an empty group's weights are not touched
  std::span<const int32_t> sources = {};  // [total]: which row of x is the sorted row i; empty: x is sorted already
};

// The router's choice for each token.
struct Routing {
  std::span<int32_t> experts;  // [tokens, top_k], best first
  std::span<float> weights;    // [tokens, top_k]
};

// The KV cache of one layer, in pages. Tokens lie in groups of 16 within a page (page_size is a multiple of 16):
//   bfloat16 K: [page][kv_head][page_size/16][head_dim/2][16 tokens][2]    V: [page][kv_head][page_size/16][8 token
//   pairs][head_dim][2] float32  K: [page][kv_head][page_size/16][head_dim][16 tokens]         V:
//   [page][kv_head][page_size/16][16 tokens][head_dim]
// which is how a dot-product instruction reads them. Only kernels and KvCache know this layout.
struct KvLayer {
  static constexpr int32_t kKeyVectorTokens = 16;

  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  DType dtype = DType::kBFloat16;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  int32_t page_size = 0;

  int64_t page_elements() const { return int64_t{num_kv_heads} * page_size * head_dim; }
};

// One sequence's share of an attention call. Rows are those of q, k and v.
struct AttentionSequence {
  int64_t first_row = 0;          // of its new tokens
  int32_t num_new = 0;            // >= 1
  int32_t first_position = 0;     // of its first new token; keys [0, first_position + num_new) are in the cache
  std::span<const PageId> pages;  // covering them
};

struct AttentionParams {
  int32_t num_heads = 0;  // query heads; head h reads KV head h / (num_heads / num_kv_heads)
  float scale = 1.0F;     // of q·k
  int32_t window = 0;     // a query at p sees keys in (p - window, p]; 0: all before it
  float soft_cap = 0;     // scaled scores s become soft_cap * tanh(s / soft_cap); 0: they stay
  // [num_heads]: a score beside those of the keys, of a key whose value is zero (Xiao et al., arXiv 2309.17453; as in
  // gpt-oss); empty: none.
  std::span<const float> sinks = {};
};

class Ops {
 public:
  virtual ~Ops() = default;

  virtual std::string_view name() const = 0;  // "ref", "amx_bf16", "avx512_bf16", "avx512", …

  // Runs work(begin, end) over parts of [0, count) on the device's threads, for loops that are too small for an
  // operation of their own. The parts depend on nothing but count and the number of threads.
  virtual void parallel_for(int64_t count, FunctionRef<void(int64_t begin, int64_t end)> work) = 0;

  // y[m, n] = epilogue(x[m, k] · wᵀ). x has w's dtype; y is float32 or w's dtype (kAdd: float32).
  virtual void matmul(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue = {}) = 0;

  // The same for each group with its own matrix: y's rows are the sorted ones. All matrices have one shape.
  virtual void grouped_matmul(ConstRows x, const ExpertRows& expert_rows, std::span<const PackedMatrix> w, Rows y,
                              const Epilogue& epilogue = {}) = 0;

  // Of each row of x[m, k] · wᵀ the largest of its first `cols` values, which have the bits that matmul gives them; the
  // product itself is not written down. Where a row has a NaN, that alone is said of it.
  virtual void matmul_max(ConstRows x, const PackedMatrix& w, int64_t cols, std::span<RowMax> maxima) = 0;

  // y[i] = table[ids[i]]; table in any dtype, y float32.
  virtual void embed(std::span<const TokenId> ids, ConstRows table, Rows y) = 0;

  // The same out of a packed head [vocab, hidden]: with tied embeddings one matrix serves both ends.
  virtual void embed(std::span<const TokenId> ids, const PackedMatrix& table, Rows y);

  // y = x / sqrt(mean(x²) + eps) * weight, for each row (Zhang & Sennrich, arXiv 1910.07467). x float32; y float32 or
  // bf16.
  virtual void rms_norm(ConstRows x, std::span<const float> weight, float eps, Rows y) = 0;

  // The same for each head of each row, in place: x [m, heads * head_dim] float32, weight [head_dim].
  virtual void head_rms_norm(Rows x, int32_t head_dim, std::span<const float> weight, float eps) = 0;

  // Rotary embedding in place, "rotate half" as in transformers (Su et al., arXiv 2104.09864): x [m, heads * head_dim]
  // float32; row i at positions[i]. cos and sin: [max_position, head_dim / 2] float32.
  virtual void rope(Rows x, int32_t head_dim, std::span<const int32_t> positions, ConstRows cos, ConstRows sin) = 0;

  // Writes the new tokens' keys and values (float32 [m, num_kv_heads * head_dim]), rounded to the cache's dtype, into
  // their pages; the rest of a 16-token group whose first token is written becomes zero.
  virtual void write_kv(ConstRows k, ConstRows v, std::span<const AttentionSequence> sequences,
                        const KvLayer& layer) = 0;

  // Causal attention over the pages: q [m, num_heads * head_dim] float32 (already rotated), out the same shape in the
  // compute dtype. q is rounded to the cache's dtype first. Each block of kKvTileTokens tokens gives (max, sum,
  // output); blocks are joined in order of position. Rows that belong to no sequence are not written.
  static constexpr int32_t kKvTileTokens = 64;
  virtual void paged_attention(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                               const AttentionParams& params, Rows out) = 0;

  // y += x, float32.
  virtual void add(ConstRows x, Rows y) = 0;

  // x = cap * tanh(x / cap), float32, in place (Gemma 2, arXiv 2408.00118).
  virtual void soft_cap(Rows x, float cap) = 0;

  // y = x in another dtype (float32 or bf16, nearest even).
  virtual void convert(ConstRows x, Rows y) = 0;

  // softmax over all experts of logits [tokens, num_experts] float32, the top_k largest (ties to the lowest expert),
  // and, with `normalize`, weights divided by their sum.
  virtual void route(ConstRows logits, int32_t top_k, bool normalize, const Routing& routing) = 0;

  // y[t] = sum over j in order of weights[t, j] * x[rows[t * top_k + j]]: experts' outputs (float32, sorted order) back
  // to tokens; row -1 counts nothing. y float32.
  virtual void combine(ConstRows x, std::span<const int32_t> rows, std::span<const float> weights, int32_t top_k,
                       Rows y) = 0;
};

}  // namespace braid
