/* Tells whether the stack of a thread is nearly full. The interpreter's own calls from Python to Python need none of it, and
   so it has a limit on their number only; a traced call needs some, and a thread's stack may be small
   (`threading.stack_size`): beyond its end the process would die. */
#include "parts.h"

#if defined(__GLIBC__)
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_LEFT (64 * 1024) /* for what is called at last: the interpreter's and others' C */
#define NOWHERE 1             /* where it begins, if that is not known */

typedef struct {
    uintptr_t lowest, left; /* where it ends, and how much of it is to stay free */
} Bounds;

static _Thread_local Bounds bounds;

static void
find_bounds(Bounds *found)
{
    pthread_attr_t attributes;
    void *lowest;
    size_t size;
    found->lowest = NOWHERE;
    found->left = 0;
    if (syscall(SYS_gettid) == getpid() || pthread_getattr_np(pthread_self(), &attributes) != 0)
        return; /* the main thread's grows, and is as large as the limit on recursion supposes */
    if (pthread_attr_getstack(&attributes, &lowest, &size) == 0) {
        found->lowest = (uintptr_t)lowest;
        found->left = size / 4 < MOST_LEFT ? size / 4 : MOST_LEFT;
    }
    pthread_attr_destroy(&attributes);
}

/* Whether there is no room for one more traced call, then with the exception for it. A stack that a library has made for
   itself lies elsewhere: of such a one nothing is known. */
int
hot_is_full(void)
{
    char here;
    if (bounds.lowest == 0)
        find_bounds(&bounds);
    if ((uintptr_t)&here - bounds.lowest >= bounds.left)
        return 0;
    PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded: the stack of this thread is nearly full");
    return 1;
}
#else
int
hot_is_full(void)
{
    return 0;
}
#endif
