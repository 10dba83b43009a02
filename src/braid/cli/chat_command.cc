// braid chat: a conversation in the terminal. Ctrl-C stops the answer, not the program. Tested by
// tests/e2e/test_chat.py.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

#include "braid/api/text_model.h"
#include "braid/cli/answer_feed.h"
#include "braid/cli/commands.h"
#include "braid/cli/flags.h"
#include "braid/cli/lines.h"
#include "braid/cli/terminal.h"
#include "braid/config/model_config.h"

namespace braid {
namespace {

using Messages = Json;

struct ChatFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::string system;
  std::string prompt;  // answered alone, without a conversation
};

// A signal handler has no context, so it needs a global; only this file uses it.
volatile std::sig_atomic_t interrupts = 0;

void count_interrupt(int) {
  interrupts = interrupts + 1;
}

class Conversation {
 public:
  Conversation(Engine& engine, const ChatFlags& flags) : engine_(engine), flags_(flags), system_(flags.system) {
    reset();
  }

  void reset() {
    messages_ = Messages::array();
    if (!system_.empty()) messages_.push_back({{"role", "system"}, {"content", system_}});
  }

  void set_system(std::string system) {
    system_ = std::move(system);
    reset();
  }

  // Streams the answer to standard output, and adds both messages to the history. Adds neither if it fails, or an
  // invalid message (not UTF-8, or too long) would make every later answer fail too.
  Status answer(const std::string& user) {
    const Messages before = messages_;
    messages_.push_back({{"role", "user"}, {"content", user}});
    Status answered = stream_answer();
    if (!answered.ok()) messages_ = before;
    return answered;
  }

 private:
  Status stream_answer() {
    GenerationRequest request;
    flags_.sampling.apply(engine_.generation_defaults(), request);
    TRY(request.prompt, engine_.text().chat.render({{"messages", messages_}, {"add_generation_prompt", true}}));
    request.add_special_tokens = false;
    request.continues_text = false;
    request.until_context_end = !flags_.sampling.is_max_new_tokens_given;

    std::string text;
    AnswerFeed feed;
    AnswerFeed::News last;
    const auto before = interrupts;
    bool is_aborted = false;
    TRY(const SubmissionId id, engine_.submit(std::move(request), [&](const Delta& delta) { feed.add(delta); }));
    while (!last.has_ended) {
      last = feed.take(std::chrono::milliseconds(20));
      text += last.text;
      std::cout << last.text << std::flush;
      if ((interrupts != before || !std::cout) && !std::exchange(is_aborted, true)) engine_.abort(id);
      if (interrupts != before) clear_output();  // it may have been stuck in a write
    }
    engine_.wait(id);
    std::cout << std::endl;
    if (!std::cout) return fail("standard output: cannot be written");
    if (last.finish == FinishReason::kError) return fail("{}", last.error);
    messages_.push_back({{"role", "assistant"}, {"content", text}});
    return {};
  }

  // Ctrl-C also ends a write that a paused terminal holds up. That is no error of the output.
  static void clear_output() {
    std::cout.clear();
    std::clearerr(stdout);
  }

  Engine& engine_;
  const ChatFlags& flags_;
  std::string system_;
  Messages messages_;
};

constexpr size_t kMaxLineBytes = size_t{16} << 20;

constexpr const char* kHelp =
    "/reset forgets the conversation, /system TEXT sets the system prompt, /exit (or Ctrl-D) ends;\n"
    "Ctrl-C stops an answer.";

// False at the end of input. A Ctrl-C at the prompt starts a new line.
bool ask_for_line(std::string& line) {
  while (true) {
    const auto before = interrupts;
    fmt::print("\n> ");
    std::fflush(stdout);
    if (read_line(std::cin, line, kMaxLineBytes) > 0) return true;
    if (interrupts == before) return false;
    std::cin.clear();
    clearerr(stdin);
  }
}

Status run(const ChatFlags& flags, bool has_prompt) {
  TRY_STATUS(flags.sampling.check());
  TRY(const EngineOptions options, flags.model.engine_options());
  TRY(const auto engine, load_engine(options, flags.model.log_level));
  if (engine->text().chat.empty()) {
    return fail("{}: has no chat template; give one with --chat-template FILE", flags.model.model_path);
  }
  Conversation conversation(*engine, flags);
  if (has_prompt) return conversation.answer(flags.prompt);

  struct sigaction action = {};
  action.sa_handler = count_interrupt;  // without SA_RESTART: a Ctrl-C ends the read at the prompt
  sigaction(SIGINT, &action, nullptr);
  fmt::print("{}\n", kHelp);
  std::string line;
  while (ask_for_line(line)) {
    if (is_blank(line)) continue;
    if (line.size() > kMaxLineBytes) {
      fmt::print("error: a line may have {} bytes at most\n", kMaxLineBytes);
      continue;
    }
    if (line == "/exit" || line == "/quit") break;
    if (line == "/reset") {
      conversation.reset();
    } else if (line == "/help") {
      fmt::print("{}\n", kHelp);
    } else if (line == "/system" || line.starts_with("/system ")) {
      conversation.set_system(line.size() > 8 ? line.substr(8) : "");
    } else if (line.starts_with('/')) {
      fmt::print("unknown command {}\n{}\n", line.substr(0, line.find(' ')), kHelp);
    } else if (const Status answered = conversation.answer(line); !answered.ok()) {
      fmt::print("error: {}\n", answered.error().message);
    }
  }
  fmt::print("\n");
  return check_standard_input();
}

}  // namespace

void add_chat_command(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<ChatFlags>();
  flags->model.log_level = "warning";
  const Command command = app.add_command("chat", "Talk with a model in the terminal");
  add_engine_flags(command, flags->model);
  add_sampling_flags(command, flags->sampling);
  command.add_option("--system", flags->system, "The system prompt");
  command.add_option("--prompt", flags->prompt, "Answer this one message, and end");
  runner.on(command, [flags, command] {
    flags->sampling.is_max_new_tokens_given = command.has("--max-new-tokens");
    if (!flags->sampling.is_max_new_tokens_given) {
      flags->sampling.max_new_tokens = std::max(flags->sampling.max_new_tokens, flags->sampling.min_new_tokens);
    }
    return run(*flags, command.has("--prompt"));
  });
}

}  // namespace braid
