// The same of a complex object: C2C, and a support in place of positivity. Its rows are the first half, and the others
// are zero: one more way transforms rows and columns by plans of their own, and rows only where there is a support.
#include <functional>

#include "cufft_way.cuh"

namespace {

// Two pixels a thread: 16 bytes.
__global__ void clear_outside(float4* image, const uchar2* support, size_t pairs, float scale) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i >= pairs) return;
  float4 v = image[i];
  const uchar2 inside = support[i];
  const float first = inside.x ? scale : 0, second = inside.y ? scale : 0;
  image[i] = make_float4(v.x * first, v.y * first, v.z * second, v.w * second);
}

__global__ void fill(float* values, size_t count, unsigned seed) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i < count) values[i] = noise(i, seed);
}

// A quarter of each image.
__global__ void fill_support(unsigned char* support, size_t count, int n) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i < count) support[i] = i % n < n / 2 && i / n % n < n / 2;
}

// What all ways have in common: the arrays and how they begin. The first image is not within the support.
class ComplexWay : public CufftWay {
 public:
  void prepare() override {
    const size_t bytes = pairs_ * sizeof(float4), workspace = plan();
    const auto parts =
        allocate({bytes, in_place_ ? 0 : bytes, count_ * sizeof(float), pairs_ * sizeof(uchar2), workspace}, one_);
    spectrum_ = reinterpret_cast<float2*>(parts[0]);
    image_ = reinterpret_cast<float2*>(parts[in_place_ ? 0 : 1]);
    magnitudes_ = reinterpret_cast<float*>(parts[2]);
    support_ = reinterpret_cast<unsigned char*>(parts[3]);
    for (const int handle : handles_) give(handle, parts[4]);
    fill<<<blocks(2 * count_), 256, 0, stream_>>>(reinterpret_cast<float*>(image_), 2 * count_, 7);
    fill<<<blocks(count_), 256, 0, stream_>>>(magnitudes_, count_, 1);
    fill_support<<<blocks(count_), 256, 0, stream_>>>(support_, count_, n_);
    record(spectrum_, n_);
  }

 protected:
  ComplexWay(int n, int batch, bool in_place, bool one)
      : n_(n), batch_(batch), in_place_(in_place), one_(one), count_(size_t(n) * n * batch), pairs_((count_ + 1) / 2) {}

  // Makes the plans, adds their handles, and returns the bytes of the largest workspace.
  virtual size_t plan() = 0;

  void clear(float2* image, size_t pairs) {
    const float scale = 1 / (n_ * static_cast<float>(n_));
    clear_outside<<<blocks(pairs), 256, 0, stream_>>>(reinterpret_cast<float4*>(image),
                                                      reinterpret_cast<const uchar2*>(support_), pairs, scale);
  }
  void impose_all() { impose<<<blocks(count_), 256, 0, stream_>>>(spectrum_, magnitudes_, count_); }

  const int n_, batch_;
  const bool in_place_, one_;
  const size_t count_, pairs_;  // complex numbers, and pairs of them
  std::vector<int> handles_;
  float2 *spectrum_ = nullptr, *image_ = nullptr;

 private:
  float* magnitudes_ = nullptr;
  unsigned char* support_ = nullptr;
};

// Where the image lies, and whether there is one allocation. One plan transforms both ways.
class Way : public ComplexWay {
 public:
  Way(int n, int batch, bool in_place, bool one) : ComplexWay(n, batch, in_place, one) {
    way = std::string("C2C, ") + (in_place ? "in place" : "out of place") +
          (one ? ", one allocation" : ", separate allocations");
  }

 private:
  size_t plan() override {
    size_t workspace = 0;
    handles_ = {new_plan()};
    int shape[] = {n_, n_};
    require(batch_ == 1
                ? cufft().make_2d(handles_[0], n_, n_, kC2C, &workspace)
                : cufft().make_many(handles_[0], 2, shape, nullptr, 1, 0, nullptr, 1, 0, kC2C, batch_, &workspace),
            "planning");
    return workspace;
  }

  void iterate() override {
    require(cufft().execute_c2c(handles_[0], spectrum_, image_, kInverse), "transforming");
    clear(image_, pairs_);
    forward();
  }

  void forward() override {
    require(cufft().execute_c2c(handles_[0], image_, spectrum_, kForward), "transforming");
    impose_all();
  }
};

// Columns of the whole image, and the rows of the support: the forward transform begins from an array whose other rows
// stay zero.
class HalfOfTheRows : public ComplexWay {
 public:
  HalfOfTheRows(int n, int batch) : ComplexWay(n, batch, false, false) {
    way = "C2C, rows and columns apart, without empty rows";
  }

 private:
  size_t plan() override {
    size_t row_space = 0, column_space = 0;
    int length[] = {n_};
    rows_ = new_plan();
    columns_ = new_plan();
    handles_ = {rows_, columns_};
    require(cufft().make_many(rows_, 1, length, length, 1, n_, length, 1, n_, kC2C, n_ / 2, &row_space), "planning");
    require(cufft().make_many(columns_, 1, length, length, n_, 1, length, n_, 1, kC2C, n_, &column_space), "planning");
    return std::max(row_space, column_space);
  }

  void iterate() override {
    transform(columns_, spectrum_, spectrum_, kInverse);
    transform(rows_, spectrum_, spectrum_, kInverse);
    for (int i = 0; i < batch_; i++) clear(image_of(spectrum_, i), size_t(n_) * n_ / 4);
    transform(rows_, spectrum_, image_, kForward);
    transform(columns_, image_, spectrum_, kForward);
    impose_all();
  }

  void forward() override {
    const size_t half = size_t(n_) * n_ / 2;
    transform(rows_, image_, image_, kForward);
    for (int i = 0; i < batch_; i++)
      require(cufft().execute_c2c(rows_, image_of(image_, i) + half, image_of(image_, i) + half, kForward), "transforming");
    transform(columns_, image_, spectrum_, kForward);
    impose_all();
    for (int i = 0; i < batch_; i++)
      require(cudaMemsetAsync(image_of(image_, i) + half, 0, half * sizeof(float2), stream_), "clearing");
  }

  float2* image_of(float2* images, int i) const { return images + size_t(n_) * n_ * i; }
  void transform(int plan, float2* from, float2* to, int direction) {
    for (int i = 0; i < batch_; i++)
      require(cufft().execute_c2c(plan, image_of(from, i), image_of(to, i), direction), "transforming");
  }

  int rows_, columns_;
};

}  // namespace

std::unique_ptr<CufftPeer> fastest_complex_cufft(int n, int batch) {
  std::vector<std::function<std::unique_ptr<CufftWay>()>> ways;
  for (const bool in_place : {false, true})
    for (const bool one : {false, true}) ways.push_back([=] { return std::make_unique<Way>(n, batch, in_place, one); });
  ways.push_back([=] { return std::make_unique<HalfOfTheRows>(n, batch); });
  return fastest_of(n, batch, ways);
}
