// What a session does otherwise for one kind of object than for another.
#pragma once
#include "../fields/complex.cuh"
#include "../fields/real.cuh"
#include "any_length.cuh"
#include "complex_spectrum.cuh"
#include "constrain_object.cuh"
#include "fast_lines.hpp"
#include "real_spectrum.cuh"
#include "shrink.cuh"
#include "support_size.cuh"

namespace rephase::cuda {

struct FieldKind {
  // What -k holds follows from k: a spectrum that is written becomes the Hermitian part of it.
  bool is_hermitian;
  int pixel_floats, rows_per_line;
  float spectrum_scale;  // how many times its value a number of the spectrum is
  int (*stored_columns)(int columns);
  bool (*packs)(int columns);

  const FastLine* (*find_fast_row)(int length, double rows);
  decltype(&any_rows<RealField, true>) any_rows, any_rows_in_scratch;
  decltype(&rephase::cuda::find_thresholds<RealField>) find_thresholds;
  decltype(&rephase::cuda::constrain_object<RealField>) constrain_object;
  decltype(&rephase::cuda::blur_rows<RealField>) blur_rows;
  decltype(&real_spectrum::encode_magnitudes) encode_magnitudes;
  decltype(&real_spectrum::start_from_seed) start_from_seed;
  decltype(&real_spectrum::write_spectrum) write_spectrum;
  decltype(&real_spectrum::read_spectrum) read_spectrum;
};

// The kernels that know how a spectrum lies in memory are not templates of the field: they come from real_spectrum.cuh
// or complex_spectrum.cuh.
template <class Field>
FieldKind kind_of_field(bool is_hermitian, decltype(FieldKind::find_fast_row) find_fast_row,
                        decltype(FieldKind::encode_magnitudes) encode_magnitudes,
                        decltype(FieldKind::start_from_seed) start_from_seed,
                        decltype(FieldKind::write_spectrum) write_spectrum,
                        decltype(FieldKind::read_spectrum) read_spectrum) {
  return {is_hermitian,           Field::pixel_floats,    Field::rows_per_line,    Field::spectrum_scale,
          Field::stored_columns,  Field::packs,           find_fast_row,           any_rows<Field, true>,
          any_rows<Field, false>, find_thresholds<Field>, constrain_object<Field>, blur_rows<Field>,
          encode_magnitudes,      start_from_seed,        write_spectrum,          read_spectrum};
}

inline FieldKind real_kind() {
  using namespace real_spectrum;
  return kind_of_field<RealField>(true, find_fast_row_of_real, encode_magnitudes, start_from_seed, write_spectrum,
                                  read_spectrum);
}
inline FieldKind complex_kind() {
  using namespace complex_spectrum;
  return kind_of_field<ComplexField>(false, find_fast_row_of_complex, encode_magnitudes, start_from_seed,
                                     write_spectrum, read_spectrum);
}

}  // namespace rephase::cuda
