/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_RCU_H
#define LVS_RCU_H

/* The RCU flavour of nfvs, named here once: liburcu's default (memb). Every thread that reads
 * services or connections registers itself with rcu_register_thread(). */
#include <urcu.h>
#include <urcu/list.h>
#include <urcu/rculist.h>
#include <urcu/rculfhash.h>

/*
 * liburcu orders memory with inline assembly and lives in a library built without ThreadSanitizer,
 * so TSan cannot see that an object is complete before it is published and unread before it is
 * freed. These marks say it, rcu_read_unlock() says that a grace period waits for readers, and
 * rcu_barrier() that it waits for what was freed; without TSan they are nothing.
 *
 * RCU_PUBLISHED(p)  just before p is made reachable      RCU_FOUND(p)    just after p was reached
 * RCU_LEFT(p)       just before call_rcu() for p         RCU_RECLAIM(p)  first line of p's free
 * RCU_RECLAIMED()   last line of it, if somebody waits for it with rcu_barrier()
 */
#if defined(__SANITIZE_THREAD__)
#define LVS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LVS_TSAN 1
#endif
#endif

#ifdef LVS_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define RCU_PUBLISHED(p) __tsan_release((void *)(p))
#define RCU_FOUND(p)	 __tsan_acquire((void *)(p))
#define RCU_LEFT(p)	 __tsan_release((void *)(p))
#define RCU_RECLAIM(p)	 (__tsan_acquire((void *)(p)), __tsan_acquire(&rcu_readers))

#define RCU_RECLAIMED() __tsan_release(&rcu_reclaimed)

/* One in the program each: their addresses stand for all readers, and for all that was freed. */
__attribute__((weak)) char rcu_readers, rcu_reclaimed;

static inline void rcu_read_leave(void)
{
	__tsan_release(&rcu_readers);
	rcu_read_unlock();
}

static inline void rcu_await(void)
{
	rcu_barrier();
	__tsan_acquire(&rcu_reclaimed);
}

#undef rcu_read_unlock
#define rcu_read_unlock rcu_read_leave
#undef rcu_barrier
#define rcu_barrier rcu_await
#else
#define RCU_PUBLISHED(p) ((void)(p))
#define RCU_FOUND(p)	 ((void)(p))
#define RCU_LEFT(p)	 ((void)(p))
#define RCU_RECLAIM(p)	 ((void)(p))
#define RCU_RECLAIMED()	 ((void)0)
#endif

#endif
