// What the hub says of a repository at a revision: its commit and its files. Untrusted bytes to a plain struct, and
// HTTP errors to words.
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
  std::string path;              // in the repository; '/' between folders, none of them ".." or empty
  std::optional<int64_t> bytes;  // nothing: the hub did not say
  // Large files have the SHA-256 of their contents, the others git's hash of a blob. One of them also names the blob in
  // the cache. Empty both: the hub did not say.
  std::string sha256;
  std::string git_hash;

  const std::string& hash() const { return sha256.empty() ? git_hash : sha256; }
};

struct HubRepository {
  std::string commit;
  std::vector<HubFile> files;

  const HubFile* find(std::string_view path) const;
};

// Of GET /api/models/ORG/NAME/revision/REVISION?blobs=true.
Result<HubRepository> parse_hub_repository(std::string_view body);

// Size and hash out of the answer to HEAD …/resolve/…, for a file of which the repository says neither.
Status complete_from_headers(const HubReply& reply, HubFile& file);

// Why `what` ("org/name", or a file of it) could not be had, in one line.
Error explain_hub_problem(const HubName& name, std::string_view what, const HubReply& reply,
                          const std::string& endpoint, bool has_token);

}  // namespace braid
