// A job for a scheduler that does nothing.
#pragma once

#include <caf/resumable.hpp>

namespace dbs::tests {

struct idle_job final : caf::resumable {
  subtype_t subtype() const override { return function_object; }
  resume_result resume(caf::execution_unit*, size_t) override { return done; }
  void intrusive_ptr_add_ref_impl() override {}
  void intrusive_ptr_release_impl() override {}
};

} // namespace dbs::tests
