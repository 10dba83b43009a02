// The files of braid batch: reads and writes lines of OpenAI's batch format, and finds what an interrupted run has
// answered. Tested by batch_command_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/server/openai/api_error.h"

namespace braid {

enum class BatchUrl : uint8_t { kCompletions, kChatCompletions };

// {"custom_id", "method", "url", "body"}
struct BatchLine {
  std::string custom_id;
  BatchUrl url = BatchUrl::kCompletions;
  Json body;
};

// An error says what is wrong with the line. Sets `custom_id` even then, if the line has one.
Result<BatchLine> parse_batch_line(const std::string& line, std::string& custom_id);

// The contents of an output line.
struct BatchAnswer {
  std::string custom_id;  // empty: the line has none
  int status = 200;
  Json body;  // a response, or {"error": …}
};

// {"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error"}, without the newline. A line that
// could not be run has "response": null and its error.
std::string format_answer(const BatchAnswer& answer, uint64_t number);
std::string format_bad_line(const std::string& custom_id, const std::string& message, uint64_t number);

// The output file, open at its end.
class BatchOutput {
 public:
  // Keeps the file's lines, but cuts off a torn last line (without its newline, or not JSON).
  static Result<BatchOutput> open(const std::string& path);
  // Whether open() would probably succeed. Changes nothing and creates no file.
  static Status check(const std::string& path);
  BatchOutput(BatchOutput&& other) noexcept;
  BatchOutput& operator=(BatchOutput&&) = delete;
  ~BatchOutput();

  // Custom ids that earlier runs answered.
  const std::unordered_set<std::string>& answered() const { return answered_; }
  // How many lines without a custom_id earlier runs answered: as many of the input's are done.
  int64_t num_nameless() const { return num_nameless_; }
  uint64_t num_lines() const { return num_lines_; }

  // Writes whole lines only: when the disk is full, it removes the part that was written.
  Status write_line(const std::string& line);

 private:
  BatchOutput(int file, std::string path) : file_(file), path_(std::move(path)) {}
  static Result<BatchOutput> open_with(const std::string& path, int more_flags);
  Status read_answers();

  int file_;
  std::string path_;
  int64_t size_ = 0;
  std::unordered_set<std::string> answered_;
  int64_t num_nameless_ = 0;
  uint64_t num_lines_ = 0;
};

}  // namespace braid
