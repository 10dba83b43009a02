// Memory for weights, activations and KV: aligned, zero until written, on huge pages where the system grants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "braid/tensor/rows.h"

namespace braid {

// The part of a buffer of `bytes` bytes for which huge pages are requested: its whole huge pages.
int64_t bytes_on_huge_pages(int64_t bytes);

// kSmall: for memory of which most may never be touched, and which no step reads through. A huge page of it would be
// mostly unused.
enum class PageSize : uint8_t { kHuge, kSmall };

// Address space, zero until written; pages are committed on first touch. From 2 MB on it begins at a huge page, and
// huge pages are requested for its whole ones, unless small ones are wanted. Tested by buffer_test.cc.
class Mapping {
 public:
  explicit Mapping(int64_t bytes, PageSize page_size = PageSize::kHuge);  // bytes > 0
  // `bytes` of a file in memory, which others may map, too: what it has, and zero where it has nothing yet. `offset`: a
  // multiple of 2 MB.
  Mapping(int file, int64_t bytes, int64_t offset = 0);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  // From now on a write ends the process, whichever part of it has gone astray.
  void make_read_only() const;

 private:
  void map(int file, int flags, int64_t offset, PageSize page_size);

  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Makes the system back these huge pages (2 MB each, aligned) of a mapped file as such, which it otherwise does only
// where its settings say so for all files in memory. What is there stays. Where it cannot, small pages do.
void back_huge_pages_of_file(std::span<std::byte> pages);

// Enters these bytes of a mapped file, which has them, into the process's page tables, so that the first use of each
// page does not wait for the system. Before Linux 5.14 it does.
void map_now(std::span<std::byte> bytes);

// Owns `bytes` bytes, aligned to 64 (to 2 MB if it has its own mapping of at least 2 MB). Throws std::bad_alloc when no
// address space is left: sizes chosen by a user are checked against the available memory before they come here.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t bytes, PageSize page_size = PageSize::kHuge);
  // A part of `mapping`, which it keeps alive.
  Buffer(std::shared_ptr<const Mapping> mapping, int64_t offset, int64_t bytes);
  // Memory of `owner`, which it keeps alive; aligned as said above by whoever has it.
  Buffer(std::shared_ptr<const void> owner, std::byte* data, int64_t bytes)
      : owner_(std::move(owner)), data_(data), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::shared_ptr<const void> owner_;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// A matrix with its own memory. Its first rows are handed out as views, so one matrix serves every step.
class RowsBuffer {
 public:
  RowsBuffer() = default;
  RowsBuffer(DType dtype, int64_t max_rows, int64_t cols, PageSize page_size = PageSize::kHuge)
      : RowsBuffer(Buffer(max_rows * cols * dtype_bytes(dtype), page_size), dtype, max_rows, cols) {}
  RowsBuffer(Buffer buffer, DType dtype, int64_t max_rows, int64_t cols)
      : buffer_(std::move(buffer)), dtype_(dtype), max_rows_(max_rows), cols_(cols) {
    CHECK(buffer_.bytes() == max_rows * cols * dtype_bytes(dtype), "{} bytes for {} rows of {}", buffer_.bytes(),
          max_rows, cols);
  }

  Rows first(int64_t rows) const {
    CHECK(rows >= 0 && rows <= max_rows_, "{} rows of a buffer for {}", rows, max_rows_);
    return {.data = buffer_.data(), .dtype = dtype_, .rows = rows, .cols = cols_, .stride = cols_};
  }
  int64_t max_rows() const { return max_rows_; }
  int64_t bytes() const { return buffer_.bytes(); }

 private:
  Buffer buffer_;
  DType dtype_ = DType::kFloat32;
  int64_t max_rows_ = 0;
  int64_t cols_ = 0;
};

}  // namespace braid
