#include "braid/parallel/token_exchange.h"

namespace braid {

Status until_world_ends(FunctionRef<void()> work) {
  try {
    work();
  } catch (const WorldEnded& ended) {
    return ended.error();
  }
  return {};
}

}  // namespace braid
