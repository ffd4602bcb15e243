// A pixel rule as kernels take it: the ten coefficients of src/rules.ts, and what follows from them.
#pragma once
#include <algorithm>

namespace rephase::cuda {

// x·(previous iterate) + y·(new image). A zero takes no part.
struct Combination {
  float x, y;
};
struct Update {
  Combination iterate, next;
};

struct Rule {
  Combination tested;
  Update satisfied, violated;
  bool keeps_iterate;  // stores the new iterate
  bool reads_iterate;
  bool reflects;  // tests another image than y, or transforms another one than the iterate
  bool scales;    // only multiplies y
};

// `coefficients`: in the order of src/rules.ts. A rule that reads the iterate keeps it in any case, and one whose two
// images differ: its iterate is the object, and cannot be made from the image that was transformed.
inline Rule make_rule(const double* coefficients, bool keeps_iterate) {
  float c[10];
  std::copy_n(coefficients, 10, c);
  Rule rule = {{c[0], c[1]}, {{c[2], c[3]}, {c[4], c[5]}}, {{c[6], c[7]}, {c[8], c[9]}}, false, false, false, false};
  const bool two_images = c[2] != c[4] || c[3] != c[5] || c[6] != c[8] || c[7] != c[9];
  rule.reads_iterate = c[0] != 0 || c[2] != 0 || c[4] != 0 || c[6] != 0 || c[8] != 0;
  rule.keeps_iterate = keeps_iterate || rule.reads_iterate || two_images;
  rule.reflects = two_images || c[0] != 0 || c[1] != 1;
  rule.scales = !rule.keeps_iterate && !rule.reflects;
  return rule;
}

// True when a second application changes nothing: the rule sets pixels to y or to 0.
inline bool is_projection(const Rule& rule) {
  const auto keeps_or_clears = [](Combination c) { return c.y == 0 || c.y == 1; };
  return rule.scales && keeps_or_clears(rule.satisfied.next) && keeps_or_clears(rule.violated.next);
}

inline bool operator==(Combination a, Combination b) {
  return a.x == b.x && a.y == b.y;
}
inline bool operator==(const Update& a, const Update& b) {
  return a.iterate == b.iterate && a.next == b.next;
}
inline bool operator==(const Rule& a, const Rule& b) {
  return a.tested == b.tested && a.satisfied == b.satisfied && a.violated == b.violated &&
         a.keeps_iterate == b.keeps_iterate;
}

}  // namespace rephase::cuda
