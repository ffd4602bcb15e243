// Owned, zeroed, cache-line-aligned memory that reports failure instead of throwing: the core is built without
// exceptions and a session that does not fit must be an error message, not a trap.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace rephase {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count) { allocate(count); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  // False when there is no memory; the buffer is then empty.
  bool allocate(size_t count) {
    release();
    if (count > (SIZE_MAX - kAlignment) / sizeof(T)) return false;
    const size_t bytes = (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    data_ = static_cast<T*>(std::aligned_alloc(kAlignment, bytes ? bytes : kAlignment));
    if (!data_) return false;
    std::memset(static_cast<void*>(data_), 0, bytes);
    count_ = count;
    return true;
  }

  void release() {
    std::free(data_);
    data_ = nullptr;
    count_ = 0;
  }

  explicit operator bool() const { return data_ != nullptr; }
  T* data() const { return data_; }
  T& operator[](size_t i) const { return data_[i]; }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }

 private:
  static constexpr size_t kAlignment = 64;
  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace rephase
