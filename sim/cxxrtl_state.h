// The state of a compiled core: registers and memories in place of CXXRTL's own.
//
// CXXRTL compares each register's next value with the present one, to know whether to evaluate once
// more, and queues a write for each memory port in each cycle. A core has one clock and no feedback,
// so one evaluation is all there is to a step: registers are copied without a look, and only writes
// that change something are queued. Code that CXXRTL generates finds these names before its own.

#pragma once

#include <cxxrtl/cxxrtl.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace cxxrtl_design {

// Who commits with this does not want to know what has changed.
struct Unobserved {};

template <size_t Bits>
struct wire {
    cxxrtl::value<Bits> curr, next;

    wire() = default;
    template <typename... Init>
    explicit constexpr wire(Init... init) : curr{init...}, next{init...} {}
    wire(const wire &) = delete;
    wire &operator=(const wire &) = delete;
    wire(wire &&) = default;
    wire &operator=(wire &&) = default;

    template <class Integer>
    Integer get() const { return curr.template get<Integer>(); }
    template <class Integer>
    void set(Integer other) { next.template set<Integer>(other); }

    template <class Observer>
    CXXRTL_ALWAYS_INLINE bool commit(Observer &) {
        bool changed = !std::is_same_v<Observer, Unobserved> && curr != next;
        curr = next;
        return changed;
    }
};

template <size_t Width>
struct memory {
    using Value = cxxrtl::value<Width>;
    struct write {
        size_t index;
        Value value, mask;
        int priority;
    };

    size_t depth;
    std::unique_ptr<Value[]> data;
    std::vector<write> queue;

    explicit memory(size_t depth) : depth(depth), data(new Value[depth]) {}

    const Value &operator[](size_t index) const { return data[index]; }
    Value &operator[](size_t index) { return data[index]; }

    void update(size_t index, const Value &value, const Value &mask, int priority) {
        if (mask)
            enqueue(write{index, value, mask, priority});
    }

    template <class Observer>
    CXXRTL_ALWAYS_INLINE bool commit(Observer &) { return !queue.empty() && apply(); }

private:
    __attribute__((noinline)) void enqueue(const write &added) {
        auto later = [](int priority, const write &other) { return priority < other.priority; };
        queue.insert(std::upper_bound(queue.begin(), queue.end(), added.priority, later), added);
    }

    __attribute__((noinline)) bool apply() {
        bool changed = false;
        for (const write &entry : queue) {
            Value element = data[entry.index].update(entry.value, entry.mask);
            changed |= data[entry.index] != element;
            data[entry.index] = element;
        }
        queue.clear();
        return changed;
    }
};

} // namespace cxxrtl_design
