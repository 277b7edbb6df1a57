/* Tells whether somebody holds the interpreter's lock, without asking for it.

   Whoever waits for the lock is woken each time that it is free for a moment, which costs the thread that let it go more
   than a slice of our work takes; and mostly it is taken again by then. */
#define Py_BUILD_CORE_MODULE 1 /* where the lock is, is the interpreter's own to know */
#include "parts.h"

#if defined(__has_include) && PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)
#if __has_include("internal/pycore_runtime.h") && __has_include("internal/pycore_interp.h")
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#define KNOWS_LOCK 1
#endif
#endif

static const volatile int *lock; /* not 0 while it is held; NULL where that cannot be known */

/* Find it; only what says that it is held, as it is at this moment, is taken for it. */
void
hot_find_lock(void)
{
#ifdef KNOWS_LOCK
#if PY_VERSION_HEX < 0x030C0000
    const volatile int *found = (const volatile int *)&_PyRuntime.ceval.gil.locked;
#else
    const volatile int *found = (const volatile int *)&PyInterpreterState_Get()->ceval.gil->locked;
#endif
    if (*found == 1)
        lock = found;
#endif
}

/* Whether it is held; a guess, since it may change meanwhile. Called without it. */
int
hot_is_lock_held(void)
{
    return lock != NULL && *lock == 1;
}
