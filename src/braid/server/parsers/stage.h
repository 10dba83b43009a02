// A parser of text: a coroutine over its bytes, with the operations that all parsers share. Bytes that may be part of a
// marker or of a call's head are held back. If they turn out to be neither, they are released as text. Tested by
// random_outputs_test.cc and json_calls_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "braid/server/parsers/byte_stream.h"
#include "braid/server/parsers/event.h"

namespace braid::parsers {

class Stage {
 public:
  virtual ~Stage() = default;
  Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Appends to `out`.
  void push(std::string_view text, Events& out);
  void finish(Events& out);

  // More is never held back. A call's head (all bytes before it is certain that it is a call) may be this long.
  static constexpr size_t kMaxHeldBytes = size_t{1} << 20;
  // At most this many line breaks beside a marker belong to it.
  static constexpr size_t kMaxNewlines = 8;

 protected:
  static constexpr int kEnd = ByteStream::kEnd;
  using Markers = std::span<const std::string_view>;

  // Receives text that is no marker.
  struct Sink {
    virtual void add(std::string_view text) = 0;

   protected:
    ~Sink() = default;
  };

  // The parser. When it returns, the rest of the text is content.
  virtual Part<> run() = 0;

  // The next byte. The parser must hold() or skip() it.
  ByteStream::Peek peek() { return stream_.peek(); }
  void hold();
  void skip() { stream_.take(1); }
  bool can_hold() const { return held_.size() < kMaxHeldBytes; }

  std::string_view held() const { return held_; }
  void release();  // the held bytes were text
  void drop() { held_.clear(); }

  Events& events() { return *out_; }
  void add_text(Event::Kind kind, std::string_view text, int32_t call = 0) { append_text(*out_, kind, text, call); }
  void add_content(std::string_view text) { add_text(Event::Kind::kContent, text); }

  class TextSink final : public Sink {
   public:
    TextSink(Stage& stage, Event::Kind kind) : stage_(stage), kind_(kind) {}
    void add(std::string_view text) override { stage_.add_text(kind_, text); }

   private:
    Stage& stage_;
    const Event::Kind kind_;
  };

  struct Search {
    Markers markers;
    size_t max_newlines = 0;            // this many before a marker are part of it
    bool drops_final_newlines = false;  // also those before the text's end, if nothing else follows them
  };
  // Passes text to `sink` up to the first marker, and holds the marker. Returns its number, or nothing if the text
  // ended. Bytes that are already held come first. No marker begins with another marker or with a line break.
  Part<std::optional<size_t>> until_marker(Search search, Sink& sink);
  Part<std::optional<size_t>> until_marker(Search search) { return until_marker(search, content_); }

  // Holds one of the literals if it comes next. Otherwise holds nothing and returns nothing.
  Part<std::optional<size_t>> expect_one_of(Markers literals);
  Part<bool> expect(std::string_view literal);
  Part<> hold_whitespace();
  // Holds the text up to a literal, and the literal; `text` is the part before it. False: the literal did not come
  // within `max_bytes`.
  Part<bool> hold_until(std::string_view literal, std::string& text, size_t max_bytes);

 private:
  Part<> whole();
  void run_to(Events& out, bool is_end, std::string_view text);

  ByteStream stream_;
  std::string held_;
  Events* out_ = nullptr;  // while the parser runs
  TextSink content_{*this, Event::Kind::kContent};
  std::optional<Part<>> parser_;  // last: its frames use the other members
};

}  // namespace braid::parsers
