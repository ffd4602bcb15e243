// Fourier rules with weights: what is imposed on a frequency is what was imposed last, changed by what came out. The
// column pass changes it. Its norm is known when all columns have been through, with the residual, and is made up for
// in the next iteration: the object, whose sizes are known, does not depend on it, unless some frequencies have no
// weights. Of complex objects only.
#pragma once
#include "constraint.cuh"

namespace rephase::cuda {

// Parts of a column, or of one thread's share of it.
struct WeighedSums {
  float residual = 0, power = 0;  // (|C| - M)², and |what is imposed|²
};

// For one column of a start.
struct Weigh {
  FourierRule rule;
  float gain;  // makes up for the norm of what was imposed last

  __device__ Weigh(const View& v, const FourierRule& rule, int start) : rule(rule), gain(v.weights.gains[start]) {}

  // What becomes of C, whose magnitude is m; `imposed` changes with it.
  __device__ Complex operator()(Complex c, float m, Complex& imposed, WeighedSums& sums) const {
    if (isinf(m)) return rule.unmeasured * c;
    const float square = fmaf(c.x, c.x, c.y * c.y);
    const bool zero = square < FLT_MIN;
    const float inverse = zero ? 0 : inverse_root(square), d = fmaf(square, inverse, -m);
    sums.residual += d * d;
    const float ratio = m * inverse;
    const float factor = gain * (zero ? 1 : rule.exponent == 1 ? ratio : __powf(ratio, rule.exponent));
    const Complex last = imposed;
    if (rule.keeps_phases) {
      imposed = factor * last;
    } else {
      const float size = factor * sqrtf(fmaf(last.x, last.x, last.y * last.y));
      imposed = zero ? Complex{size, 0} : size * inverse * c;
    }
    sums.power += fmaf(imposed.x, imposed.x, imposed.y * imposed.y);
    return imposed;
  }
};

}  // namespace rephase::cuda
