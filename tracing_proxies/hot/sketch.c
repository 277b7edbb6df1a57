/* Counts durations by bin, as `Sketch.add` does, at an eighth of what it takes there: that is most of what a call costs of
   which nothing else is recorded. */
#include "parts.h"

#include <math.h>
#include <string.h>

#define BINS 2300 /* log(2**63) * 50, and some */

/* Add what has been counted to the counts of before. */
static int
add_up(PyObject *bins, const unsigned *counts, Py_ssize_t lowest, Py_ssize_t highest)
{
    for (Py_ssize_t at = lowest; at <= highest; at++) {
        if (!counts[at])
            continue;
        PyObject *bin = PyLong_FromSsize_t(at), *before = bin == NULL ? NULL : PyDict_GetItemWithError(bins, bin), *now = NULL;
        if (before != NULL)
            now = PyLong_FromLongLong(PyLong_AsLongLong(before) + counts[at]);
        else if (!PyErr_Occurred())
            now = PyLong_FromUnsignedLong(counts[at]);
        int failed = now == NULL || PyDict_SetItem(bins, bin, now) < 0;
        Py_XDECREF(now);
        Py_XDECREF(bin);
        if (failed)
            return -1;
    }
    return 0;
}

/* count_durations(bins, durations, per_log): how many have failed, and the sum; None where that is not for here. */
PyObject *
hot_count_durations(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyDict_Check(args[0]) || !PyFloat_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "bins, durations, and bins per logarithm are needed");
        return NULL;
    }
    if (!PyList_CheckExact(args[1]))
        Py_RETURN_NONE;
    unsigned counts[BINS];
    double per_log = PyFloat_AS_DOUBLE(args[2]);
    long long total = 0, failed = 0;
    Py_ssize_t lowest = BINS, highest = -1, many = PyList_GET_SIZE(args[1]);
    memset(counts, 0, sizeof(counts));
    for (Py_ssize_t at = 0; at < many; at++) {
        PyObject *duration = PyList_GET_ITEM(args[1], at);
        int over = !PyLong_CheckExact(duration);
        long long taken = over ? 0 : PyLong_AsLongLongAndOverflow(duration, &over);
        if (taken < 0) {
            taken = ~taken;
            failed++;
        }
        if (taken < 1)
            taken = 1;
        Py_ssize_t bin = (Py_ssize_t)(per_log * log((double)taken));
        if (over || bin < 0 || bin >= BINS || taken > (1LL << 62) - total)
            Py_RETURN_NONE;
        total += taken;
        counts[bin]++;
        if (bin < lowest)
            lowest = bin;
        if (bin > highest)
            highest = bin;
    }
    int was_ours = hot_take_for_ours(); /* whatever thread that is: the counts are kept as long as the process lives */
    int done = add_up(args[0], counts, lowest, highest);
    hot_take_as_before(was_ours);
    return done < 0 ? NULL : Py_BuildValue("LL", failed, total);
}
