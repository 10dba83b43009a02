// Fetches one page of the server under load, for `braid bench serving` beside its requests. Tested by client_test.cc,
// through measure_chunk.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/bench/serving/client.h"

namespace braid::serving {

enum class PageMethod : uint8_t { kGet, kPost };

// Returns the page's body; `path`: "/get_server_info". An error if the server cannot be reached, has no such page, or
// is silent for ten seconds.
Result<std::string> ask_server(const ServerAddress& server, const std::string& api_key, PageMethod method,
                               const std::string& path);

}  // namespace braid::serving
