namespace {

__global__ void trap() {
  __trap();
}

}  // namespace

// A kernel that ends its device for this process.
void start_trap() {
  trap<<<1, 1>>>();
}
