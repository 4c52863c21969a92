// Bytes: an immutable run of bytes with whoever keeps it alive.
//
// The payload type of the whole engine. What keeps the bytes may be a received message, a heap
// buffer or, later, a slot in shared memory; users see only data() and size(). It is counted:
// copying and slicing share it (one atomic addition), moving copies three words, and the last one
// that lets go ends it, on whichever thread that is. A Bytes belongs to one thread at a time;
// copies of it may live on different threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace flow {

class Bytes {
 public:
  Bytes() = default;
  ~Bytes() { let_go(); }
  Bytes(const Bytes& other) : keeper_(other.keeper_), data_(other.data_), size_(other.size_) {
    if (keeper_ != nullptr) keeper_->shares.fetch_add(1, std::memory_order_relaxed);
  }
  Bytes(Bytes&& other) noexcept
      : keeper_(std::exchange(other.keeper_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Bytes& operator=(const Bytes& other) {
    if (this != &other) *this = Bytes(other);
    return *this;
  }
  Bytes& operator=(Bytes&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    keeper_ = std::exchange(other.keeper_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // Copies into a fresh heap buffer, aligned to 16.
  static Bytes copy_of(std::span<const std::byte> bytes) {
    return bytes.empty() ? Bytes() : fresh(bytes);
  }
  static Bytes copy_of(std::string_view text) { return copy_of(std::as_bytes(std::span(text))); }

  // Takes over a vector without copying.
  static Bytes take(std::vector<std::byte> bytes);

  // Bytes of a buffer kept alive by `owner`.
  static Bytes share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes);

  // Bytes that a Kept, made of `arguments`, keeps alive until it is destroyed. Allocates.
  template <typename Kept, typename... Arguments>
  static Bytes keep(std::span<const std::byte> bytes, Arguments&&... arguments) {
    auto keeper = std::make_unique<KeeperOf<Kept>>(std::forward<Arguments>(arguments)...);
    return {keeper.release(), bytes};
  }

  // Lets go: empty again.
  void clear() noexcept {
    let_go();
    keeper_ = nullptr;
    data_ = nullptr;
    size_ = 0;
  }

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> span() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // The part from `offset` of `count` bytes; both must lie inside. Shares what keeps them.
  Bytes slice(std::size_t offset, std::size_t count) const&;
  Bytes slice(std::size_t offset, std::size_t count) &&;

  // The same in place.
  void narrow(std::size_t offset, std::size_t count) {
    FLOW_CHECK(offset <= size_ && count <= size_ - offset, "slice outside of its bytes");
    data_ += offset;
    size_ = count;
  }

 private:
  friend class BytesBin;  // byte_shares.h
  friend class BytesPortions;

  struct Keeper {
    std::atomic<std::uint32_t> shares{1};
    void (*end)(Keeper* keeper) noexcept;
  };
  template <typename Kept>
  struct KeeperOf final : Keeper {
    template <typename... Arguments>
    explicit KeeperOf(Arguments&&... arguments)
        : Keeper{.end = &destroy}, kept(std::forward<Arguments>(arguments)...) {}
    static void destroy(Keeper* keeper) noexcept {
      const std::unique_ptr<KeeperOf> ended(static_cast<KeeperOf*>(keeper));
    }
    Kept kept;
  };

  Bytes(Keeper* keeper, std::span<const std::byte> bytes)
      : keeper_(keeper), data_(bytes.data()), size_(bytes.size()) {}

  static Bytes fresh(std::span<const std::byte> bytes);  // not empty

  // Shares counted ahead or afterwards. Those that are dropped are never the last.
  void add_shares(std::uint32_t count) {
    if (keeper_ != nullptr) keeper_->shares.fetch_add(count, std::memory_order_relaxed);
  }
  void drop_shares(std::uint32_t count) {
    if (keeper_ != nullptr) keeper_->shares.fetch_sub(count, std::memory_order_release);
  }
  Bytes with_added_share() const { return {keeper_, span()}; }
  void leave_share() {
    keeper_ = nullptr;
    clear();
  }
  bool has_same_keeper(const Bytes& other) const { return keeper_ == other.keeper_; }

  void let_go() noexcept {
    if (keeper_ != nullptr) release(keeper_);
  }
  static void release(Keeper* keeper) noexcept;

  Keeper* keeper_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Equal bytes; who keeps them does not matter.
inline bool operator==(const Bytes& a, const Bytes& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace flow
