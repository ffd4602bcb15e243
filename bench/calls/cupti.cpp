// What the driver's own profiler (CUPTI) counts: copies by direction, kernels, and device memory. A Node addon of its
// own, compiled by cupti.mjs where there is a CUDA toolkit, so that a session's counters have an independent witness.
// To be loaded before anything uses CUDA.
#include <cupti.h>
#include <node_api.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

namespace {

constexpr size_t kBufferBytes = size_t{1} << 22;

struct Counts {
  double uploads, uploadedBytes, downloads, downloadedBytes, deviceCopies, deviceCopiedBytes, otherCopies;
  double kernels, kernelSeconds;
  double deviceBytes, peakDeviceBytes, pageLockedBytes, dropped;
} counts;
bool watches_memory = false;
std::mutex counting;

void count_copy(const CUpti_ActivityMemcpy6& copy) {
  const double bytes = static_cast<double>(copy.bytes);
  switch (copy.copyKind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      counts.uploads++;
      counts.uploadedBytes += bytes;
      break;
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      counts.downloads++;
      counts.downloadedBytes += bytes;
      break;
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD:
      counts.deviceCopies++;
      counts.deviceCopiedBytes += bytes;
      break;
    default:
      counts.otherCopies++;
  }
}

void count_memory(const CUpti_ActivityMemory4& memory) {
  const bool taken = memory.memoryOperationType == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_ALLOCATION;
  if (!taken && memory.memoryOperationType != CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE) return;
  const double bytes = (taken ? 1.0 : -1.0) * static_cast<double>(memory.bytes);
  if (memory.memoryKind == CUPTI_ACTIVITY_MEMORY_KIND_PINNED) counts.pageLockedBytes += bytes;
  if (memory.memoryKind != CUPTI_ACTIVITY_MEMORY_KIND_DEVICE) return;
  counts.deviceBytes += bytes;
  counts.peakDeviceBytes = std::max(counts.peakDeviceBytes, counts.deviceBytes);
}

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* size, size_t* records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *size = *buffer ? kBufferBytes : 0;
  *records = 0;
}

void CUPTIAPI take_buffer(CUcontext context, uint32_t stream, uint8_t* buffer, size_t, size_t valid) {
  const std::lock_guard lock(counting);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      count_copy(*reinterpret_cast<CUpti_ActivityMemcpy6*>(record));
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMORY2) {
      count_memory(*reinterpret_cast<CUpti_ActivityMemory4*>(record));
    } else if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      const auto& kernel = *reinterpret_cast<CUpti_ActivityKernel10*>(record);
      counts.kernels++;
      counts.kernelSeconds += 1e-9 * static_cast<double>(kernel.end - kernel.start);
    }
  }
  size_t dropped = 0;
  if (cuptiActivityGetNumDroppedRecords(context, stream, &dropped) == CUPTI_SUCCESS)
    counts.dropped += static_cast<double>(dropped);
  std::free(buffer);
}

napi_value fail(napi_env env, const char* doing, CUptiResult status) {
  const char* why = nullptr;
  cuptiGetResultString(status, &why);
  napi_throw_error(env, doing, why ? why : "CUPTI failed");
  return nullptr;
}

// Everything counted so far; whoever asks has waited for the device.
napi_value read_counts(napi_env env, napi_callback_info) {
  const CUptiResult status = cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  if (status != CUPTI_SUCCESS) return fail(env, "CUPTI_FLUSH", status);
  const std::lock_guard lock(counting);
  napi_value result, value;
  napi_create_object(env, &result);
  const auto set = [&](const char* name, double number) {
    napi_create_double(env, number, &value);
    napi_set_named_property(env, result, name, value);
  };
  set("uploads", counts.uploads);
  set("uploadedBytes", counts.uploadedBytes);
  set("downloads", counts.downloads);
  set("downloadedBytes", counts.downloadedBytes);
  set("deviceCopies", counts.deviceCopies);
  set("deviceCopiedBytes", counts.deviceCopiedBytes);
  set("otherCopies", counts.otherCopies);
  set("kernels", counts.kernels);
  set("kernelSeconds", counts.kernelSeconds);
  if (watches_memory) {
    set("deviceBytes", counts.deviceBytes);
    set("peakDeviceBytes", counts.peakDeviceBytes);
    set("pageLockedBytes", counts.pageLockedBytes);
  }
  set("dropped", counts.dropped);
  return result;
}

// The peak from now on.
napi_value reset_peak(napi_env, napi_callback_info) {
  cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  const std::lock_guard lock(counting);
  counts.peakDeviceBytes = counts.deviceBytes;
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  CUptiResult status = cuptiActivityRegisterCallbacks(give_buffer, take_buffer);
  if (status == CUPTI_SUCCESS) status = cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
  // Without these there are still the copies.
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  watches_memory = cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMORY2) == CUPTI_SUCCESS;
  if (status != CUPTI_SUCCESS) return fail(env, "CUPTI_ENABLE", status);
  napi_value function;
  napi_create_function(env, "counts", NAPI_AUTO_LENGTH, read_counts, nullptr, &function);
  napi_set_named_property(env, exports, "counts", function);
  napi_create_function(env, "resetPeak", NAPI_AUTO_LENGTH, reset_peak, nullptr, &function);
  napi_set_named_property(env, exports, "resetPeak", function);
  return exports;
}
