// Why a request was not accepted.
#pragma once

#include <cstdint>
#include <string>

namespace braid {

struct SubmitError {
  enum class Reason : uint8_t {
    kBadRequest,    // it can never run
    kQueueFull,     // it may run later
    kEngineFailed,  // nothing runs any more
  };
  Reason reason = Reason::kBadRequest;
  std::string message;
};

}  // namespace braid
