// S3-FIFO: three queues and no lists that are relinked on a hit.
//
// Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction (SOSP'23).
// New entries go into a small queue of a tenth of the cache. Those that are hit there go on
// to the main queue, the others leave and are remembered by a ghost queue; a key that comes
// back while it is remembered goes into the main queue at once. The main queue gives an
// entry another turn for each of its hits.
#pragma once

#include "dbs/runtime/cache/eviction_policy.hpp"

#include <memory>

namespace dbs::cache {

std::unique_ptr<eviction_policy> make_s3_fifo();

} // namespace dbs::cache
