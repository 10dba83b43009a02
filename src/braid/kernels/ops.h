// What a device can do: the one seam between the model and the hardware. It states shapes, units and what is written,
// not how. Implemented by kernels/ref (slow, the definition), kernels/cpu (SIMD, a tier chosen at run time), and later
// cuda.
//
// Every operation is row-wise invariant: a row's result has the same bits whatever the other rows are, how many there
// are, and how many threads compute. "Compute dtype" is the model's, kFloat32 or kBFloat16; sums are always float32.
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
#include "braid/tensor/kv_codes.h"
#include "braid/tensor/rows.h"

namespace braid {

// What a product does with its float32 sums before it stores them.
struct Epilogue {
  enum class Kind : uint8_t {
    kStore,  // y = sum
    kAdd,    // y += sum (y float32)
    // Of a gate/up matrix; y is half as wide as the product:
    kSiluMul,           // y[:, i] = silu(gate_i) * up_i
    kGeluMul,           // gelu(gate_i) * up_i, gelu by its tanh approximation (Hendrycks & Gimpel, arXiv 1606.08415)
    kClampedSwigluMul,  // gpt-oss: g · sigmoid(1.702 g) * (u + 1), with g = min(gate_i, 7) and u = up_i in [-7, 7]
  };
  Kind kind = Kind::kStore;
  std::span<const float> bias = {};  // [n], added to the sum first; empty: none. (In packed column order if gated.)
  // For grouped_matmul: one bias per expert, each like `bias`; empty: none.
  std::span<const std::vector<float>> expert_biases = {};

  bool is_gated() const { return kind >= Kind::kSiluMul; }
};

// How GELU's cumulative function is computed.
enum class GeluKind : uint8_t {
  kTanh,  // by the paper's approximation with tanh
  kErf,   // to float32's precision
};

// Rows sorted by expert, for a mixture of experts: expert e has rows [offsets[e], offsets[e + 1]) of the sorted order.
struct ExpertRows {
  std::span<const int32_t> offsets;       // [num_experts + 1]; the weights of an expert without rows are not touched
  std::span<const int32_t> sources = {};  // [total]: the row of x for each sorted row; empty: x is sorted already
};

// The router's choice for each token.
struct Routing {
  std::span<int32_t> experts;  // [tokens, top_k], best first
  std::span<float> weights;    // [tokens, top_k]
};

// The KV cache of one layer, in pages (page_size is a multiple of 16). A page holds strips: the keys or values of 16
// consecutive tokens for one KV head. Strips are laid out as a dot-product instruction reads them:
//   bfloat16  K: [page][kv_head][page_size/16 strips][head_dim/2][16 tokens][2 dimensions]
//             V: [page][kv_head][page_size/16 strips][8 token pairs][head_dim][2 tokens]
//   float32   K: [page][kv_head][page_size/16 strips][head_dim][16 tokens]
//             V: [page][kv_head][page_size/16 strips][16 tokens][head_dim]
//   codes     as float32, a byte for each element, and before each strip the scales of its tokens: bfloat16 [16]
// An element is its code times its token's scale. A token's codes and scale depend on that token's head alone.
// Only kernels and KvCache know this layout.
struct KvLayer {
  // Tokens of a strip: its keys in one dimension (bfloat16: a pair of dimensions) are one vector of 64 bytes.
  static constexpr int32_t kKeyVectorTokens = 16;

  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  DType dtype = DType::kBFloat16;  // kBFloat16 with codes
  KvCodes codes = KvCodes::kNone;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  int32_t page_size = 0;
  // With kE4m3: the scale of every token written. 0, and with kInt8 always: from the token's largest element.
  float key_scale = 0;
  float value_scale = 0;

  int64_t scale_bytes() const {
    return codes == KvCodes::kNone ? 0 : dtype_bytes(DType::kBFloat16);
  }  // of a token and head
  // Of keys or of values: one token of one head; a strip; a page.
  int64_t head_bytes() const { return kv_head_bytes(dtype, codes, head_dim); }
  int64_t strip_bytes() const { return kKeyVectorTokens * head_bytes(); }
  int64_t page_bytes() const { return int64_t{num_kv_heads} * page_size * head_bytes(); }
};

// One sequence's part of an attention call. Rows are those of q, k and v.
struct AttentionSequence {
  int64_t first_row = 0;          // of its first new token
  int32_t num_new = 0;            // >= 1
  int32_t first_position = 0;     // of its first new token; keys [0, first_position + num_new) are in the cache
  std::span<const PageId> pages;  // that hold them
  // New tokens see each other in both directions, so each sees all these keys; false: only those up to its own
  // position.
  bool is_bidirectional = false;
};

struct AttentionParams {
  int32_t num_heads = 0;  // query heads; head h reads KV head h / (num_heads / num_kv_heads)
  float scale = 1.0F;     // of q·k
  int32_t window = 0;     // a query at p sees no keys at or before p - window; 0: it sees all
  float soft_cap = 0;     // scaled scores s become soft_cap * tanh(s / soft_cap); 0: unchanged
  // [num_heads]: one extra score for each head, like a key whose value is zero (Xiao et al., arXiv 2309.17453; used by
  // gpt-oss). Empty: none.
  std::span<const float> sinks = {};
};

class Ops {
 public:
  virtual ~Ops() = default;

  virtual std::string_view name() const = 0;  // "ref", "amx_bf16", "avx512_bf16", "avx512", …

  // Runs work(begin, end) over parts of [0, count) on the device's threads, for loops too small for an operation of
  // their own. The parts depend only on count and the number of threads.
  virtual void parallel_for(int64_t count, FunctionRef<void(int64_t begin, int64_t end)> work) = 0;

  // y[m, n] = epilogue(x[m, k] · wᵀ), x's inputs in w's order (PackedMatrix::input_order). x has w's dtype, or is
  // float32, which is rounded to w's dtype first, unless the product rounds rows to codes (PackedMatrix::rounds_rows:
  // it takes float32 and bfloat16 as they are). y is float32 or w's dtype (kAdd: float32).
  virtual void matmul(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue = {}) = 0;

  // The same with one matrix per expert: y's rows are in sorted order. All matrices have one shape.
  virtual void grouped_matmul(ConstRows x, const ExpertRows& expert_rows, std::span<const PackedMatrix> w, Rows y,
                              const Epilogue& epilogue = {}) = 0;

  // The largest of the first `cols` values in each row of x[m, k] · wᵀ, with the bits that matmul would produce. The
  // product itself is not stored. For a row with a NaN only has_nan is set.
  virtual void matmul_max(ConstRows x, const PackedMatrix& w, int64_t cols, std::span<RowMax> maxima) = 0;

  // y[i] = table[ids[i]]; table in any dtype, y float32.
  virtual void embed(std::span<const TokenId> ids, ConstRows table, Rows y) = 0;

  // The same from a packed head [vocab, hidden]: with tied embeddings one matrix serves both ends.
  virtual void embed(std::span<const TokenId> ids, const PackedMatrix& table, Rows y);

  // y = x / sqrt(mean(x²) + eps) * weight, for each row (Zhang & Sennrich, arXiv 1910.07467). x float32; y float32 or
  // bf16.
  virtual void rms_norm(ConstRows x, std::span<const float> weight, float eps, Rows y) = 0;

  // y = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias, for each row (Ba et al., arXiv 1607.06450). x float32;
  // y float32 or bf16.
  virtual void layer_norm(ConstRows x, std::span<const float> weight, std::span<const float> bias, float eps,
                          Rows y) = 0;

  // The same as rms_norm for each head of each row, in place: x [m, heads * head_dim] float32, weight [head_dim].
  virtual void head_rms_norm(Rows x, int32_t head_dim, std::span<const float> weight, float eps) = 0;

  // Rotary embedding in place, "rotate half" as in transformers (Su et al., arXiv 2104.09864): x [m, heads * head_dim]
  // float32; row i at positions[i]. cos and sin: [max_position, head_dim / 2] float32.
  virtual void rope(Rows x, int32_t head_dim, std::span<const int32_t> positions, ConstRows cos, ConstRows sin) = 0;

  // Writes the new tokens' keys and values (float32 [m, num_kv_heads * head_dim]), rounded to the cache's dtype or
  // codes (kv_layout.h), into their pages. Writing the first token of a strip sets the rest of the strip to zero.
  virtual void write_kv(ConstRows k, ConstRows v, std::span<const AttentionSequence> sequences,
                        const KvLayer& layer) = 0;

  // Attention over the pages, causal unless a sequence says otherwise: q [m, num_heads * head_dim] float32 (already
  // rotated), out the same shape in the compute dtype; it may be q itself. q is first rounded to the cache's dtype.
  // Each KV tile (kKvTileTokens tokens) yields (max, sum, output); KV tiles are joined in order of position. Rows that
  // belong to no sequence are not written.
  static constexpr int32_t kKvTileTokens = 64;
  virtual void paged_attention(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                               const AttentionParams& params, Rows out) = 0;

  // y += x, float32.
  virtual void add(ConstRows x, Rows y) = 0;

  // x = cap * tanh(x / cap), float32, in place (Gemma 2, arXiv 2408.00118).
  virtual void soft_cap(Rows x, float cap) = 0;

  // y = x times the normal distribution's cumulative function of x (Hendrycks & Gimpel, arXiv 1606.08415). x float32; y
  // float32, which may be x itself, or bf16.
  virtual void gelu(ConstRows x, GeluKind kind, Rows y) = 0;

  // y = act(gate) * up, as a gated epilogue of this kind makes it of a gate's and an up's sums, with the same bits.
  // gate and up float32; y float32 or bf16.
  virtual void gated(Epilogue::Kind kind, ConstRows gate, ConstRows up, Rows y) = 0;

  // y = x in another dtype (float32 or bf16, nearest even).
  virtual void convert(ConstRows x, Rows y) = 0;

  // Softmax over all experts of logits [tokens, num_experts] float32, then the top_k largest (ties go to the lowest
  // expert). With `normalize`, weights are divided by their sum.
  virtual void route(ConstRows logits, int32_t top_k, bool normalize, const Routing& routing) = 0;

  // y[t] = sum over j in order of weights[t, j] * x[rows[t * top_k + j]]: brings the experts' outputs (float32, sorted
  // order) back to tokens. Row -1 adds nothing. y float32.
  virtual void combine(ConstRows x, std::span<const int32_t> rows, std::span<const float> weights, int32_t top_k,
                       Rows y) = 0;
};

}  // namespace braid
