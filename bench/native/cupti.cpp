// What CUDA does, counted by the driver's own profiler (CUPTI): copies between host and device, and device memory. It is
// the counter that a session's own counts are compared with. An addon by itself, because it needs a CUDA toolkit where it
// runs. Load it before anything uses CUDA.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#include <cupti.h>
#include <napi.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

namespace {

constexpr size_t kBufferBytes = size_t{1} << 22;

struct Counts {
  double uploads, uploaded_bytes, downloads, downloaded_bytes, device_bytes, peak_device_bytes;
  size_t dropped;
} counts;
std::mutex counting;  // CUPTI hands its records over on a thread of its own

void count_copy(const CUpti_ActivityMemcpy6& copy) {
  const double bytes = static_cast<double>(copy.bytes);
  if (copy.copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_HTOD) {
    counts.uploads++;
    counts.uploaded_bytes += bytes;
  } else if (copy.copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_DTOH) {
    counts.downloads++;
    counts.downloaded_bytes += bytes;
  }
}

void count_memory(const CUpti_ActivityMemory4& memory) {
  if (memory.memoryKind != CUPTI_ACTIVITY_MEMORY_KIND_DEVICE) return;
  const double bytes = static_cast<double>(memory.bytes);
  if (memory.memoryOperationType == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_ALLOCATION) counts.device_bytes += bytes;
  if (memory.memoryOperationType == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE) counts.device_bytes -= bytes;
  counts.peak_device_bytes = std::max(counts.peak_device_bytes, counts.device_bytes);
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
    if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) count_copy(*reinterpret_cast<CUpti_ActivityMemcpy6*>(record));
    if (record->kind == CUPTI_ACTIVITY_KIND_MEMORY2) count_memory(*reinterpret_cast<CUpti_ActivityMemory4*>(record));
  }
  size_t dropped = 0;
  if (cuptiActivityGetNumDroppedRecords(context, stream, &dropped) == CUPTI_SUCCESS) counts.dropped += dropped;
  std::free(buffer);
}

void check(CUptiResult status) {
  const char* why = nullptr;
  if (status == CUPTI_SUCCESS) return;
  cuptiGetResultString(status, &why);
  throw std::runtime_error(why ? why : "CUPTI failed");
}

// Everything so far, for a caller that has waited for the device. The peak is the one since the last reading.
Napi::Value read_counts(const Napi::CallbackInfo& info) {
  check(cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED));
  const std::lock_guard lock(counting);
  if (counts.dropped > 0) throw std::runtime_error("CUPTI lost records");
  Napi::Object result = Napi::Object::New(info.Env());
  result["uploads"] = counts.uploads;
  result["uploadedBytes"] = counts.uploaded_bytes;
  result["downloads"] = counts.downloads;
  result["downloadedBytes"] = counts.downloaded_bytes;
  result["deviceBytes"] = counts.device_bytes;
  result["peakDeviceBytes"] = counts.peak_device_bytes;
  counts.peak_device_bytes = counts.device_bytes;
  return result;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  check(cuptiActivityRegisterCallbacks(give_buffer, take_buffer));
  check(cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY));
  check(cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMORY2));
  exports.Set("counts", Napi::Function::New<read_counts>(env));
  return exports;
}

NODE_API_MODULE(rephase_cupti, initialize)

}  // namespace
