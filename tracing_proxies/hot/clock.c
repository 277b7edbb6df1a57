/* The monotonic clock, and a generator of ids of our own (xoshiro256++ 1.0 by Blackman and Vigna, public domain). */
#include "parts.h"

#include <string.h>

long long
hot_now(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    return PyTime_PerfCounterRaw(&now) < 0 ? 0 : (long long)now;
#else
    return (long long)_PyTime_GetPerfCounter();
#endif
}

/* What one of the system's clocks shows, in nanoseconds; 0 where there is no such clock any more. */
long long
hot_read_clock(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) < 0 ? 0 : (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The CPU that the calling thread has taken, in nanoseconds. */
long long
hot_cpu_now(void)
{
    return hot_read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static unsigned long long state[4] = {1, 2, 3, 4};

static inline unsigned long long
rotated(unsigned long long x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static unsigned long long
draw(void)
{
    unsigned long long drawn = rotated(state[0] + state[3], 23) + state[0], t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotated(state[3], 45);
    return drawn;
}

int
hot_seed(PyObject *entropy)
{
    if (!PyBytes_Check(entropy) || PyBytes_GET_SIZE(entropy) != sizeof(state)) {
        PyErr_SetString(PyExc_ValueError, "32 bytes are needed");
        return -1;
    }
    memcpy(state, PyBytes_AS_STRING(entropy), sizeof(state));
    if (!(state[0] | state[1] | state[2] | state[3]))
        state[0] = 1; /* the one state that never changes */
    return 0;
}

/* Draw 64 or 128 bits, never 0 (W3C Trace Context, sections 3.2.2.3 and 3.2.2.4). */
PyObject *
hot_random_bits(int bits)
{
    unsigned long long parts[2];
    do {
        parts[0] = draw();
    } while (!parts[0]);
    if (bits == 64)
        return PyLong_FromUnsignedLongLong(parts[0]);
    parts[1] = draw();
    return _PyLong_FromByteArray((const unsigned char *)parts, sizeof(parts), PY_LITTLE_ENDIAN, 0);
}

/* The low 64 bits of an id. */
unsigned long long
hot_low_bits(PyObject *id)
{
    return PyLong_AsUnsignedLongLongMask(id);
}

/* R of the sampling rule: the low 56 bits of a trace's id. */
unsigned long long
hot_random_of(PyObject *trace_id)
{
    return hot_low_bits(trace_id) & ((1ULL << 56) - 1);
}
