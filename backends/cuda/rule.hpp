// A pixel rule as kernels take it: the ten coefficients of src/rules.ts, and what follows from them.
#pragma once
namespace rephase::cuda {

// x·(previous iterate) + y·(new image). A zero takes no part.
struct Combination {
  float x, y;
};
// An image that is made of a pixel, by whether it satisfies the constraint.
struct Image {
  Combination satisfied, violated;
};

// Plain rules need no more than what stands before `iterate`: kernels fetch their arguments line by line.
struct Rule {
  bool keeps_iterate;  // stores the new iterate
  bool reads_iterate;
  bool reflects;  // tests another image than y, or transforms another one than the iterate
  bool scales;    // only multiplies y
  Image next, iterate;
  Combination tested;
};

inline bool operator==(Combination a, Combination b) {
  return a.x == b.x && a.y == b.y;
}
inline bool operator==(const Image& a, const Image& b) {
  return a.satisfied == b.satisfied && a.violated == b.violated;
}
inline bool operator==(const Rule& a, const Rule& b) {
  return a.next == b.next && a.iterate == b.iterate && a.tested == b.tested && a.keeps_iterate == b.keeps_iterate;
}

// `coefficients`: in the order of src/rules.ts. A rule that reads the iterate keeps it in any case, and one whose two
// images differ: its iterate is the object, and cannot be made from the image that was transformed.
inline Rule make_rule(const double* coefficients, bool keeps_iterate) {
  Combination c[5];
  for (int i = 0; i < 5; i++)
    c[i] = {static_cast<float>(coefficients[2 * i]), static_cast<float>(coefficients[2 * i + 1])};
  Rule rule = {};
  rule.tested = c[0];
  rule.iterate = {c[1], c[3]};
  rule.next = {c[2], c[4]};
  const bool two_images = !(rule.iterate == rule.next);
  for (const Combination& each : c) rule.reads_iterate |= each.x != 0;
  rule.keeps_iterate = keeps_iterate || rule.reads_iterate || two_images;
  rule.reflects = two_images || !(rule.tested == Combination{0, 1});
  rule.scales = !rule.keeps_iterate && !rule.reflects;
  return rule;
}

// True when a second application changes nothing: the rule sets pixels to y or to 0.
inline bool is_projection(const Rule& rule) {
  const auto keeps_or_clears = [](Combination c) { return c.y == 0 || c.y == 1; };
  return rule.scales && keeps_or_clears(rule.next.satisfied) && keeps_or_clears(rule.next.violated);
}

}  // namespace rephase::cuda
