#include "braid/hub/hub_repository.h"

#include <algorithm>

#include "braid/config/weight_files.h"
#include "braid/formats/json.h"
#include "braid/hub/hub_cache.h"

namespace braid {
namespace {

constexpr int64_t kMaxReplyBytes = int64_t{64} << 20;
constexpr size_t kSha256Digits = 64;

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Whether the path is relative and stays below its folder: "a/b.json".
bool is_path_below(std::string_view path) {
  if (std::ranges::any_of(path, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) return false;
  while (true) {
    const size_t slash = path.find('/');
    if (!is_plain_file_name(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

Result<HubFile> parse_file(const JsonObject& json) {
  HubFile file;
  TRY(file.path, json.get_string("rfilename"));
  if (!is_path_below(file.path)) return json.wrong_value("rfilename", "a path inside the repository");
  TRY(file.bytes, json.find_int("size", 0));
  TRY(const auto git_hash, json.find_string("blobId"));
  TRY(const auto lfs, json.find_object("lfs"));
  if (lfs) {
    TRY(file.sha256, lfs->get_string("sha256"));
    if (!is_sha256(file.sha256)) return lfs->wrong_value("sha256", "64 hexadecimal digits");
    TRY(const auto bytes, lfs->find_int("size", 0));
    if (bytes) file.bytes = bytes;
  } else if (git_hash) {
    if (!is_commit_hash(*git_hash)) return json.wrong_value("blobId", "40 hexadecimal digits");
    file.git_hash = *git_hash;
  }
  return file;
}

// ETag: "abc", W/"abc" or abc.
std::string_view unquoted(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

// The hub's own message, shortened to one line; it may be anything.
std::string hub_words(const HubReply& reply) {
  std::string words(reply.header("x-error-message"));
  if (words.empty()) {
    const auto document = parse_json(reply.body);
    if (document.ok() && document->is_object() && document->contains("error") && (*document)["error"].is_string()) {
      words = (*document)["error"].get<std::string>();
    }
  }
  constexpr size_t kMaxWords = 200;
  if (words.size() > kMaxWords) words.resize(kMaxWords);
  std::ranges::replace_if(
      words, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, ' ');
  return words.empty() ? "" : fmt::format(" (\"{}\")", words);
}

}  // namespace

const HubFile* HubRepository::find(std::string_view path) const {
  const auto found = std::ranges::find(files, path, &HubFile::path);
  return found == files.end() ? nullptr : &*found;
}

Result<HubRepository> parse_hub_repository(std::string_view body) {
  const auto document = parse_json(body, {.max_bytes = kMaxReplyBytes});
  if (!document.ok()) return fail("the hub's answer: {}", document.error().message);
  TRY(const auto json, JsonObject::of(*document, "the hub's answer"));
  HubRepository repository;
  TRY(repository.commit, json.get_string("sha"));
  if (!is_commit_hash(repository.commit)) return json.wrong_value("sha", "40 hexadecimal digits");
  const Json* const siblings = json.find("siblings");
  if (siblings == nullptr || !siblings->is_array()) return json.wrong_value("siblings", "a list of files");
  for (const Json& sibling : *siblings) {
    TRY(const auto entry, JsonObject::of(sibling, "the hub's answer: siblings"));
    TRY(HubFile file, parse_file(entry));
    repository.files.push_back(std::move(file));
  }
  return repository;
}

Status complete_from_headers(const HubReply& reply, HubFile& file) {
  std::string_view etag = unquoted(reply.header("x-linked-etag"));
  if (etag.empty()) etag = unquoted(reply.header("etag"));
  if (is_sha256(etag)) {
    file.sha256 = etag;
  } else if (is_commit_hash(etag)) {
    file.git_hash = etag;
  } else {
    return fail("{}: the hub names neither its SHA-256 nor git's hash (ETag \"{}\")", file.path, etag.substr(0, 100));
  }
  // Without a redirection, Content-Length is the file's size.
  const std::string_view bytes = reply.header("x-linked-size").empty() && reply.status == 200
                                     ? reply.header("content-length")
                                     : reply.header("x-linked-size");
  constexpr size_t kMaxDigits = 18;
  const bool is_number = !bytes.empty() && bytes.size() <= kMaxDigits &&
                         std::ranges::all_of(bytes, [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) file.bytes = std::stoll(std::string(bytes));
  return {};
}

Error explain_hub_problem(const HubName& name, std::string_view what, const HubReply& reply,
                          const std::string& endpoint, bool has_token) {
  const std::string& repository = name.repository;
  const std::string_view code = reply.header("x-error-code");
  if (reply.status == 0) return fail("{}: cannot reach {} ({})", what, endpoint, reply.transport_problem);
  if (!reply.transport_problem.empty()) return fail("{}: {}: {}", what, endpoint, reply.transport_problem);
  if (code == "GatedRepo" && has_token) {
    return fail(
        "{}: {}/{} gives it only to those who accepted its conditions, and HF_TOKEN's owner is none of them yet", what,
        endpoint, repository);
  }
  if (code == "GatedRepo") {
    return fail("{}: {}/{} gives it only to those who accepted its conditions: do that, and set HF_TOKEN", what,
                endpoint, repository);
  }
  if (code == "RevisionNotFound")
    return fail("{}: {}/{} has no revision \"{}\"", what, endpoint, repository, name.revision);
  if (code == "EntryNotFound") return fail("{}: {}/{} has no such file", what, endpoint, repository);
  if (reply.status == 401 || code == "RepoNotFound" || reply.status == 404) {
    return fail("{}: neither a file here nor a model of {} ({}), unless it is private: {}", what, endpoint,
                reply.status, has_token ? "HF_TOKEN may not read it" : "then set HF_TOKEN");
  }
  if (reply.status == 403) return fail("{}: {} does not allow it (403){}", what, endpoint, hub_words(reply));
  if (reply.status == 429) return fail("{}: {} has had too many requests (429): try again later", what, endpoint);
  return fail("{}: {} answers {}{}", what, endpoint, reply.status, hub_words(reply));
}

}  // namespace braid
