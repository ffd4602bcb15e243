// `gs_cufft [N|NxSTARTS]…`: the cuFFT peer alone. Prints JSON: for each size every way that was tried, and the fastest.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "gs_cufft.hpp"

// Bytes a second of a large device-to-device copy, which reads and writes; the median of nine.
static double copy_bandwidth() {
  const size_t bytes = size_t{4} << 30;
  void *from = nullptr, *to = nullptr;
  cudaEvent_t began, ended;
  float times[9] = {};
  if (cudaMalloc(&from, bytes) || cudaMalloc(&to, bytes) || cudaEventCreate(&began) || cudaEventCreate(&ended))
    return 0;
  for (float& ms : times) {
    cudaEventRecord(began);
    cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice);
    cudaEventRecord(ended);
    cudaEventSynchronize(ended);
    cudaEventElapsedTime(&ms, began, ended);
  }
  cudaFree(from);
  cudaFree(to);
  std::sort(times, times + 9);
  return 2.0 * bytes / (times[4] * 1e-3);
}

int main(int argc, char** argv) {
  try {
    int cuda = 0;
    cudaRuntimeGetVersion(&cuda);
    std::printf("{\"cuda\": \"%d.%d\", \"cufft\": \"%s\", \"copyBytesPerSecond\": %.4g, \"sizes\": [", cuda / 1000,
                cuda % 1000 / 10, CufftPeer::version().c_str(), copy_bandwidth());
    for (int i = 1; i < argc; i++) {
      char* rest = nullptr;
      const int n = static_cast<int>(std::strtol(argv[i], &rest, 10));
      const int starts = *rest == 'x' ? std::atoi(rest + 1) : 1;
      const CufftPeer peer(n, n, starts);
      std::printf("%s\n  {\"n\": %d, \"starts\": %d, \"microseconds\": %.3f, \"way\": \"%s\", \"trials\": {",
                  i == 1 ? "" : ",", n, starts, peer.fastest().microseconds, peer.fastest().way.c_str());
      for (size_t k = 0; k < peer.trials().size(); k++)
        std::printf("%s\"%s\": %.3f", k == 0 ? "" : ", ", peer.trials()[k].way.c_str(), peer.trials()[k].microseconds);
      std::printf("}}");
      std::fflush(stdout);
    }
    std::printf("\n]}\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gs_cufft: %s\n", error.what());
    return 1;
  }
}
