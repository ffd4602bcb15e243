// The threshold of the k largest positive pixels: exact where it must be, within the tolerance elsewhere, and found in
// few passes where the image is like the last.
#include "support_size.hpp"

#include <algorithm>

#include "check.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

template <class T>
struct Image {
  std::vector<T> pixels;
  size_t passes = 0;

  size_t above(T t) const {
    return static_cast<size_t>(std::count_if(pixels.begin(), pixels.end(), [=](T x) { return x > t; }));
  }
  T threshold(size_t k, size_t tolerance, T& guess) {
    passes = 0;
    return threshold_of_largest(k, tolerance, guess, [&](T t) { return passes++, above(t); });
  }
};

template <class T>
void check_precision(const std::string& name) {
  const std::vector<double> numbers = normal_numbers(2000, 1);
  for (double size : {1e-30, 1e-3, 1.0, 1e30}) {
    Image<T> image;
    for (double x : numbers) image.pixels.push_back(static_cast<T>(size * x));
    T guess = 1;
    for (size_t k : {1, 7, 199, 500, 900}) {
      check(image.above(image.threshold(k, 0, guess)) == k, name + ": exactly " + std::to_string(k));
      check(image.above(guess) == k, name + ": the next guess");
    }
    check(image.threshold(1999, 9, guess) == 0, name + ": all that are positive");
    check(guess > 0, name + ": a guess to go on from");
  }

  // Images that change by a few per cent, as in an iteration.
  Image<T> image;
  T guess = 1;
  size_t passes = 0;
  for (unsigned i = 0; i < 200; i++) {
    const std::vector<double> change = normal_numbers(2000, i + 2);
    image.pixels.clear();
    for (size_t j = 0; j < numbers.size(); j++) image.pixels.push_back(static_cast<T>(numbers[j] + 0.05 * change[j]));
    const size_t found = image.above(image.threshold(800, 4, guess));
    check(found >= 796 && found <= 804, name + ": within the tolerance");
    passes += image.passes;
  }
  check(passes <= 600, name + ": three passes an image at most");

  image.pixels = {3, 2, 2, 2, 1, -1, -5};
  guess = T(0.01);
  check(image.threshold(3, 0, guess) == 2, name + ": pixels that equal the first one left out");
  check(image.threshold(5, 0, guess) < 1, name + ": as many as are positive");
  image.pixels.assign(9, std::numeric_limits<T>::infinity());
  check(image.above(image.threshold(4, 0, guess)) == 0, name + ": infinite pixels");
  image.pixels.assign(9, std::numeric_limits<T>::quiet_NaN());
  check(image.threshold(4, 0, guess) == 0, name + ": no numbers");
  image.pixels = {3, 2, 1};
  check(image.above(image.threshold(2, 0, guess)) == 2, name + ": numbers after that");
}

}  // namespace

int main() {
  check_precision<float>("float");
  check_precision<double>("double");
  return report("support size");
}
