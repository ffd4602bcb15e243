// The addon's export `benchmark`: what bench/bindings measures the price of calls with. The library does not use it.
#pragma once
#include <napi.h>

namespace rephase::cuda {

Napi::Object benchmark_exports(Napi::Env env);

}  // namespace rephase::cuda
