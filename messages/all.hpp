// Every message type, complete: for the registration of meta objects.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/messages/call_context.hpp"
#include "dbs/messages/errc.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/field.hpp"
#include "dbs/messages/health/health.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/messages/postgres/listener.hpp"
#include "dbs/messages/postgres/params.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/messages/postgres/result.hpp"
#include "dbs/messages/redis/redis.hpp"
