#include "session_thread.hpp"

#include "environment.hpp"

namespace rephase::cuda {

SessionThread::SessionThread(std::shared_ptr<void> session, Environment& environment)
    : session_(std::move(session)), environment_(environment), thread_([this] { run(); }) {}

SessionThread::~SessionThread() {
  end();
  thread_.join();
}

void SessionThread::enqueue(Work work) {
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  const bool thread_has_session = having_session_ > 0;
  lock.unlock();
  if (thread_has_session) return hand_over(std::move(work));
  work();
}

void SessionThread::push(Task task) {
  const std::lock_guard lock(mutex_);
  having_session_ += task.has_session;
  tasks_.push_back(std::move(task));
  pushed_.notify_one();
}

void SessionThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    pushed_.wait(lock, [this] { return !tasks_.empty(); });
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    if (!task.work) break;
    std::exception_ptr failure = failure_;
    lock.unlock();
    if (!failure) try {
        task.work();
      } catch (...) {
        failure = std::current_exception();
      }
    task.work = nullptr;  // what it holds is let go of before anybody hears of it
    lock.lock();
    having_session_ -= task.has_session;
    if (task.promised)
      environment_.complete(task.promised, failure);
    else
      failure_ = failure;
  }
  lock.unlock();
  session_ = nullptr;
  environment_.ended(this);
}

}  // namespace rephase::cuda
