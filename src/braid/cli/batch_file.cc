// Reads and writes the lines of a batch.
#include "braid/cli/batch_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "braid/cli/lines.h"

namespace braid {

Result<BatchLine> parse_batch_line(const std::string& line, std::string& custom_id) {
  TRY(Json json, parse_json(line));
  if (!json.is_object()) return fail("a line must be a JSON object, got {}", json_excerpt(json));
  const auto text = [&](const char* name) -> Result<std::string> {
    const auto at = json.find(name);
    if (at == json.end() || !at->is_string()) return fail("{} is missing or no string", name);
    return at->get<std::string>();
  };
  BatchLine parsed;
  TRY(parsed.custom_id, text("custom_id"));
  custom_id = parsed.custom_id;
  if (parsed.custom_id.empty()) return fail("custom_id is empty");
  TRY(const std::string method, text("method"));
  if (method != "POST") return fail("method is \"{}\": must be \"POST\"", method);
  TRY(const std::string url, text("url"));
  if (url == "/v1/chat/completions") {
    parsed.url = BatchUrl::kChatCompletions;
  } else if (url != "/v1/completions") {
    return fail("url is \"{}\": must be \"/v1/completions\" or \"/v1/chat/completions\"", url);
  }
  const auto body = json.find("body");
  if (body == json.end() || !body->is_object()) return fail("body is missing or no object");
  parsed.body = std::move(*body);
  return parsed;
}

namespace {

constexpr std::string_view kLineBegin = "{\"id\":\"batch_req_";

std::string line_of(const std::string& custom_id, uint64_t number, Json response, Json error) {
  Json line = {{"id", fmt::format("batch_req_{}", number)}};
  line["custom_id"] = custom_id.empty() ? Json() : Json(custom_id);
  line["response"] = std::move(response);
  line["error"] = std::move(error);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool begins_as_ours(std::string_view line) {
  return line.substr(0, kLineBegin.size()) == kLineBegin.substr(0, line.size());
}

// A batch's input has custom_id too. If its lines were taken for answers, they would never be run.
bool is_answer(const Json& line) {
  return line.is_object() && line.contains("custom_id") && line.contains("response") && line.contains("error");
}

}  // namespace

std::string format_answer(const BatchAnswer& answer, uint64_t number) {
  const std::string request_id = fmt::format("req_{}", number);
  Json response = {{"status_code", answer.status}, {"request_id", request_id}, {"body", answer.body}};
  return line_of(answer.custom_id, number, std::move(response), nullptr);
}

std::string format_bad_line(const std::string& custom_id, const std::string& message, uint64_t number) {
  return line_of(custom_id, number, nullptr, {{"code", "invalid_line"}, {"message", message}});
}

Result<BatchOutput> BatchOutput::open(const std::string& path) {
  TRY(BatchOutput output, open_with(path, O_CREAT));
  if (ftruncate(output.file_, output.size_) != 0 || lseek(output.file_, output.size_, SEEK_SET) < 0) {
    return fail("{}: a torn last line cannot be cut off: {}", path, std::strerror(errno));
  }
  return output;
}

Status BatchOutput::check(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    const auto output = open_with(path, 0);
    return output.ok() ? Status() : Status(output.error());
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  const bool can_be_made = errno == ENOENT && access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0;
  if (can_be_made) return {};
  return fail("{}: cannot be opened for writing: {}", path, std::strerror(errno));
}

Result<BatchOutput> BatchOutput::open_with(const std::string& path, int more_flags) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | more_flags, 0644);
  if (file < 0) return fail("{}: cannot be opened for writing: {}", path, std::strerror(errno));
  BatchOutput output(file, path);
  struct stat info {};
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) return fail("{}: is not a regular file", path);
  TRY_STATUS(output.read_answers());
  return output;
}

BatchOutput::BatchOutput(BatchOutput&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      path_(std::move(other.path_)),
      size_(other.size_),
      answered_(std::move(other.answered_)),
      num_nameless_(other.num_nameless_),
      num_lines_(other.num_lines_) {}

BatchOutput::~BatchOutput() {
  if (file_ >= 0) close(file_);
}

Status BatchOutput::read_answers() {
  std::ifstream in(path_, std::ios::binary);
  std::string line;
  while (const int64_t taken = read_line(in, line, JsonLimits().max_bytes)) {
    const bool is_whole = !in.eof();  // a line without its newline is torn
    const auto json = parse_json(line);
    if (!is_whole || !json.ok() || !is_answer(*json)) {
      // Only the end of the file may be a torn line of ours. Anything else makes it another program's file.
      if (in.peek() != std::ifstream::traits_type::eof() || !begins_as_ours(line)) {
        return fail("{}: line {} is not from a batch: name another output file", path_, num_lines_ + 1);
      }
      break;
    }
    const Json& id = (*json)["custom_id"];
    if (id.is_string()) {
      answered_.insert(id.get<std::string>());
    } else {
      ++num_nameless_;
    }
    ++num_lines_;
    size_ += taken;
  }
  return {};
}

Status BatchOutput::write_line(const std::string& line) {
  const std::string whole = line + "\n";
  for (size_t done = 0; done < whole.size();) {
    const ssize_t wrote = ::write(file_, whole.data() + done, whole.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const std::string why = std::strerror(wrote < 0 ? errno : ENOSPC);
      if (ftruncate(file_, size_) != 0) return fail("{}: cannot be written: {}; its last line is torn", path_, why);
      return fail("{}: cannot be written: {}", path_, why);
    }
    done += static_cast<size_t>(wrote);
  }
  size_ += static_cast<int64_t>(whole.size());
  ++num_lines_;
  return {};
}

}  // namespace braid
