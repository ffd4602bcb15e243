// `cuda_bench N|NxSTARTS[hio|sized|spots|image][complex]…` times an iteration of the CUDA backend, of a real object or of a
// complex one with a support, beside the fastest use of cuFFT (../peers/gs_cufft.hpp). Both run in this process and take
// turns. `sized`: `rrr` with a support size of a sixteenth of the pixels, which has no peer. Holograms, of spots and of an
// image, have theirs in ../peers/hologram_cupy.py. Prints JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "../../backends/cuda/session.hpp"
#include "../peers/gs_cufft.hpp"

namespace {

using rephase::cuda::check;
using rephase::cuda::Session;

constexpr int kRounds = 7;
// Whole graphs of either competitor: 16 iterations of the backend's, 10 of the peer's.
constexpr int kWhole = 80;
static_assert(kWhole % CufftPeer::kIterations == 0);
// Lines of larger images are transformed in global memory: they take seconds, and have no peer.
constexpr int kLargestWithPeer = 16384;

// The numbers of src/rules.ts, with a feedback strength of 0.9, and of 0.5 for rrr.
using Coefficients = double[rephase::cuda::kCoefficients];
constexpr double kAny = HUGE_VAL, kPi = rephase::cuda::kHalfTurn;
constexpr Coefficients kGs = {0, 1, 0,    1, 0, 1, 0,    0, 0, 0,   0, 0, 1, 1,
                              0, kAny, 0, 0, 0, kAny, 0, 0, kPi, 0, 1, 0, 0},
                       kHio = {0, 1,    0, 1, 0, 1,    1, -0.9, 1,   -0.9, 0, 0, 0.9, 0.9,
                               0, kAny, 0, 0, 0, kAny, 0, 0,    kPi, 0,    1, 0, 0},
                       kRrr = {1, 0,    0.5, 0.5, 0.5, 0.5,  1, 0.5, 1,   0.5, 0, 0, -0.5, -0.5,
                               0, kAny, 1,   0,   0,   kAny, 0, 0,   kPi, 0,   1, 0, 0},
                       kHologram = {0, 1,    0, 1, 0, 1,    0, 0, 0,   0, 0, 0, 1, 1,
                                    0, kAny, 0, 0, 0, kAny, 0, 0, kPi, 1, 1, 1, 0};
struct Algorithm {
  const char* name;
  const Coefficients& coefficients;
  int size_share = 0;  // the support size is this part of the pixels; 0: none
  bool is_hologram = false;
};
constexpr Algorithm kAlgorithms[] = {
    {"gs", kGs}, {"hio", kHio}, {"sized", kRrr, 16}, {"spots", kHologram, 0, true}, {"image", kHologram, 0, true}};

std::vector<float> magnitudes_of(const Algorithm& algorithm, size_t n) {
  std::vector<float> magnitudes(n * n);
  if (algorithm.name == std::string("spots")) {
    for (size_t i = 0; i < 100; i++) magnitudes[(n / 8 + 3 * (i / 10)) * n + n / 8 + 3 * (i % 10)] = 1;
    return magnitudes;
  }
  unsigned x = 1;
  const float least = algorithm.is_hologram ? 0.2f : 0;
  for (float& m : magnitudes) m = least + ((x = x * 747796405u + 2891336453u) >> 8) * 0x1p-24f;
  return magnitudes;
}

// Such as "580.159.04": the first word of the kernel module's own account that looks like a version.
std::string driver_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  while (file >> word)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos) return word;
  return "unknown";
}

// Least, median and most, as JSON.
std::string summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  char text[64];
  std::snprintf(text, sizeof(text), "[%.3f, %.3f, %.3f]", times.front(), times[times.size() / 2], times.back());
  return text;
}

void measure(int n, int starts, const Algorithm& algorithm, bool complex) {
  const double work = double(n) * n * starts;
  const std::vector<float> magnitudes = magnitudes_of(algorithm, n);
  const std::vector<float> light(algorithm.is_hologram ? magnitudes.size() : 0, 1);
  // The peer's: a quarter of the image.
  std::vector<uint8_t> support(complex && light.empty() ? magnitudes.size() : 0);
  for (size_t i = 0; i < support.size(); i++) support[i] = i % n < size_t(n) / 2 && i < support.size() / 2;
  Coefficients coefficients;
  std::copy_n(algorithm.coefficients, rephase::cuda::kCoefficients, coefficients);
  const bool sized = algorithm.size_share > 0;
  if (sized) coefficients[17] = n * n / algorithm.size_share;
  const auto rule = rephase::cuda::make_rule(coefficients, false, Session::spectrum_scale(complex));
  Session session({0, n, n, starts, complex, rule, 1, magnitudes.data(), nullptr,
                   support.empty() ? nullptr : support.data(), light.empty() ? nullptr : light.data(), true, 1, 0});
  const auto fastest = complex ? fastest_complex_cufft : fastest_cufft;
  const auto peer = n <= kLargestWithPeer && !sized && !algorithm.is_hologram ? fastest(n, starts) : nullptr;
  const int iterations =
      n <= kLargestWithPeer ? std::clamp(static_cast<int>(6e9 / work) / kWhole, 1, 100) * kWhole : 2;
  std::vector<double> ours, theirs;
  // The GPU's clocks rise during the first round, which does not count.
  for (int round = 0; round <= kRounds; round++) {
    const double own = time_us([&] {
      session.iterate(iterations);
      session.wait(session.mark());
    });
    if (round > 0) ours.push_back(own / iterations);
    if (!peer) continue;
    const double other = time_us([&] {
      peer->run(iterations);
      peer->wait();
    });
    if (round > 0) theirs.push_back(other / iterations);
  }
  std::printf(
      "\n  {\"rows\": %d, \"starts\": %d, \"object\": \"%s\", \"algorithm\": \"%s\", \"microseconds\": %s, "
      "\"bytesPerPixel\": %.2f",
      n, starts, complex ? "complex" : "real", algorithm.name, summary(ours).c_str(), session.device_bytes() / work);
  if (peer)
    std::printf(", \"cufftGraphMicroseconds\": %s, \"cufftWay\": \"%s\"", summary(theirs).c_str(), peer->way.c_str());
  std::printf("}");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cudaDeviceProp device;
    check(cudaGetDeviceProperties(&device, 0), "asking for the device");
    char date[16];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof(date), "%Y-%m-%d", std::gmtime(&now));
    const char* const commit = std::getenv("REPHASE_COMMIT");
    std::printf(
        "{\"date\": \"%s\", \"commit\": \"%s\", \"device\": \"%s\", \"driver\": \"%s\", "
        "\"copyBytesPerSecond\": %.4g,\n\"cases\": [",
        date, commit ? commit : "unknown", device.name, driver_version().c_str(), copy_bandwidth());
    for (int i = 1; i < argc; i++) {
      int n = 0, starts = 1;
      std::sscanf(argv[i], "%dx%d", &n, &starts);
      if (i > 1) std::printf(",");
      const auto asks_for = [&](const char* word) { return std::string(argv[i]).find(word) != std::string::npos; };
      const Algorithm* algorithm = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                                [&](const Algorithm& one) { return asks_for(one.name); });
      if (algorithm == std::end(kAlgorithms)) algorithm = kAlgorithms;
      measure(n, starts, *algorithm, asks_for("complex") || algorithm->is_hologram);
    }
    std::printf("\n]}\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_bench: %s\n", error.what());
    return 1;
  }
}
