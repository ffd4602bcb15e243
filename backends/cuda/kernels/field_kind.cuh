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

template <class Field>
FieldKind with_kernels_of(bool is_hermitian) {
  FieldKind kind;
  kind.is_hermitian = is_hermitian;
  kind.pixel_floats = Field::pixel_floats;
  kind.rows_per_line = Field::rows_per_line;
  kind.spectrum_scale = Field::spectrum_scale;
  kind.stored_columns = Field::stored_columns;
  kind.packs = Field::packs;
  kind.any_rows = any_rows<Field, true>;
  kind.any_rows_in_scratch = any_rows<Field, false>;
  kind.find_thresholds = find_thresholds<Field>;
  kind.constrain_object = constrain_object<Field>;
  kind.blur_rows = blur_rows<Field>;
  return kind;
}

inline FieldKind real_kind() {
  FieldKind kind = with_kernels_of<RealField>(true);
  kind.find_fast_row = find_fast_row_of_real;
  kind.encode_magnitudes = real_spectrum::encode_magnitudes;
  kind.start_from_seed = real_spectrum::start_from_seed;
  kind.write_spectrum = real_spectrum::write_spectrum;
  kind.read_spectrum = real_spectrum::read_spectrum;
  return kind;
}

inline FieldKind complex_kind() {
  FieldKind kind = with_kernels_of<ComplexField>(false);
  kind.find_fast_row = find_fast_row_of_complex;
  kind.encode_magnitudes = complex_spectrum::encode_magnitudes;
  kind.start_from_seed = complex_spectrum::start_from_seed;
  kind.write_spectrum = complex_spectrum::write_spectrum;
  kind.read_spectrum = complex_spectrum::read_spectrum;
  return kind;
}

}  // namespace rephase::cuda
