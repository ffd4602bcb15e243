// What the files of exports share: how a function gets its name in the module, and objects of more than one class.
#pragma once
#include <memory>
#include <new>
#include <variant>

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace rephase {

// Owns an object of one of several classes, which have the same operations.
template <class... Kinds>
class OneOf {
 public:
  // False when memory ran out.
  template <class Kind, class... Arguments>
  bool make(const Arguments&... arguments) {
    auto& made = kinds_.template emplace<std::unique_ptr<Kind>>(new (std::nothrow) Kind(arguments...));
    return made && made->valid();
  }

  template <class F>
  auto with(F&& f) {
    return std::visit([&](auto& kind) { return f(*kind); }, kinds_);
  }

 private:
  std::variant<std::unique_ptr<Kinds>...> kinds_;
};

// A pointer to numbers of the precision of a session or a scan.
template <class S>
typename S::Number* numbers(const S&, void* p) {
  return static_cast<typename S::Number*>(p);
}
template <class S>
const typename S::Number* numbers(const S&, const void* p) {
  return static_cast<const typename S::Number*>(p);
}

}  // namespace rephase
