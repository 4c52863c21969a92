// Bytes that grow at their end: what messages are written into.
//
// New bytes are not initialised. Keeps its memory when cleared; pointers into it last until it
// grows. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace flow::wire {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* data() { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::span<const std::byte> span() const { return {bytes_.get(), size_}; }

  void clear() { size_ = 0; }

  // Gives its memory away, and is empty. What is written next gets as much at once.
  std::unique_ptr<std::byte[]> give_away() {
    least_ = std::max(kLeast, std::exchange(capacity_, 0));
    size_ = 0;
    return std::move(bytes_);
  }

  bool has_room(std::size_t bytes) const { return bytes <= capacity_ - size_; }

  // Where the next bytes go; at least `bytes` of them fit. They count once advance() says so.
  std::byte* room(std::size_t bytes) {
    if (!has_room(bytes)) [[unlikely]]
      grow(bytes);
    return bytes_.get() + size_;
  }

  void advance(std::size_t bytes) { size_ += bytes; }

  // Appends `bytes`; where they are.
  std::byte* extend(std::size_t bytes) {
    std::byte* at = room(bytes);
    advance(bytes);
    return at;
  }

 private:
  void swap(ByteBuffer& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(least_, other.least_);
  }

  static constexpr std::size_t kLeast = 1024;

  [[gnu::noinline]] void grow(std::size_t bytes) {
    const std::size_t capacity = std::max({least_, 2 * capacity_, size_ + bytes});
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    capacity_ = capacity;
    bytes_ = std::move(larger);
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t least_ = kLeast;
};

}  // namespace flow::wire
