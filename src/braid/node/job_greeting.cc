#include "braid/node/job_greeting.h"

#include <sstream>

namespace braid {
namespace {

constexpr std::string_view kGreeting = "braid job 1";

// A word a line, and the key behind a line of its own.
Result<JobGreeting> read_greeting(const std::string& text, size_t process) {
  std::istringstream lines(text);
  JobGreeting greeting;
  std::string title;
  size_t num_addresses = 0;
  std::getline(lines, title);
  std::getline(lines, greeting.version);
  lines >> greeting.port >> num_addresses;
  for (size_t i = 0; i < num_addresses && lines; ++i) lines >> greeting.addresses.emplace_back();
  if (title != kGreeting || !lines || lines.get() != '\n') {
    return fail("process {} greets with what is no greeting of braid: is it another program?", process);
  }
  std::ostringstream key;
  if (lines.peek() != std::istringstream::traits_type::eof()) key << lines.rdbuf();
  greeting.key = key.str();
  return greeting;
}

}  // namespace

std::string greeting_text(const JobGreeting& greeting) {
  std::string text =
      fmt::format("{}\n{}\n{} {}", kGreeting, greeting.version, greeting.port, greeting.addresses.size());
  for (const std::string& address : greeting.addresses) text += " " + address;
  return text + "\n" + greeting.key;
}

Result<JobGreeting> read_greetings(std::span<const std::string> texts) {
  TRY(JobGreeting first, read_greeting(texts.front(), 0));
  for (size_t process = 1; process < texts.size(); ++process) {
    TRY(const JobGreeting other, read_greeting(texts[process], process));
    if (other.version != first.version) {
      return fail("process {} is braid {}, process 0 is braid {}: install the same on all hosts", process,
                  other.version, first.version);
    }
  }
  if (first.port < 1 || first.port > 65535 || first.addresses.empty()) {
    return fail("process 0 does not say where the front is");
  }
  return first;
}

}  // namespace braid
