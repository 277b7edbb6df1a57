/* Stands back while the application computes, as `Slices._wait`, without the interpreter's lock for as long as it
   takes: a thread that asks for the lock after every nap makes the application give it up, which it then has to wait
   for itself, 5 ms and two changes of threads each time. */
#include "parts.h"

/* In nanoseconds, as in delivery/slices.py but for the shortest: whoever waits for the lock has to be awake by its end. */
#define SHORTEST 100000LL
#define FIRST 1000000LL
#define LONGEST 16000000LL
#define BUSY 0.25
#define KEPT_WAITING 2000000LL
#define MOST_CLOCKS 64

/* The CPU that the application's threads have taken, but for a constant; a thread that has ended has a clock no more. */
static long long
spent(const clockid_t *ours, Py_ssize_t count)
{
    long long total = hot_read_clock(CLOCK_PROCESS_CPUTIME_ID) - hot_cpu_now();
    while (count-- > 0)
        total -= hot_read_clock(ours[count]);
    return total;
}

/* Nap until the application rests, for `most` nanoseconds at most beside the first nap, which is the shortest there is;
   answers whether it rests. `stood` is set to how long was stood back. One that rests may have the lock all the same, for a
   moment: it is not asked for then. */
static int
stand_back(const clockid_t *ours, Py_ssize_t count, long long most, long long *stood)
{
    long long nap = SHORTEST, start = hot_read_clock(CLOCK_MONOTONIC), before = spent(ours, count), end, after;
    int is_first = 1;
    for (*stood = 0;; start = end, before = after, is_first = 0) {
        struct timespec pause = {0, (long)nap};
        nanosleep(&pause, NULL);
        end = hot_read_clock(CLOCK_MONOTONIC);
        after = spent(ours, count);
        int rests = (double)(after - before) < BUSY * (double)(end - start);
        if (rests && !hot_is_lock_held())
            return 1;
        if (!is_first)
            *stood += end - start;
        if (*stood >= most)
            return 0;
        nap = rests ? SHORTEST : nap < FIRST ? FIRST : 2 * nap < LONGEST ? 2 * nap : LONGEST;
        if (nap > FIRST && nap > most - *stood)
            nap = most - *stood > FIRST ? most - *stood : FIRST;
    }
}

/* stand_back(the clocks of our other threads, seconds): whether the application rests, and the seconds stood back. */
PyObject *
hot_stand_back(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    clockid_t ours[MOST_CLOCKS];
    Py_ssize_t count = 0;
    if (nargs != 2 || !PyTuple_Check(args[0]) || !PyFloat_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "clocks and seconds are needed");
        return NULL;
    }
    for (; count < PyTuple_GET_SIZE(args[0]) && count < MOST_CLOCKS; count++)
        ours[count] = (clockid_t)PyLong_AsLong(PyTuple_GET_ITEM(args[0], count));
    if (PyErr_Occurred())
        return NULL;
    long long most = (long long)(PyFloat_AS_DOUBLE(args[1]) * 1e9), stood, woken;
    int rests;
    Py_BEGIN_ALLOW_THREADS
    rests = stand_back(ours, count, most, &stood);
    woken = hot_read_clock(CLOCK_MONOTONIC);
    Py_END_ALLOW_THREADS
    /* On a machine that has no core for it at the moment it computes nothing, but it has the lock. */
    woken = hot_read_clock(CLOCK_MONOTONIC) - woken;
    if (rests && woken > KEPT_WAITING) {
        rests = 0;
        stood += woken;
    }
    return Py_BuildValue("Nd", PyBool_FromLong(rests), (double)stood / 1e9);
}
