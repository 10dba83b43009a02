// Parses the hub's description of a repository at a revision (its commit and files) from untrusted bytes to a plain
// struct, and explains HTTP errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/hub/hub_name.h"
#include "braid/hub/hub_reply.h"

namespace braid {

struct HubFile {
  std::string path;              // in the repository; '/' between folders, none of which is ".." or empty
  std::optional<int64_t> bytes;  // absent: the hub did not say
  // Large files have the SHA-256 of their contents, others git's blob hash. The hash names the blob in the cache. Both
  // empty: the hub did not say.
  std::string sha256;
  std::string git_hash;

  const std::string& hash() const { return sha256.empty() ? git_hash : sha256; }
};

struct HubRepository {
  std::string commit;
  std::vector<HubFile> files;

  const HubFile* find(std::string_view path) const;
};

// Parses the answer to GET /api/models/ORG/NAME/revision/REVISION?blobs=true.
Result<HubRepository> parse_hub_repository(std::string_view body);

// Takes size and hash from the answer to HEAD …/resolve/…, for a file without either in the repository's description.
Status complete_from_headers(const HubReply& reply, HubFile& file);

// Why `what` ("org/name", or a file of it) is not available, in one line.
Error explain_hub_problem(const HubName& name, std::string_view what, const HubReply& reply,
                          const std::string& endpoint, bool has_token);

}  // namespace braid
