// What the journal keeps of a request, and the bytes of it: CBOR, which holds any text and exact numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/fetched_images.h"
#include "braid/request/generation.h"
#include "braid/request/ids.h"

namespace braid {

// A request that was accepted: everything that is needed to prepare and run it again with the same bits.
struct JournaledRequest {
  std::string key;   // of this request alone; a client's rid may come again
  std::string rid;   // the client's
  std::string path;  // of the endpoint that reads the body
  std::string body;
  FetchedImages images = {};    // that the body only names: they may be others now, or gone
  uint64_t seed = 0;            // as it was drawn, if the body has none
  std::vector<TokenId> prompt;  // a template may write today's date
  int32_t num_tries = 0;        // starts of a process since it last got a token
  int64_t tried_at = -1;        // what it had delivered at the last of them
};

// The request's delta number `index`. Those behind a gap are worthless, and computed again.
struct JournaledDelta {
  std::string key;
  int64_t index = 0;
  double time_s = 0;  // since 1970
  Delta delta;
};

// Nobody can come back for the request any more.
struct JournaledEnd {
  std::string key;
};

using JournalRecord = std::variant<JournaledRequest, JournaledDelta, JournaledEnd>;

const std::string& key_of(const JournalRecord& record);
size_t memory_bytes(const JournalRecord& record);  // about

std::string encode(const JournalRecord& record);
Result<JournalRecord> decode_record(std::string_view bytes);

}  // namespace braid
