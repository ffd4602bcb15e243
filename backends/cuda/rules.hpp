// The pixel rules: one line an algorithm, in the order of core/rules.hpp and of ALGORITHMS in src/types.ts. All of them
// so far take a·x + b·y with one pair (a, b) where the pixel is bad (negative inside the support, or outside it) and
// another where it is not, x being the previous iterate and y the new image; so a rule is four numbers, and one kernel
// serves all. A reflecting rule will need two numbers more, for the image to transform next.
#pragma once
namespace rephase::cuda {

enum class Algorithm { gerchberg_saxton, hybrid_input_output, input_output, output_output };

struct Rule {
  float bad_x, bad_y, good_x, good_y;
  bool keeps_iterate, reads_iterate;
};

constexpr bool has_memory(Algorithm algorithm) {
  return algorithm == Algorithm::hybrid_input_output || algorithm == Algorithm::input_output;
}
constexpr bool is_projection(Algorithm algorithm) {
  return algorithm == Algorithm::gerchberg_saxton;
}

// On the first iteration x is y where feedback is subtracted from it and 0 where it is kept, as the reference
// implementation (tuelwer/phase-retrieval) does.
inline Rule make_rule(Algorithm algorithm, float beta, bool first) {
  const float fed_back = first ? 0 : 1, beta_y = first ? 1 - beta : -beta;
  switch (algorithm) {
    case Algorithm::hybrid_input_output:
      return {fed_back, beta_y, 0, 1, true, !first};
    case Algorithm::input_output:
      return {fed_back, beta_y, fed_back, 0, true, !first};
    case Algorithm::output_output:
      return {0, 1 - beta, 0, 1, false, false};
    default:
      return {0, 0, 0, 1, false, false};
  }
}

}  // namespace rephase::cuda
