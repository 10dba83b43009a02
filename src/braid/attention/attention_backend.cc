#include "braid/attention/attention_backend.h"

#include <fmt/ranges.h>

#include "braid/attention/fa.h"
#include "braid/attention/native.h"

namespace braid {

std::vector<std::string_view> attention_backend_names() {
  return {"fa", "native"};
}

Result<std::unique_ptr<AttentionBackend>> make_attention_backend(std::string_view name, Ops& ops) {
  if (name == "fa") return make_fa_attention(ops);
  if (name == "native") return make_native_attention(ops);
  return fail("--attention-backend {} is unknown: use {}", name, fmt::join(attention_backend_names(), " or "));
}

}  // namespace braid
