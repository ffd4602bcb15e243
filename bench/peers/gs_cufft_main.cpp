// `gs_cufft [N|NxSTARTS]…`: the cuFFT peer alone. Prints JSON: for each size every way that was tried, and the fastest.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "gs_cufft.hpp"

int main(int argc, char** argv) {
  try {
    std::printf("{\"cufft\": \"%s\", \"sizes\": [", CufftPeer::version().c_str());
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
