#pragma once

class CufftPeer {
 public:
  static constexpr int kIterations = 10;  // in a graph
  CufftPeer(int rows, int columns, int batch);
  ~CufftPeer();
  CufftPeer(const CufftPeer&) = delete;
  void run(int iterations);  // rounded up to whole graphs
  void wait();

 private:
  struct State;
  State* state_;
};
