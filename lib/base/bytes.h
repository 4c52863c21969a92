// Bytes: an immutable run of bytes with whoever keeps it alive.
//
// The payload type of the whole engine. The owner may be a received message, a heap buffer or,
// later, a slot in shared memory; users see only data() and size(). Copying shares the owner,
// moving copies a few words, slicing shares. Owners of up to 64 bytes live inside, so wrapping a
// received message allocates nothing. A Bytes belongs to one thread at a time; copies of it may
// live on different threads if the owner's copies may (heap buffers and ZeroMQ messages may).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace flow {

class Bytes {
 public:
  // How to handle one type of owner; nothing of it throws. An owner may be moved by copying its own
  // bytes, and what it owns stays where it is meanwhile: so moving, which happens several times on
  // the path of each message, calls nothing.
  struct Ops {
    void (*copy)(const void* from, void* to);  // shares the bytes
    void (*destroy)(void* owner) noexcept;
  };
  static constexpr std::size_t kInlineOwner = 64;

  Bytes() noexcept {}  // NOLINT(modernize-use-equals-default): Bytes() would clear the owner, too
  ~Bytes() { release(); }
  Bytes(const Bytes& other) { share_with(other); }
  Bytes(Bytes&& other) noexcept { take_over(other); }
  Bytes& operator=(const Bytes& other) {
    if (this == &other) return *this;
    release();
    share_with(other);
    return *this;
  }
  Bytes& operator=(Bytes&& other) noexcept {
    if (this == &other) return *this;
    release();
    take_over(other);
    return *this;
  }

  // Copies into a fresh heap buffer, aligned to 16.
  static Bytes copy_of(std::span<const std::byte> bytes);
  static Bytes copy_of(std::string_view text);

  // Takes over a vector without copying.
  static Bytes take(std::vector<std::byte> bytes);

  // Bytes of a buffer kept alive by `owner`.
  static Bytes share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes);

  // Wraps any owner of at most kInlineOwner bytes. `construct(storage)` builds the owner in place;
  // `bytes` are its bytes.
  template <typename Construct>
  static Bytes wrap(const Ops& ops, std::span<const std::byte> bytes, Construct&& construct) {
    Bytes wrapped;
    construct(static_cast<void*>(wrapped.owner_));
    wrapped.ops_ = &ops;
    wrapped.data_ = bytes.data();
    wrapped.size_ = bytes.size();
    return wrapped;
  }

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> span() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // The part from `offset` of `count` bytes; both must lie inside. Shares the owner.
  Bytes slice(std::size_t offset, std::size_t count) const&;
  Bytes slice(std::size_t offset, std::size_t count) &&;

  // The same in place.
  void narrow(std::size_t offset, std::size_t count) {
    FLOW_CHECK(offset <= size_ && count <= size_ - offset, "slice outside of its bytes");
    data_ += offset;
    size_ = count;
  }

  // For the folder that knows the owner's type: the owner if it is of the type `ops` handles, else
  // nullptr.
  const void* owner(const Ops& ops) const { return ops_ == &ops ? owner_ : nullptr; }

 private:
  void share_with(const Bytes& other) {
    ops_ = other.ops_;
    data_ = other.data_;
    size_ = other.size_;
    if (ops_ != nullptr) ops_->copy(other.owner_, owner_);
  }

  void take_over(Bytes& other) noexcept {
    ops_ = std::exchange(other.ops_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    if (ops_ != nullptr) std::memcpy(owner_, other.owner_, kInlineOwner);
  }

  // What is left is not a value.
  void release() noexcept {
    if (ops_ != nullptr) ops_->destroy(owner_);
  }

  const Ops* ops_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  alignas(std::max_align_t) std::byte owner_[kInlineOwner];
};

// Equal bytes; who owns them does not matter.
inline bool operator==(const Bytes& a, const Bytes& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace flow
