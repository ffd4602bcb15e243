// Times an iteration of the CUDA backend beside the fastest use of cuFFT (../peers/gs_cufft.hpp). Both run in this
// process and take turns. The floor is 18 bytes a pixel (26 for rules that read the previous iterate) over the
// bandwidth of a large device-to-device copy, which is measured here too. Prints a table, and writes JSON to the file
// named first.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
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

// The coefficients of src/rules.ts, with a feedback strength of 0.9.
constexpr double kGs[] = {0, 1, 0, 1, 0, 1, 0, 0, 0, 0};
constexpr double kHio[] = {0, 1, 0, 1, 0, 1, 1, -0.9, 1, -0.9};

struct Case {
  int rows, columns, starts;
  bool hio = false;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void wait(Session& session) {
  session.wait(session.mark());
}

// Such as "580.159.04": the first word of the kernel module's own account that looks like a version.
std::string driver_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  while (file >> word)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos) return word;
  return "unknown";
}

double copy_bandwidth() {
  const size_t bytes = size_t{4} << 30;
  rephase::cuda::DeviceMemory memory;
  char *const a = memory.allocate<char>(bytes), *const b = memory.allocate<char>(bytes);
  std::vector<double> times;
  for (int i = 0; i < 9; i++) {
    check(cudaDeviceSynchronize(), "copying");
    const double began = seconds();
    check(cudaMemcpy(a, b, bytes, cudaMemcpyDeviceToDevice), "copying");
    check(cudaDeviceSynchronize(), "copying");
    times.push_back(seconds() - began);
  }
  return 2.0 * bytes / median(times);
}

// Microseconds an iteration: median, least and most of the rounds.
struct Timing {
  double median, least, most;
};

template <class Run, class Wait>
double once(int iterations, Run&& run, Wait&& wait) {
  wait();
  const double began = seconds();
  run(iterations);
  wait();
  return (seconds() - began) / iterations * 1e6;
}

Timing summary(std::vector<double> times) {
  return {median(times), *std::min_element(times.begin(), times.end()), *std::max_element(times.begin(), times.end())};
}

}  // namespace

int main(int argc, char** argv) {
  const char* const path = argc > 1 ? argv[1] : nullptr;
  const std::string how = argc > 2 ? argv[2] : "";
  const bool brief = how == "brief", large = how == "large";
  try {
    cudaDeviceProp device;
    check(cudaGetDeviceProperties(&device, 0), "asking for the device");
    int runtime = 0;
    check(cudaRuntimeGetVersion(&runtime), "asking for the runtime");
    const std::string driver = driver_version();
    const double bandwidth = copy_bandwidth();
    std::printf("%s, driver %s, CUDA runtime %d.%d, copies %.2f TB/s\n", device.name, driver.c_str(), runtime / 1000,
                runtime % 1000 / 10, bandwidth / 1e12);
    std::printf("%-18s %10s %10s %10s %8s %8s\n", "case", "us", "step us", "cufft us", "ratio", "of floor");
    std::FILE* const out = path ? std::fopen(path, "w") : nullptr;
    char date[16];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof(date), "%Y-%m-%d", std::gmtime(&now));
    const char* const commit = std::getenv("REPHASE_COMMIT");
    if (out)
      std::fprintf(
          out,
          "{\"date\": \"%s\", \"commit\": \"%s\", \"device\": \"%s\", \"driver\": \"%s\", \"runtime\": \"%d.%d\", "
          "\"multiprocessors\": %d, \"copyBytesPerSecond\": %.4g,\n\"cases\": [",
          date, commit ? commit : "unknown", device.name, driver.c_str(), runtime / 1000, runtime % 1000 / 10,
          device.multiProcessorCount, bandwidth);
    std::vector<Case> all;
    if (large) {
      all = {{32768, 32768, 1}, {65536, 65536, 1}};
    } else {
      for (const int n : {128, 256, 512, 1024, 2048, 4096, 8192}) all.push_back({n, n, 1});
      all.insert(all.end(), {{128, 128, 256}, {256, 256, 64}, {512, 512, 64}});
      for (const int n : {600, 1000, 1536, 3000, 1021}) all.push_back({n, n, 1});
      all.insert(all.end(), {{4096, 4096, 1, true}, {16384, 16384, 1}});
    }
    bool first = true;
    const char* const only = std::getenv("REPHASE_BENCH_ONLY");  // a case, by its name in the table
    for (const Case& c : all) {
      const std::string name =
          std::to_string(c.rows) + (c.starts > 1 ? " x" + std::to_string(c.starts) : "") + (c.hio ? " hio" : "");
      if (only && only != name) continue;
      const size_t pixels = size_t(c.rows) * c.columns;
      const double work = double(pixels) * c.starts;
      std::vector<float> magnitudes(pixels);
      unsigned x = 1;
      for (float& m : magnitudes) m = ((x = x * 747796405u + 2891336453u) >> 8) * 0x1p-24f;
      const rephase::cuda::Rule rule = rephase::cuda::make_rule(c.hio ? kHio : kGs, c.hio);
      Session session({0, c.rows, c.columns, c.starts, rule, 1, magnitudes.data(), nullptr, nullptr, true, 1, 0});
      std::unique_ptr<CufftPeer> peer;
      std::string missing;
      try {
        if (!large) peer = std::make_unique<CufftPeer>(c.rows, c.columns, c.starts);
      } catch (const std::exception& error) {
        missing = error.what();
      }
      const int wanted = static_cast<int>(std::min(8000.0, (brief ? 3e9 : 6e9) / work));
      const int iterations = large ? 2 : std::max(1, wanted / kWhole) * kWhole;
      const auto run = [&](int n) { session.iterate(n); };
      const auto step = [&](int n) {
        for (int i = 0; i < n; i++) session.iterate(1);
      };
      session.iterate(1);
      std::vector<double> ours, steps, theirs;
      for (int round = 0; round < (large ? 2 : brief ? 3 : kRounds) + 1; round++) {
        const double a = once(iterations, run, [&] { wait(session); });
        const double b = once(iterations, step, [&] { wait(session); });
        const double c = peer ? once(
                                    iterations, [&](int n) { peer->run(n); }, [&] { peer->wait(); })
                              : 0;
        if (round == 0) continue;  // the GPU's clocks rise meanwhile
        ours.push_back(a);
        steps.push_back(b);
        theirs.push_back(c);
      }
      const Timing t = summary(ours), s = summary(steps), p = summary(theirs);
      const double floor = work * (c.hio ? 26 : 18) / bandwidth * 1e6;
      std::printf("%-18s %10.2f %10.2f %10.2f %8.2f %7.0f%%  %s\n", name.c_str(), t.median, s.median, p.median,
                  p.median / t.median, 100 * floor / t.median, peer ? peer->fastest().way.c_str() : missing.c_str());
      std::fflush(stdout);
      if (out)
        std::fprintf(
            out,
            "%s\n  {\"rows\": %d, \"columns\": %d, \"starts\": %d, \"algorithm\": \"%s\", \"microseconds\": [%.3f, "
            "%.3f, "
            "%.3f], \"stepMicroseconds\": %.3f, \"cufftGraphMicroseconds\": [%.3f, %.3f, %.3f], \"ratio\": %.3f, "
            "\"floorMicroseconds\": %.3f, \"bytesPerPixel\": %.2f, \"cufftWay\": \"%s\", \"cufftTrials\": {",
            first ? "" : ",", c.rows, c.columns, c.starts, c.hio ? "hio" : "gs", t.least, t.median, t.most, s.median,
            p.least, p.median, p.most, p.median / t.median, floor, session.device_bytes() / work,
            peer ? peer->fastest().way.c_str() : missing.c_str());
      if (out && peer)
        for (const CufftPeer::Trial& trial : peer->trials())
          std::fprintf(out, "%s\"%s\": %.3f", &trial == &peer->trials()[0] ? "" : ", ", trial.way.c_str(),
                       trial.microseconds);
      if (out) std::fprintf(out, "}}");
      first = false;
    }
    if (first && only) throw std::runtime_error(std::string("REPHASE_BENCH_ONLY: there is no case ") + only);
    if (out) {
      std::fprintf(out, "\n]}\n");
      std::fclose(out);
    }
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
}
