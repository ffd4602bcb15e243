// The functions of the WebAssembly module for scans, as exports.cpp has them for images. What each operation promises
// stands in src/backends/interface.ts.
#include "exports.hpp"
#include "scan.hpp"

using namespace rephase;

namespace {

// A scan of either precision, and the rule of its next operations.
struct AnyScan : OneOf<Scan<float>, Scan<double>> {
  ScanRule rule;
};

ScanShape shape_of(double positions, double rows, double columns, double object_rows, double object_columns,
                   double modes, double batch) {
  const auto size = [](double n) { return static_cast<size_t>(n); };
  return {size(positions),      size(rows),  size(columns), size(object_rows),
          size(object_columns), size(modes), size(batch)};
}

}  // namespace

EXPORT(rephase_scan_bytes_needed)
double rephase_scan_bytes_needed(int precision, double positions, double rows, double columns, double object_rows,
                                 double object_columns, double modes, double batch, int keeps_waves) {
  const auto needed = precision == sizeof(float) ? Scan<float>::bytes_needed : Scan<double>::bytes_needed;
  return needed(shape_of(positions, rows, columns, object_rows, object_columns, modes, batch), keeps_waves);
}

// 0 when memory ran out.
EXPORT(rephase_scan_create)
AnyScan* rephase_scan_create(int precision, double positions, double rows, double columns, double object_rows,
                             double object_columns, double modes, double batch, int keeps_waves) {
  const ScanShape shape = shape_of(positions, rows, columns, object_rows, object_columns, modes, batch);
  AnyScan* const scan = new (std::nothrow) AnyScan;
  if (!scan) return nullptr;
  const bool is_made = precision == sizeof(float) ? scan->make<Scan<float>>(shape, keeps_waves != 0)
                                                  : scan->make<Scan<double>>(shape, keeps_waves != 0);
  if (is_made) return scan;
  delete scan;
  return nullptr;
}

EXPORT(rephase_scan_destroy) void rephase_scan_destroy(AnyScan* scan) {
  delete scan;
}

// The rule of the operations that follow: numbers in the order of `scanNumbers` in src/scan-rules.ts.
EXPORT(rephase_scan_use_rule)
void rephase_scan_use_rule(AnyScan* scan, double keeps_waves, double a, double b, double c, double least_squares,
                           double ridge, double alpha, double step, double updates_probe) {
  scan->rule = {keeps_waves != 0, a, b, c, least_squares != 0, ridge, alpha, step, updates_probe != 0};
}

// counts: rows × columns numbers of the scan's precision; mask: as many bytes, or 0.
EXPORT(rephase_scan_set_pattern)
void rephase_scan_set_pattern(AnyScan* scan, uint32_t position, const void* counts, const uint8_t* mask) {
  scan->with([&](auto& s) { s.set_pattern(position, numbers(s, counts), mask); });
}

EXPORT(rephase_scan_set_positions) void rephase_scan_set_positions(AnyScan* scan, const double* positions) {
  scan->with([&](auto& s) { s.set_positions(positions); });
}

EXPORT(rephase_scan_positions) const double* rephase_scan_positions(AnyScan* scan) {
  return scan->with([](auto& s) { return s.positions(); });
}

EXPORT(rephase_scan_write_object) void rephase_scan_write_object(AnyScan* scan, const void* in) {
  scan->with([&](auto& s) { s.write_object(numbers(s, in)); });
}

EXPORT(rephase_scan_read_object) void rephase_scan_read_object(AnyScan* scan, void* out) {
  scan->with([&](auto& s) { s.read_object(numbers(s, out)); });
}

EXPORT(rephase_scan_write_probe) void rephase_scan_write_probe(AnyScan* scan, const void* in) {
  scan->with([&](auto& s) { s.write_probe(numbers(s, in)); });
}

EXPORT(rephase_scan_read_probe) void rephase_scan_read_probe(AnyScan* scan, void* out) {
  scan->with([&](auto& s) { s.read_probe(numbers(s, out)); });
}

EXPORT(rephase_scan_write_waves) void rephase_scan_write_waves(AnyScan* scan, const void* in) {
  scan->with([&](auto& s) { s.write_waves(numbers(s, in)); });
}

EXPORT(rephase_scan_read_waves) void rephase_scan_read_waves(AnyScan* scan, void* out) {
  scan->with([&](auto& s) { s.read_waves(numbers(s, out)); });
}

EXPORT(rephase_scan_forward)
int rephase_scan_forward(AnyScan* scan, const uint32_t* batch, uint32_t count, int first) {
  return scan->with([&](auto& s) { return s.forward(batch, count, first != 0, scan->rule); });
}

EXPORT(rephase_scan_constrain_fourier) void rephase_scan_constrain_fourier(AnyScan* scan) {
  scan->with([&](auto& s) { s.constrain_fourier(scan->rule); });
}

EXPORT(rephase_scan_inverse) void rephase_scan_inverse(AnyScan* scan) {
  scan->with([](auto& s) { s.inverse(); });
}

EXPORT(rephase_scan_constrain_object) void rephase_scan_constrain_object(AnyScan* scan, int last) {
  scan->with([&](auto& s) { s.constrain_object(last != 0, scan->rule); });
}

EXPORT(rephase_scan_iterate)
int rephase_scan_iterate(AnyScan* scan, const uint32_t* order, uint32_t begin, uint32_t end) {
  return scan->with([&](auto& s) { return s.iterate(order, begin, end, scan->rule); });
}

EXPORT(rephase_scan_correct_positions) int rephase_scan_correct_positions(AnyScan* scan, double most) {
  return scan->with([&](auto& s) { return s.correct_positions(most); });
}

EXPORT(rephase_scan_model_counts) double rephase_scan_model_counts(AnyScan* scan) {
  return scan->with([](auto& s) { return s.model_counts(); });
}

EXPORT(rephase_scan_measured_counts) double rephase_scan_measured_counts(AnyScan* scan) {
  return scan->with([](auto& s) { return s.measured_counts(); });
}

EXPORT(rephase_scan_records) uint32_t rephase_scan_records(AnyScan* scan) {
  return scan->with([](auto& s) { return s.records(); });
}

EXPORT(rephase_scan_take_residuals) uint32_t rephase_scan_take_residuals(AnyScan* scan, double* out) {
  return scan->with([&](auto& s) { return s.take_residuals(out); });
}
