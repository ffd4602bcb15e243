// `gs_cufft N|NxSTARTS[complex]…`: the cuFFT peer alone, of a real object or a complex one. Prints JSON, with the
// fastest way of using cuFFT for each size.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <exception>

#include "gs_cufft.hpp"

int main(int argc, char** argv) {
  try {
    int cuda = 0;
    cudaRuntimeGetVersion(&cuda);
    std::printf("{\"cuda\": \"%d.%d\", \"cufft\": \"%s\", \"copyBytesPerSecond\": %.4g, \"sizes\": [", cuda / 1000,
                cuda % 1000 / 10, cufft_version().c_str(), copy_bandwidth());
    for (int i = 1; i < argc; i++) {
      int n = 0, starts = 1;
      std::sscanf(argv[i], "%dx%d", &n, &starts);
      const bool is_complex = std::strstr(argv[i], "complex");
      const auto peer = is_complex ? fastest_complex_cufft(n, starts) : fastest_cufft(n, starts);
      std::printf("%s\n  {\"n\": %d, \"starts\": %d, \"object\": \"%s\", \"microseconds\": %.3f, \"way\": \"%s\"}",
                  i == 1 ? "" : ",", n, starts, is_complex ? "complex" : "real", peer->microseconds, peer->way.c_str());
      std::fflush(stdout);
    }
    std::printf("\n]}\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gs_cufft: %s\n", error.what());
    return 1;
  }
}
