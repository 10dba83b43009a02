#include "braid/hub/hub_connection.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "braid/base/curl_library.h"

namespace braid {
namespace {

constexpr long kConnectTimeoutS = 15;
constexpr long kStalledAfterS = 30;  // with less than a byte per second
constexpr long kMaxRedirections = 10;
constexpr size_t kMaxErrorBody = 8192;
constexpr size_t kMaxHeaders = 100;

// The state that libcurl's callbacks fill for one request.
struct Transfer {
  const CurlLibrary* library = nullptr;
  CURL* handle = nullptr;
  HubReply reply;
  size_t num_answers = 0;  // each redirection adds one
  size_t max_body = 0;     // the size that reply.body may reach
  bool is_too_long = false;
  const HubConnection::Sink* sink = nullptr;  // null: keep the body
  int64_t offset = 0;
  bool ignores_range = false;  // the server sent the whole body instead of the rest
  std::optional<Error> sink_error;
};

int32_t status_of(const Transfer& transfer) {
  long status = 0;
  transfer.library->easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int32_t>(status);
}

size_t take_header(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    ++transfer.num_answers;
    return size * count;
  }
  const size_t colon = line.find(':');
  if (transfer.num_answers != 1 || colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  line.remove_prefix(colon + 1);
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  if (transfer.reply.headers.size() < kMaxHeaders) transfer.reply.headers.insert_or_assign(std::move(name), line);
  return size * count;
}

// Taking fewer bytes than offered ends the transfer.
size_t take_body(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  const int32_t status = status_of(transfer);
  const bool is_wanted = status == 200 || status == 206;
  if (transfer.sink != nullptr && is_wanted) {
    if (transfer.offset > 0 && status == 200) {
      transfer.ignores_range = true;
      return 0;
    }
    const Status taken = (*transfer.sink)({reinterpret_cast<const std::byte*>(data), bytes});
    if (!taken.ok()) transfer.sink_error = taken.error();
    return taken.ok() ? bytes : 0;
  }
  std::string& body = transfer.reply.body;
  const size_t max_body = is_wanted ? transfer.max_body : kMaxErrorBody;
  const size_t kept = std::min(bytes, max_body - std::min(max_body, body.size()));
  body.append(data, kept);
  if (kept < bytes && is_wanted) transfer.is_too_long = true;
  return is_wanted ? kept : bytes;
}

// Whether the same request may succeed a little later.
bool may_pass(CURLcode code) {
  constexpr std::array kPassing = {CURLE_PARTIAL_FILE, CURLE_RECV_ERROR,   CURLE_SEND_ERROR, CURLE_OPERATION_TIMEDOUT,
                                   CURLE_GOT_NOTHING,  CURLE_HTTP2_STREAM, CURLE_HTTP2};
  return std::ranges::find(kPassing, code) != kPassing.end();
}

bool may_pass(int32_t status) {
  return status == 408 || status == 429 || status >= 500;
}

}  // namespace

struct HubConnection::Curl {
  Curl(const CurlLibrary& curl, std::string given_token)
      : library(curl), handle(library.easy_init()), token(std::move(given_token)) {}
  ~Curl() {
    library.slist_free_all(headers);
    if (handle != nullptr) library.easy_cleanup(handle);
  }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  HubReply perform(const std::string& url, Transfer& transfer);

  const CurlLibrary& library;
  bool is_https = false;
  CURL* const handle;
  curl_slist* headers = nullptr;
  std::string token;
};

Result<HubConnection> HubConnection::open(const std::string& endpoint, const std::string& token) {
  const bool is_https = endpoint.starts_with("https://");
  if (!is_https && !endpoint.starts_with("http://")) {
    return fail("HF_ENDPOINT is \"{}\", must begin with https:// or http://", endpoint);
  }
  if (std::ranges::any_of(token, [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) {
    return fail("HF_TOKEN has a space or another character that no token has");
  }
  TRY(const CurlLibrary* const library, curl_library());
  auto curl = std::make_unique<Curl>(*library, token);
  if (curl->handle == nullptr) return fail("libcurl cannot be started");
  curl->is_https = is_https;
  if (!token.empty()) {
    curl->headers = library->slist_append(nullptr, ("Authorization: Bearer " + token).c_str());
  }
  return HubConnection(std::move(curl));
}

HubConnection::HubConnection(std::unique_ptr<Curl> curl) : curl_(std::move(curl)) {}
HubConnection::~HubConnection() = default;
HubConnection::HubConnection(HubConnection&&) noexcept = default;
HubConnection& HubConnection::operator=(HubConnection&&) noexcept = default;

// The handle keeps its connections between requests, and its options too, so each option is set again.
HubReply HubConnection::Curl::perform(const std::string& url, Transfer& transfer) {
  transfer.library = &library;
  transfer.handle = handle;
  std::array<char, CURL_ERROR_SIZE> problem = {};
  library.easy_setopt(handle, CURLOPT_URL, url.c_str());
  library.easy_setopt(handle, CURLOPT_ERRORBUFFER, problem.data());
  library.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  library.easy_setopt(handle, CURLOPT_USERAGENT, "braid");
  library.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);  // libcurl does not send Authorization to other hosts
  library.easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirections);
  library.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
  library.easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "https,http");
  library.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutS);
  library.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  library.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kStalledAfterS);
  library.easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's headers are not the hub's
  library.easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  library.easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  library.easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  library.easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  const CURLcode code = library.easy_perform(handle);
  library.easy_setopt(handle, CURLOPT_ERRORBUFFER, nullptr);

  HubReply& reply = transfer.reply;
  reply.status = status_of(transfer);
  if (code != CURLE_OK && !transfer.ignores_range) {
    reply.transport_problem = problem[0] != '\0' ? problem.data() : library.easy_strerror(code);
    if (transfer.is_too_long) reply.transport_problem = fmt::format("an answer of over {} bytes", transfer.max_body);
    reply.is_cut_off = may_pass(code);
  }
  reply.is_cut_off = reply.is_cut_off || may_pass(reply.status);
  return std::move(reply);
}

HubReply HubConnection::get(const std::string& url, size_t max_bytes) {
  curl_->library.easy_setopt(curl_->handle, CURLOPT_HTTPGET, 1L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_RANGE, nullptr);
  Transfer transfer;
  transfer.max_body = max_bytes;
  return curl_->perform(url, transfer);
}

HubReply HubConnection::head(const std::string& url) {
  curl_->library.easy_setopt(curl_->handle, CURLOPT_NOBODY, 1L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_RANGE, nullptr);
  Transfer transfer;
  return curl_->perform(url, transfer);
}

Result<HubReply> HubConnection::get_from(const std::string& url, int64_t offset, Sink sink) {
  const std::string range = fmt::format("{}-", offset);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_HTTPGET, 1L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_->library.easy_setopt(curl_->handle, CURLOPT_RANGE, offset > 0 ? range.c_str() : nullptr);
  Transfer transfer;
  transfer.sink = &sink;
  transfer.offset = offset;
  HubReply reply = curl_->perform(url, transfer);
  if (transfer.sink_error) return *transfer.sink_error;
  return reply;
}

std::string HubConnection::escape_path(const std::string& path) {
  constexpr std::string_view kPlain = "-_.~/";
  std::string escaped;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || kPlain.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", byte);
    }
  }
  return escaped;
}

}  // namespace braid
