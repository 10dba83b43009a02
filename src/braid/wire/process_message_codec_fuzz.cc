// libFuzzer: any bytes are refused, or decode to a message that survives encoding and decoding.
#include "braid/base/check.h"
#include "braid/wire/process_message_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const braid::ProcessMessageLimits limits{
      .max_bytes = 1 << 20, .max_groups = 16, .max_text = 256, .max_mask_words = 64};
  const auto message = braid::decode_process_message(std::as_bytes(std::span(data, size)), limits);
  if (!message.ok()) return 0;
  const auto again = braid::decode_process_message(braid::encode(*message).span(), limits);
  CHECK(again.ok() && *again == *message);
  return 0;
}
