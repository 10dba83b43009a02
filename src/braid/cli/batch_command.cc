// The loop over a batch's lines: reads while fewer than max_in_flight requests run, and writes answers as they
// complete.
#include "braid/cli/batch_command.h"

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unordered_set>

#include "braid/cli/batch_file.h"
#include "braid/cli/batch_request.h"
#include "braid/cli/lines.h"

namespace braid {

namespace {

// Answers from the engine's threads to the thread that writes them.
class AnswerQueue {
 public:
  void push(BatchAnswer answer) {
    // Notify under the lock: after the last answer the other thread may destroy this.
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
    has_answer_.notify_one();
  }

  BatchAnswer pop() {
    std::unique_lock lock(mutex_);
    has_answer_.wait(lock, [&] { return !answers_.empty(); });
    BatchAnswer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  bool has_answer() {
    const std::lock_guard lock(mutex_);
    return !answers_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_answer_;
  std::deque<BatchAnswer> answers_;
};

class BatchRun {
 public:
  BatchRun(const BatchOptions& options, BatchBackend& backend, BatchOutput output)
      : options_(options), backend_(backend), output_(std::move(output)), nameless_left_(output_.num_nameless()) {}

  Result<BatchProgress> run() {
    std::ifstream in(options_.input_path, std::ios::binary);
    std::error_code error;
    progress_.total_bytes = static_cast<int64_t>(std::filesystem::file_size(options_.input_path, error));
    if (!in || error) return fail("{}: cannot be read", options_.input_path);
    Status status;
    std::string line;
    while (status.ok() && !is_stopped() && next_line(in, line)) {
      status = handle_line(line);
      while (status.ok() && (num_in_flight_ >= options_.max_in_flight || queue_.has_answer())) status = write_one();
    }
    // Running requests still call back: wait for them, even if nothing can be written any more.
    while (num_in_flight_ > 0) {
      const auto written = write_one();
      if (status.ok()) status = written;
    }
    TRY_STATUS(status);
    if (in.bad()) return fail("{}: cannot be read to its end", options_.input_path);
    return progress_;
  }

 private:
  bool is_stopped() const { return options_.is_stopped != nullptr && options_.is_stopped->load(); }

  bool next_line(std::ifstream& in, std::string& line) {
    const int64_t taken = read_line(in, line, static_cast<size_t>(options_.max_line_bytes));
    progress_.input_bytes += taken;
    return taken > 0;
  }

  Status handle_line(const std::string& line) {
    if (is_blank(line)) return {};
    ++progress_.num_lines;
    std::string custom_id;
    auto parsed = static_cast<int64_t>(line.size()) > options_.max_line_bytes
                      ? Result<BatchLine>(fail("the line is longer than {} bytes", options_.max_line_bytes))
                      : parse_batch_line(line, custom_id);
    if (!custom_id.empty()) {
      const bool is_repeat = !seen_.insert(custom_id).second;
      if (output_.answered().contains(custom_id) && !is_repeat) return skip();
      if (is_repeat) {
        // The error line has no custom_id, or a reader would take it for the first line's answer.
        parsed = fail("line {}: custom_id \"{}\" occurs twice", progress_.num_lines, custom_id);
        custom_id.clear();
      }
    }
    if (!parsed.ok()) {
      if (custom_id.empty() && nameless_left_ > 0) {
        --nameless_left_;
        return skip();
      }
      ++progress_.num_errors;
      return write(format_bad_line(custom_id, parsed.error().message, output_.num_lines()));
    }
    ++num_in_flight_;
    std::make_shared<BatchRequest>(*std::move(parsed), backend_, options_.model_name, [this](BatchAnswer answer) {
      queue_.push(std::move(answer));
    })->start();
    return {};
  }

  Status skip() {
    ++progress_.num_done;
    return {};
  }

  Status write_one() {
    const BatchAnswer answer = queue_.pop();
    --num_in_flight_;
    if (answer.status != 200) ++progress_.num_errors;
    if (const auto usage = answer.body.find("usage"); usage != answer.body.end()) {
      progress_.output_tokens += (*usage)["completion_tokens"].get<int64_t>();
    }
    return write(format_answer(answer, output_.num_lines()));
  }

  Status write(const std::string& line) {
    TRY_STATUS(output_.write_line(line));
    ++progress_.num_done;
    if (options_.on_progress) options_.on_progress(progress_);
    return {};
  }

  const BatchOptions& options_;
  BatchBackend& backend_;
  BatchOutput output_;
  int64_t nameless_left_;
  std::unordered_set<std::string> seen_;
  AnswerQueue queue_;
  int32_t num_in_flight_ = 0;
  BatchProgress progress_;
};

}  // namespace

Status check_batch_files(const BatchOptions& options) {
  // The input would be read while it grows.
  std::error_code error;
  if (std::filesystem::equivalent(options.input_path, options.output_path, error)) {
    return fail("{}: is both the input and the output", options.input_path);
  }
  for (const std::string& path : {options.input_path, options.output_path}) {
    if (path.empty()) return fail("INPUT and OUTPUT are names of files: one of them is empty");
    if (path == "-") return fail("-: a batch works on files: it reads what is there to go on after an interruption");
  }
  if (std::filesystem::is_directory(options.input_path, error)) {
    return fail("{}: is a directory, not a file of batch lines", options.input_path);
  }
  if (std::filesystem::exists(options.input_path, error) &&
      !std::filesystem::is_regular_file(options.input_path, error)) {
    return fail("{}: is not a regular file", options.input_path);
  }
  if (!std::ifstream(options.input_path)) {
    return fail("{}: cannot be read: {}", options.input_path, std::strerror(errno));
  }
  return BatchOutput::check(options.output_path);
}

Result<BatchProgress> run_batch(const BatchOptions& options, BatchBackend& backend) {
  TRY_STATUS(check_batch_files(options));
  TRY(BatchOutput output, BatchOutput::open(options.output_path));
  return BatchRun(options, backend, std::move(output)).run();
}

}  // namespace braid
