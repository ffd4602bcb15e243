// A session, of an image or of a scan, and the thread that waits for it, so that the event loop never does and libuv's
// threads stay free for files. The event loop enqueues work on the device by itself, which takes microseconds. What
// takes long, because it has to wait for the device or moves whole images, is done by the thread: reading, writing and,
// at the end, freeing. While the thread reads or writes, what the event loop would enqueue queues up behind, so that
// calls take effect in their order.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace rephase::cuda {

class Environment;
struct Promised;

class SessionThread {
 public:
  using Work = std::function<void()>;

  // The thread lets go of the session when it ends.
  SessionThread(std::shared_ptr<void> session, Environment& environment);
  // Ends the thread, and waits for it.
  ~SessionThread();

  // The rest is called on the event loop.

  // Does the work here and now, unless the thread has the session. Throws what fails here or has failed there.
  void enqueue(Work work);
  // The thread does the work, after what was handed over before.
  void hand_over(Work work, Promised* promised = nullptr) { push({std::move(work), promised, true}); }
  // The thread does this work too, but it only waits, so the event loop may enqueue meanwhile.
  void wait_for(Work work, Promised* promised) { push({std::move(work), promised, false}); }
  // Lets the thread free the session and return when it has done everything else.
  void end() { push({}); }

 private:
  struct Task {
    Work work;  // none: the end
    Promised* promised = nullptr;
    bool has_session = false;
  };
  void push(Task task);
  void run();

  std::shared_ptr<void> session_;
  Environment& environment_;
  std::mutex mutex_;
  std::condition_variable pushed_;
  std::deque<Task> tasks_;
  int having_session_ = 0;  // tasks that do, waiting or under way
  // The failure of a task without a promise. After it the session's state is unknown, so everything else fails as well.
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace rephase::cuda
