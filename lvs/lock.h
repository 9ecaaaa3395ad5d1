/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_LOCK_H
#define LVS_LOCK_H

#include <pthread.h>

/*
 * A lock for a few instructions, for threads that may share a CPU. Not a spin lock: whoever waited
 * for a holder that lost the CPU would burn the rest of a time slice, milliseconds. This one spins
 * for as long as a holder that runs would take, and then sleeps, so the holder gets the CPU.
 */
static inline void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

#endif
