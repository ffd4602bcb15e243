// Starts kernels on a session's stream, and sets what the device has to be told about a kernel before.
#pragma once
#include <initializer_list>
#include <tuple>
#include <type_traits>

#include "stopwatch.hpp"

namespace rephase::cuda {

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

struct Kernel {
  Kernel() = default;
  template <class... Parameters>
  Kernel(void (*function)(Parameters...), int lines, int threads, size_t shared, int most_blocks = 1 << 30)
      : function(reinterpret_cast<const void*>(function)),
        lines(lines),
        threads(threads),
        shared(shared),
        most_blocks(most_blocks) {}

  const void* function = nullptr;
  int lines, threads;  // of a block
  size_t shared;       // bytes
  int most_blocks;     // a block takes several lines in turn where there are more
  int cluster = 1;     // so many blocks share their memory
};

class Launcher {
 public:
  static constexpr int kSimpleThreads = 256;

  Launcher(const cudaDeviceProp& device, cudaStream_t stream, Stopwatch& stopwatch)
      : device_(device), stream_(stream), stopwatch_(stopwatch) {}

  // False where the device has less shared memory for a block than the kernel needs. Above 48 KiB it needs permission.
  bool allow_shared_memory(const Kernel& kernel) const;
  // Leaves to the L1 cache, where twiddles are, what the blocks of a multiprocessor do not need as shared memory.
  // `sharers` get the same share as `kernels`, because a multiprocessor has to be empty to be divided again. The
  // attribute is the process's: of sessions that share a kernel, the last one made decides.
  void divide_cache(std::initializer_list<Kernel> kernels, std::initializer_list<const void*> sharers) const;

  // Starts a kernel over lines, which waits by itself for the kernel before it. `more` blocks come ahead of the blocks
  // for lines.
  void launch(const Kernel& kernel, int64_t lines, void** arguments, int more = 0) const;

  // Starts a simple kernel with one thread for each item.
  template <class... Parameters, class... Arguments>
  void each(void (*kernel)(Parameters...), int64_t items, Arguments... arguments) const {
    std::tuple<std::decay_t<Parameters>...> values(arguments...);
    std::apply(
        [&](auto&... value) {
          void* pointers[] = {&value...};
          start(reinterpret_cast<const void*>(kernel), ceil_div(items, kSimpleThreads), kSimpleThreads, 0, pointers);
        },
        values);
  }

 private:
  // `early` lets the kernel start before the one ahead of it has ended.
  void start(const void* kernel, int64_t blocks, int threads, size_t shared, void** arguments, bool early = false,
             int cluster = 1) const;

  const cudaDeviceProp& device_;
  cudaStream_t stream_;
  Stopwatch& stopwatch_;
};

}  // namespace rephase::cuda
