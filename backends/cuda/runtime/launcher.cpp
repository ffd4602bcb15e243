#include "launcher.hpp"

#include <algorithm>

namespace rephase::cuda {

bool Launcher::allow_shared_memory(const Kernel& kernel) const {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel.function), "loading a kernel");
  const size_t rest = device_.sharedMemPerBlockOptin - attributes.sharedSizeBytes;
  if (kernel.shared > rest) return false;
  check(cudaFuncSetAttribute(kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(rest)),
        "asking for shared memory");
  return true;
}

void Launcher::divide_cache(std::initializer_list<Kernel> kernels, std::initializer_list<const void*> sharers) const {
  const int64_t all = device_.sharedMemPerMultiprocessor;
  int percent = 0;
  for (const Kernel& kernel : kernels) {
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, kernel.function), "loading a kernel");
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel.function, kernel.threads, kernel.shared),
          "asking how many blocks a multiprocessor takes");
    const int64_t needed =
        blocks * int64_t(kernel.shared + attributes.sharedSizeBytes + device_.reservedSharedMemPerBlock);
    percent = std::max(percent, static_cast<int>(std::min<int64_t>(ceil_div(100 * needed, all), 100)));
  }
  const auto divide = [&](const void* kernel) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, percent), "dividing the cache");
  };
  for (const Kernel& kernel : kernels) divide(kernel.function);
  for (const void* kernel : sharers) divide(kernel);
}

void Launcher::launch(const Kernel& kernel, int64_t lines, void** arguments, int more) const {
  const int64_t blocks = std::min<int64_t>(ceil_div(lines, kernel.lines), kernel.most_blocks);
  start(kernel.function, more + blocks, kernel.threads, kernel.shared, arguments, true, kernel.cluster);
}

void Launcher::start(const void* kernel, int64_t blocks, int threads, size_t shared, void** arguments, bool early,
                     int cluster) const {
  cudaLaunchAttribute attributes[2];
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = stream_;
  config.attrs = attributes;
  config.numAttrs = !early || device_.major < 9 ? 0 : cluster > 1 ? 2 : 1;
  stopwatch_.start(stream_);
  check(cudaLaunchKernelExC(&config, kernel, arguments), "starting a kernel");
}

}  // namespace rephase::cuda
