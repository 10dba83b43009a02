// One parser of text: a coroutine over its bytes, with the means that all of them share. Bytes that may be part of a
// marker or of a call's head are held back; what turns out to be neither is given out as what it was: text.
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

  // More is never held back: a call's head (all that comes before it is certain that it is one) may be so long.
  static constexpr size_t kMaxHeldBytes = size_t{1} << 20;
  // Line breaks beside a marker belong to it, up to so many.
  static constexpr size_t kMaxNewlines = 8;

 protected:
  static constexpr int kEnd = ByteStream::kEnd;
  using Markers = std::span<const std::string_view>;

  // Where text goes that is no marker.
  struct Sink {
    virtual void add(std::string_view text) = 0;

   protected:
    ~Sink() = default;
  };

  // The parser. When it returns, the rest of the text is content.
  virtual Part<> run() = 0;

  // The next byte: held back, or gone.
  ByteStream::Peek peek() { return stream_.peek(); }
  void hold();
  void skip() { stream_.take(1); }
  bool can_hold() const { return held_.size() < kMaxHeldBytes; }

  std::string_view held() const { return held_; }
  void release();  // what is held was text
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
    size_t max_newlines = 0;            // in front of a marker, which are part of it
    bool drops_final_newlines = false;  // also those in front of the text's end, if nothing else came
  };
  // Gives text to `sink` up to the first of the markers, which is held then. Its number, or nothing: the text has
  // ended. What is held at the call comes first. No marker begins with another or with a line break.
  Part<std::optional<size_t>> until_marker(Search search, Sink& sink);
  Part<std::optional<size_t>> until_marker(Search search) { return until_marker(search, content_); }

  // Holds one of the literals, if it comes next. Nothing, and nothing held: another text comes.
  Part<std::optional<size_t>> expect_one_of(Markers literals);
  Part<bool> expect(std::string_view literal);
  Part<> hold_whitespace();
  // Holds the text up to a literal, and the literal; `text` is the former. False: it did not come within `max_bytes`.
  Part<bool> hold_until(std::string_view literal, std::string& text, size_t max_bytes);

 private:
  Part<> whole();
  void run_to(Events& out, bool is_end, std::string_view text);

  ByteStream stream_;
  std::string held_;
  Events* out_ = nullptr;  // while it runs
  TextSink content_{*this, Event::Kind::kContent};
  std::optional<Part<>> parser_;  // last: its frames use the rest
};

}  // namespace braid::parsers
