// For functions that the CUDA backend calls on the device.
#pragma once

#ifdef __CUDACC__
#define REPHASE_ON_DEVICE_TOO __host__ __device__
#else
#define REPHASE_ON_DEVICE_TOO
#endif
