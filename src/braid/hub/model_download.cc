#include "braid/hub/model_download.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "braid/config/weight_files.h"
#include "braid/formats/input_file.h"
#include "braid/hub/blob_file.h"
#include "braid/hub/blob_hash.h"
#include "braid/hub/hub_connection.h"
#include "braid/hub/hub_files.h"
#include "braid/hub/hub_repository.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPublicHub = "https://huggingface.co";
constexpr size_t kMaxRepositoryBytes = size_t{64} << 20;
constexpr int64_t kMaxTextBytes = int64_t{256} << 20;
constexpr int kMaxFailures = 4;  // in a row, without a byte received between them

std::string readable(int64_t bytes) {
  constexpr double kMega = 1e6;
  constexpr double kGiga = 1e9;
  const auto count = static_cast<double>(bytes);
  return count < kGiga ? fmt::format("{:.1f} MB", count / kMega) : fmt::format("{:.1f} GB", count / kGiga);
}

std::string endpoint_of(const ModelPathEnvironment& environment) {
  std::string endpoint = environment.hf_endpoint.empty() ? std::string(kPublicHub) : environment.hf_endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

// "refs/pr/1" as one segment of a URL.
std::string escape_revision(const std::string& revision) {
  std::string escaped;
  for (const char c : HubConnection::escape_path(revision))
    escaped += c == '/' ? std::string("%2F") : std::string(1, c);
  return escaped;
}

class ModelDownload {
 public:
  ModelDownload(const HubName& name, const HubFolder& folder, const FetchOptions& options, HubConnection connection)
      : name_(name),
        folder_(folder),
        options_(options),
        endpoint_(endpoint_of(options.environment)),
        connection_(std::move(connection)) {}

  Result<std::string> run() {
    TRY_STATUS(read_repository());
    TRY(HubSelection selection, select_hub_files(repository_, name_));
    TRY_STATUS(make_folder_of(folder_.blob("x")));
    TRY_STATUS(fetch_all(std::move(selection.texts)));
    if (options_.needs_weights && selection.has_index) {
      TRY(const std::string index, read_text_file(fmt::format("{}/{}", snapshot(), kWeightIndexName), kMaxTextBytes));
      TRY(selection.weights, select_shards(repository_, index));
    }
    if (options_.needs_weights) {
      TRY_STATUS(fetch_all(std::move(selection.weights)));
    } else if (!name_.variant.empty()) {  // the first part has the tokenizer
      selection.weights.resize(1);
      TRY_STATUS(fetch_all(std::move(selection.weights)));
    }
    if (!is_commit_hash(name_.revision)) {
      TRY_STATUS(make_folder_of(folder_.ref(name_.revision)));
      TRY_STATUS(write_small_file(folder_.ref(name_.revision), repository_.commit));
    }
    return snapshot();
  }

 private:
  std::string snapshot() const { return folder_.snapshot(repository_.commit); }
  std::string url_of(const HubFile& file) const {
    return fmt::format("{}/{}/resolve/{}/{}", endpoint_, name_.repository, repository_.commit,
                       HubConnection::escape_path(file.path));
  }
  Error explain(const std::string& what, const HubReply& reply) const {
    return explain_hub_problem(name_, what, reply, endpoint_, !options_.environment.hf_token.empty());
  }
  void notice(const std::string& line) const {
    if (options_.on_notice) options_.on_notice(line);
  }

  // Whether to retry. Waits first, longer each time.
  bool wait_to_retry(const HubReply& reply, int num_failures) const {
    if (!reply.is_cut_off || num_failures >= kMaxFailures) return false;
    const std::chrono::milliseconds pause(500 << num_failures);
    std::this_thread::sleep_for(pause);
    return true;
  }

  Status read_repository() {
    const std::string url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", endpoint_, name_.repository,
                                        escape_revision(name_.revision));
    for (int num_failures = 1;; ++num_failures) {
      const HubReply reply = connection_.get(url, kMaxRepositoryBytes);
      if (!reply.is_complete()) {
        if (wait_to_retry(reply, num_failures)) continue;
        return explain(name_.text(), reply);
      }
      auto parsed = parse_hub_repository(reply.body);
      if (!parsed.ok()) return fail("{}: {}: {}", name_.text(), endpoint_, parsed.error().message);
      repository_ = std::move(parsed).value();
      return {};
    }
  }

  Status fetch_all(std::vector<HubFile> files) {
    int64_t missing = 0;
    for (HubFile& file : files) {
      TRY_STATUS(complete(file));
      if (has_blob(file)) continue;
      missing += file.bytes.value_or(0) - bytes_so_far(file);
    }
    total_bytes_ += missing;
    if (const int64_t room = free_bytes(folder_.path()); missing > room) {
      return fail("{}: {} more are needed in {}, where {} are free", name_.text(), readable(missing), folder_.path(),
                  readable(room));
    }
    for (const HubFile& file : files) {
      if (!has_blob(file)) TRY_STATUS(fetch_blob(file));
      const std::string link = snapshot() + "/" + file.path;
      TRY_STATUS(make_folder_of(link));
      TRY_STATUS(write_link(link, folder_.blob(file.hash())));
    }
    return {};
  }

  // A hub that lists no hashes sends them with each file.
  Status complete(HubFile& file) {
    if (!file.hash().empty()) return {};
    const HubReply reply = connection_.head(url_of(file));
    if (!reply.transport_problem.empty() || reply.status >= 400) return explain(name_.text() + " " + file.path, reply);
    return complete_from_headers(reply, file);
  }

  // Only complete, checked files have this name.
  bool has_blob(const HubFile& file) const {
    std::error_code error;
    const auto bytes = fs::file_size(folder_.blob(file.hash()), error);
    return !error && (!file.bytes || static_cast<int64_t>(bytes) == *file.bytes);
  }

  std::string incomplete_path(const HubFile& file) const { return folder_.blob(file.hash()) + ".incomplete"; }

  int64_t bytes_so_far(const HubFile& file) const {
    std::error_code error;
    const auto bytes = fs::file_size(incomplete_path(file), error);
    return error ? 0 : std::min(static_cast<int64_t>(bytes), file.bytes.value_or(0));
  }

  Status fetch_blob(const HubFile& file) {
    const std::string lock_path = fmt::format("{}/.locks/{}/{}.lock", fs::path(folder_.path()).parent_path().string(),
                                              fs::path(folder_.path()).filename().string(), file.hash());
    TRY_STATUS(make_folder_of(lock_path));
    TRY(const BlobLock lock, BlobLock::take(lock_path, [&] {
          notice(fmt::format("another process downloads {}: waiting for it", file.path));
        }));
    if (has_blob(file)) return {};  // finished meanwhile
    TRY(IncompleteBlob blob, IncompleteBlob::open(incomplete_path(file)));
    if (file.bytes && blob.bytes() > *file.bytes) TRY_STATUS(blob.clear());
    TRY_STATUS(receive(file, blob));
    if (const Status status = check_contents(blob.path(), file); !status.ok()) {
      std::error_code error;
      fs::remove(blob.path(), error);
      return fail("{} {}: {}: it is thrown away, try again", name_.text(), file.path, status.error().message);
    }
    return blob.finish(folder_.blob(file.hash()));
  }

  // Receives until the file is complete; continues broken connections where they stopped.
  Status receive(const HubFile& file, IncompleteBlob& blob) {
    const std::string what = name_.text() + " " + file.path;
    int num_failures = 0;
    while (!file.bytes || blob.bytes() < *file.bytes) {
      const int64_t before = blob.bytes();
      const auto reply = connection_.get_from(url_of(file), before, [&](std::span<const std::byte> bytes) -> Status {
        if (file.bytes && blob.bytes() + static_cast<int64_t>(bytes.size()) > *file.bytes) {
          return fail("{}: more than the {} bytes that the hub says come", what, *file.bytes);
        }
        TRY_STATUS(blob.append(bytes));
        count(static_cast<int64_t>(bytes.size()));
        return {};
      });
      if (!reply.ok()) return kept(reply.error(), blob);
      if (before > 0 && (reply->status == 416 || reply->status == 200)) {  // the rest is not available: start again
        count(-before);
        TRY_STATUS(blob.clear());
        continue;
      }
      if (reply->is_complete() && (!file.bytes || blob.bytes() == *file.bytes)) break;
      num_failures = blob.bytes() > before ? 1 : num_failures + 1;
      HubReply problem = *reply;
      if (reply->is_complete()) {
        problem.transport_problem = fmt::format("it ended after {} of {} bytes", blob.bytes(), *file.bytes);
        problem.is_cut_off = true;
      }
      if (wait_to_retry(problem, num_failures)) continue;
      return kept(explain(what, problem), blob);
    }
    return {};
  }

  static Error kept(const Error& error, const IncompleteBlob& blob) {
    if (blob.bytes() == 0) return error;
    return fail("{}; {} of it are kept, the same command goes on there", error.message, readable(blob.bytes()));
  }

  void count(int64_t bytes) {
    done_bytes_ += bytes;
    const int64_t done = std::max<int64_t>(done_bytes_, 0);  // negative if earlier bytes were thrown away
    if (options_.on_progress) options_.on_progress(done, std::max(total_bytes_, done));
  }

  const HubName& name_;
  const HubFolder& folder_;
  const FetchOptions& options_;
  const std::string endpoint_;
  HubConnection connection_;
  HubRepository repository_;
  int64_t done_bytes_ = 0;
  int64_t total_bytes_ = 0;  // remaining when the list of files was read
};

}  // namespace

Result<std::string> download_model(const HubName& name, const HubFolder& folder, const FetchOptions& options) {
  TRY(HubConnection connection, HubConnection::open(endpoint_of(options.environment), options.environment.hf_token));
  return ModelDownload(name, folder, options, std::move(connection)).run();
}

}  // namespace braid
